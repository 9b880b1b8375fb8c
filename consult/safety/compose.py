"""An answer made of the library's own sentences, for when the model's did not pass.

Knows nothing of the model. The passages that fit the question best, by its words and by what it asks for (to prevent,
to treat, when to go ...), give the sentences nearest to it; a list is given whole, with its lead, or not at all.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

from consult.safety import claims, words
from consult.safety.check import check_sentence, is_answer, tainted
from consult.safety.sentences import split
from consult.safety.types import Language, Level, Passage, Verdict

MOST_SENTENCES = 5
MOST_ITEMS = 12

_DATA = Path(__file__).with_name("guard_data") / "intents.toml"


@dataclass(frozen=True, slots=True)
class _Block:
    """A sentence, or a list: its lead and all its items."""

    lines: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        return len(self.lines) > 1 or self.lines[0].lstrip().startswith(("-", "*", "•"))


def compose(question: str, passages: Sequence[Passage], language: Language) -> list[Verdict]:
    """An answer made of the passages' own sentences, each allowed and cited; [] where no passage fits the question.

    Sentences come first, in the order of the text; the lists of a passage follow as one verdict with a line an item.
    """
    asked = _asked(question)
    clean = [passage for passage in passages if not tainted(passage)]
    if not any(_shared(asked, passage) for passage in clean):
        return []
    ranked = sorted(clean, key=lambda one: (-_fit(question, asked, one), one.number))
    least = _shared(asked, ranked[0])
    chosen: list[Verdict] = []
    for passage in ranked[:2]:
        if _shared(asked, passage) >= least and len(chosen) < MOST_SENTENCES:
            chosen += _from_passage(asked, passage, language, chosen)
    return chosen if is_answer([verdict.text for verdict in chosen]) else []


def _from_passage(
    asked: set[str], passage: Passage, language: Language, before: Sequence[Verdict]
) -> Iterator[Verdict]:
    said = [verdict.text for verdict in before]
    blocks = [block for block in _blocks(passage) if _allowed(block, passage, language, said)]
    singles = [block for block in blocks if not block.is_list]
    for block in _nearest(asked, singles, MOST_SENTENCES - len(before)):
        yield Verdict(True, block.lines[0], (passage.number,))
    lists = _that_fit([block for block in blocks if block.is_list])
    if lists:
        yield Verdict(True, "\n\n".join("\n".join(block.lines) for block in lists), (passage.number,))


def _blocks(passage: Passage) -> Iterator[_Block]:
    parts = split(passage.text)
    index = 0
    while index < len(parts):
        lead = parts[index].rstrip().endswith((":", "："))
        if not lead and not _is_item(parts[index]):
            yield _Block((parts[index],))
            index += 1
            continue
        items = list(takewhile(_is_item, parts[index + lead :]))
        if items:
            yield _Block((*parts[index : index + lead], *items))
        index += lead + len(items)


def _allowed(block: _Block, passage: Passage, language: Language, said: Sequence[str]) -> bool:
    """Whether every line passes; a list that would lose a line is left out, for half a list of signs misleads."""
    return all(
        check_sentence(line, [passage], level=Level.SELF_CARE, language=language, said=said).allowed
        for line in block.lines
    )


def _nearest(asked: set[str], blocks: Sequence[_Block], count: int) -> list[_Block]:
    ranked = sorted(range(len(blocks)), key=lambda i: (-len(asked & set(words.content(blocks[i].lines[0]))), i))
    return [blocks[index] for index in sorted(ranked[: max(count, 0)])]


def _that_fit(lists: Sequence[_Block]) -> list[_Block]:
    """The first lists that together stay within the limit, at least one."""
    kept: list[_Block] = []
    for block in lists:
        if kept and sum(len(one.lines) for one in kept) + len(block.lines) > MOST_ITEMS:
            break
        kept.append(block)
    return kept


def _is_item(part: str) -> bool:
    return part.lstrip().startswith(("-", "*", "•"))


def _asked(text: str) -> set[str]:
    return set(words.content(text)) | {
        word for name in claims.terms(text) | claims.medicines(text) for word in words.content(name)
    }


def _shared(asked: set[str], passage: Passage) -> int:
    return 3 * len(asked & _asked(passage.title)) + len(asked & _asked(passage.text))


def _fit(question: str, asked: set[str], passage: Passage) -> float:
    """How well a passage fits: shared words, what is asked for, and the order in which the search gave it."""
    meant = [passage_signs for question_signs, passage_signs in _intents() if question_signs.search(question.lower())]
    text = words.normalise(passage.text)
    return _shared(asked, passage) + 4 * any(signs.search(text) for signs in meant) - 0.7 * passage.number


@cache
def _intents() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    rows = tomllib.loads(_DATA.read_text(encoding="utf-8"))["intent"]
    return tuple((re.compile(row["asked"]), re.compile(row["told"], re.MULTILINE)) for row in rows)
