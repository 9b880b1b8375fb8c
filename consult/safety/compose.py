"""An answer made of the library's own sentences, for when the model's did not pass.

Knows nothing of the model. The passage that fits the question best comes first: by what is asked for (to prevent, to
treat, when to go ...), by the words of the question, and by the order in which the search gave it. Where nothing in
particular is asked, that is what people can do themselves, and medicines come last. A second passage follows only
where it is of the same topic or holds what the first lacks. A list is given whole, with its lead, or not at all.
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
from consult.safety.support import idf
from consult.safety.types import Language, Level, Passage, Verdict

MOST_SENTENCES = 5
MOST_ITEMS = 12
ASKED_FOR, SHARED, PLACE, UNASKED = 4.0, 4.0, 1.2, 2.0  # what a passage gains, and loses by its place or its subject
ENOUGH = 0.3  # of the question's words that the first passage lacks: a second one of another topic must hold so many
MEDICINES = "medicines-and-cautions"
ABOUT_PERSON = "diagnosis"  # the guard's code for what is stated of this person as a fact

_DATA = Path(__file__).with_name("guard_data") / "intents.toml"


@dataclass(frozen=True, slots=True)
class _Intent:
    """What may be asked for. ``sections`` of our own topics tell it; elsewhere the words ``told`` show it."""

    asked: re.Pattern[str]
    told: re.Pattern[str]
    sections: tuple[str, ...]

    def told_by(self, passage: Passage) -> bool:
        """Whether the passage holds what is asked for."""
        if passage.section in _sections():
            return passage.section in self.sections
        return bool(self.told.search(words.normalise(passage.text)))


@dataclass(frozen=True, slots=True)
class Block:
    """A sentence, or a list: its lead and all its items."""

    lines: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        return len(self.lines) > 1 or self.lines[0].lstrip().startswith(("-", "*", "•"))


def compose(question: str, passages: Sequence[Passage], language: Language) -> list[Verdict]:
    """An answer made of the passages' own sentences, each allowed and cited; [] where no passage fits the question.

    Sentences come first, in the order of the text; the lists of a passage follow as one verdict with a line an item.
    """
    asked = _asked(question, language)
    clean = [passage for passage in passages if not tainted(passage)]
    if not any(asked & _asked(f"{passage.title} {passage.text}", language) for passage in clean):
        return []
    chosen: list[Verdict] = []
    for passage in _order(question, asked, clean, language):
        if len(chosen) < MOST_SENTENCES:
            chosen += _from_passage(asked, passage, language, chosen)
    return chosen if is_answer([verdict.text for verdict in chosen]) else []


def _order(question: str, asked: set[str], passages: Sequence[Passage], language: Language) -> list[Passage]:
    """The passage that fits best, and one that adds to it: of the same topic, or with what the first lacks."""
    ranked = sorted(passages, key=lambda one: (-_fit(question, asked, one, language), one.number))
    first, *rest = ranked
    lacking = asked - _asked(f"{first.title} {first.text}", language)
    adding = [one for one in rest if one.title == first.title]
    if lacking:
        adding += [one for one in rest if _share(lacking, one, language) * _weight(lacking) >= ENOUGH * _weight(asked)]
    return [first, *adding[:1]]


def _from_passage(
    asked: set[str], passage: Passage, language: Language, before: Sequence[Verdict]
) -> Iterator[Verdict]:
    said = [verdict.text for verdict in before]
    good = [block for block in blocks(passage) if allowed(block, passage, language, said)]
    singles = [block for block in good if not block.is_list]
    for block in _nearest(asked, singles, MOST_SENTENCES - len(before)):
        yield Verdict(True, block.lines[0], (passage.number,))
    lists = _that_fit([block for block in good if block.is_list])
    if lists:
        yield Verdict(True, "\n\n".join("\n".join(block.lines) for block in lists), (passage.number,))


def blocks(passage: Passage) -> Iterator[Block]:
    """The passage in sentences and whole lists, in the order of the text."""
    parts = split(passage.text)
    index = 0
    while index < len(parts):
        lead = parts[index].rstrip().endswith((":", "："))
        if not lead and not _is_item(parts[index]):
            yield Block((parts[index],))
            index += 1
            continue
        items = list(takewhile(_is_item, parts[index + lead :]))
        if items:
            yield Block((*parts[index : index + lead], *items))
        index += lead + len(items)


def allowed(block: Block, passage: Passage, language: Language, said: Sequence[str]) -> bool:
    """Whether every line passes; a list that would lose a line is left out, for half a list of signs misleads."""
    lead, *items = block.lines
    if not items or not lead.rstrip().endswith((":", "：")):
        return all(not _reasons(line, passage, language, said) for line in block.lines)
    return not _reasons(lead, passage, language, said) and all(
        _item_allowed(lead, one, passage, language) for one in items
    )


def _item_allowed(lead: str, item: str, passage: Passage, language: Language) -> bool:
    """ "You are pregnant" says nothing of this person where "See a doctor if:" stands above it."""
    reasons = _reasons(item, passage, language, [])
    return not reasons or (
        reasons == {ABOUT_PERSON} and ABOUT_PERSON not in _reasons(said_of(lead, item), passage, language, [])
    )


def said_of(lead: str, item: str) -> str:
    """An item of a list as the sentence that it is, after its lead."""
    return f"{lead.rstrip().rstrip(':：')} {item.strip().lstrip('-*•').strip()}"


def _reasons(line: str, passage: Passage, language: Language, said: Sequence[str]) -> set[str]:
    verdict = check_sentence(line, [passage], level=Level.SELF_CARE, language=language, said=said)
    return set() if verdict.allowed else {reason.code for reason in verdict.reasons}


def _nearest(asked: set[str], blocks: Sequence[Block], count: int) -> list[Block]:
    ranked = sorted(range(len(blocks)), key=lambda i: (-len(asked & set(words.content(blocks[i].lines[0]))), i))
    return [blocks[index] for index in sorted(ranked[: max(count, 0)])]


def _that_fit(lists: Sequence[Block]) -> list[Block]:
    """The first lists that together stay within the limit, at least one."""
    kept: list[Block] = []
    for block in lists:
        if kept and sum(len(one.lines) for one in kept) + len(block.lines) > MOST_ITEMS:
            break
        kept.append(block)
    return kept


def _is_item(part: str) -> bool:
    return part.lstrip().startswith(("-", "*", "•"))


def _asked(text: str, language: Language) -> set[str]:
    """The words that carry meaning; of Chinese the characters, since its words are written in several ways."""
    found = set(words.content(text)) | {
        word for name in claims.terms(text) | claims.medicines(text) for word in words.content(name)
    }
    return set("".join(found)) if language == "zh" else found


def _weight(asked: set[str]) -> float:
    return sum(map(idf, asked))


def _share(asked: set[str], passage: Passage, language: Language) -> float:
    """How much of what is asked the passage holds (0 to 1); rare words weigh more."""
    held = _asked(f"{passage.title} {passage.text}", language)
    return _weight(asked & held) / (_weight(asked) or 1.0)


def _fit(question: str, asked: set[str], passage: Passage, language: Language) -> float:
    meant = _meant(question)
    fit = SHARED * _share(asked, passage, language) - PLACE * passage.number
    if not meant:
        return fit + _without_intent(passage)
    return fit + ASKED_FOR * any(intent.told_by(passage) for intent in meant) + _without_intent(passage) / 2


def _meant(question: str) -> list[_Intent]:
    """What is asked for; a question that names a medicine, and no more, asks about medicines."""
    low = question.lower()
    meant = [one for one in _intents() if one.asked.search(low)]
    if not meant and claims.medicines(question):
        return [one for one in _intents() if MEDICINES in one.sections]
    return meant


def _without_intent(passage: Passage) -> float:
    """Nothing in particular is asked: first what people can do, last medicines, which are for those who ask."""
    return {"what-you-can-do": UNASKED, "emergency-signs": -UNASKED / 2, MEDICINES: -UNASKED}.get(passage.section, 0.0)


@cache
def _intents() -> tuple[_Intent, ...]:
    rows = tomllib.loads(_DATA.read_text(encoding="utf-8"))["intent"]
    return tuple(
        _Intent(re.compile(row["asked"]), re.compile(row["told"], re.MULTILINE), tuple(row["sections"])) for row in rows
    )


@cache
def _sections() -> frozenset[str]:
    return frozenset(section for intent in _intents() for section in intent.sections)
