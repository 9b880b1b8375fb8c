"""What a sentence joins: a number to a sign, one thing to another. Right words wrongly joined are refused.

Knows nothing of verdicts. ``number_moved`` finds a number that the passage gives, but of something else ("for two
weeks" of a cough said of blood); ``roles_turned`` finds two things that have changed places ("A causes B" for
"B causes A", "A is milder than B"). Words come from guard_data/roles.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from consult.safety import claims, words
from consult.safety.support import Window, held_by, idf, windows
from consult.safety.types import Passage

RARE = 4.5  # of inverse document frequency: rarer words say what a sentence is about
_CONDITION = re.compile(r"\b(?:if|when|unless|once)\b|如果|若|假如|一旦|出现")
_PIECES = re.compile(r"[;；]|, (?:and|but|so|because|which) | (?:but|because) |, (?=[a-z]+ing )|[。!?！？]")
_LISTED = re.compile(r", | or | and |[,，、]|或者?|以及|和")
_THAN = re.compile(r"\b(?:more|less|fewer) [a-z]+ than\b|\b[a-z]{2,}er than\b|\bworse than\b|\bbetter than\b")
_THAN_ZH = re.compile(
    r"比(?P<other>[\u3400-\u9fff]{1,10}?)更?(?P<how>轻|重|高|低|多|少|大|小|长|短|快|慢|早|晚|严重|常见|危险)"
)


def number_moved(text: str, passage: Passage) -> str:
    """A word that the passage holds, but never in the sentence or list item that gives the number; "" for none."""
    units = [window for window in windows(passage) if window.parts == 1]
    for piece in _PIECES.split(text):
        for amounts, about in _with_numbers(piece):
            beside = [unit for unit in units if amounts <= _amounts(unit.text)]
            apart = [unit for unit in units if unit not in beside]
            for word in about:
                holding = [unit for unit in apart if _says(word, unit)]
                if any(held_by(word, unit) for unit in beside) or not holding:
                    continue
                if _tells(word, piece) or any(_amounts(unit.text) for unit in holding):
                    return word
    return ""


def _with_numbers(piece: str) -> Iterator[tuple[frozenset[claims.Quantity], list[str]]]:
    """Each group of numbers of a statement with the words that it is said of.

    A number of the main clause is said of all that follows; one of the condition, of its own item of the list.
    """
    condition = _condition(piece)
    inner = piece[slice(*condition)] if condition else ""
    outer = piece.replace(inner, " ") if inner else piece
    if amounts := _amounts(outer):
        own = _LISTED.split(inner)
        yield amounts, words.content(" ".join([outer, *(part for part in own if not _amounts(part))]))
    for item in _LISTED.split(inner):
        if amounts := _amounts(item):
            yield amounts, words.content(item)


def _condition(piece: str) -> tuple[int, int] | None:
    """Where "if ..." stands: to the end, or to the first comma where the sentence begins with it."""
    found = _CONDITION.search(piece)
    if found is None:
        return None
    comma = re.search(r"[,，]", piece[found.end() :])
    begins = not piece[: found.start()].strip()
    return found.start(), found.end() + comma.start() if begins and comma else len(piece)


def _amounts(text: str) -> frozenset[claims.Quantity]:
    return frozenset(claims.quantities(text))


def _tells(word: str, piece: str) -> bool:
    """Whether a word says what is meant: part of the name of a sign or condition, or rare in the library."""
    named = {part for name in claims.terms(piece) for part in words.content(name)}
    return word in named or (word.isascii() and idf(word) >= RARE)


def _says(word: str, unit: Window) -> bool:
    """Whether the unit's own text, not the title, holds the word."""
    return held_by(word, Window(unit.number, "", unit.text))


def roles_turned(text: str, evidence: str) -> str:
    """The word between two things that have changed places from the evidence to the text; "" for none."""
    held = list(_relations(evidence))
    for kind, word, before, after in _relations(text):
        same = [(one, other) for name, _, one, other in held if name == kind]
        if same and all(_crossed(before, after, one, other) for one, other in same):
            return word
    return ""


def _crossed(before: set[str], after: set[str], one: set[str], other: set[str]) -> bool:
    """Whether what stands before here stands after there, and the other way round."""
    both = one & other
    one, other = one - both, other - both
    crossed, straight = (before & other, after & one), (before & one, after & other)
    return all(crossed) and sum(map(len, crossed)) > sum(map(len, straight))


def _relations(text: str) -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Each relation as kind, the word that says it, and the words of the doer's and of the other side."""
    for sentence in re.split(r"[。！？!?;；]|\.(?=\s|$)", words.normalise(text)):
        for kind, pattern, turned in _patterns():
            if found := pattern.search(sentence):
                before, after = _sides(sentence, found)
                yield kind, found.group(), *((after, before) if turned else (before, after))
        if found := _THAN.search(sentence):
            yield found.group(), found.group(), *_sides(sentence, found)
        if found := _THAN_ZH.search(sentence):
            yield "比" + found["how"], found.group(), _bag(sentence[: found.start()]), _bag(found["other"])


def _sides(sentence: str, found: re.Match[str]) -> tuple[set[str], set[str]]:
    before, after = sentence[: found.start()], sentence[found.end() :]
    if not before.strip() and "," in after:  # "After the tablet, eat"
        after, before = after.split(",", 1)
    return _bag(before), _bag(after)


def _bag(text: str) -> set[str]:
    content = words.content(text)
    return set("".join(content)) if words.is_chinese(text) else set(content)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], bool], ...]:
    path = Path(__file__).with_name("guard_data") / "roles.toml"
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["family"]
    return tuple(
        (row["name"], _any_of(row[side]), side == "backward")
        for row in rows
        for side in ("backward", "forward")
        if row[side]
    )


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    listed = [one if not one.isascii() else rf"\b{one}\b" for one in patterns]
    return re.compile("|".join(listed))
