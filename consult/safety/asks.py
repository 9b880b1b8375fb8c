"""The one fact that would change an answer most, to be asked before it: how old, pregnant, which medicine, how long.

Decided without any model: rows of guard_data/asks.toml say which questions depend on which fact, when the patient has
told it already, and how a passage reads that says different things by it. The questions are cards with choices.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from consult.safety import claims, messages, words
from consult.safety.cautions import about_child
from consult.safety.facts import ages
from consult.safety.text import normalise
from consult.safety.types import Card, Language, Passage, Profile

FERTILE = (12.0, 56.0)  # years of age between which a pregnancy is asked about

_DATA = Path(__file__).with_name("guard_data") / "asks.toml"


@dataclass(frozen=True, slots=True)
class Told:
    """What is known when an answer is due: ``said`` is all that the patient wrote, the ``question`` included."""

    question: str
    said: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class _Ask:
    card: str
    of: Callable[[str], bool]
    known: Callable[[Told], bool]
    asked: tuple[re.Pattern[str], ...]
    unless: re.Pattern[str]
    depends: re.Pattern[str]

    def fits(self, told: Told, passages: Sequence[Passage]) -> bool:
        """Whether the answer would be another by this fact, and nobody has told it."""
        question, said = words.normalise(told.question), words.normalise(told.said)
        if not (self.of(question) and all(pattern.search(question) for pattern in self.asked)):
            return False
        if self.unless.search(said) or self.known(told):
            return False
        return any(self.depends.search(one) for one in ["", *(words.normalise(one.text) for one in passages)])


def question(told: Told, passages: Sequence[Passage], before: Collection[str] = ()) -> str:
    """The key of the card that asks; "" where nothing is to be asked. ``before`` are keys asked earlier."""
    return next((row.card for row in _rows() if row.card not in before and row.fits(told, passages)), "")


def card(key: str, language: Language, country: str | None = None) -> Card:
    """The question as a card with choices."""
    return messages.card(key, language=language, country=country)


def is_question(key: str) -> bool:
    """Whether a card of that key is one of these questions."""
    return any(row.card == key for row in _rows())


def _age_known(told: Told) -> bool:
    return bool(ages(normalise(told.said)))


def _pregnancy_known(told: Told) -> bool:
    """Known, or not possible; a child's question is asked for the child's age instead."""
    profile = told.profile
    stated = ages(normalise(told.said))
    years = [*stated, *([profile.age_years] if profile.age_years is not None else [])]
    impossible = profile.sex == "male" or any(not FERTILE[0] <= one < FERTILE[1] for one in years)
    return profile.pregnant is not None or impossible or about_child(told.said)


def _medicine_known(told: Told) -> bool:
    """By name or kind, anywhere; a short list in the profile may be what is meant, a shared one is searched with."""
    return bool(claims.medicines(told.said)) or len(told.profile.medicines) == 1


_KNOWN: Mapping[str, Callable[[Told], bool]] = {
    "age": _age_known,
    "pregnancy": _pregnancy_known,
    "medicine": _medicine_known,
    "since": lambda told: False,  # by its words alone
}
_OF: Mapping[str, Callable[[str], bool]] = {
    "": lambda text: True,
    "child": about_child,
    "oneself": lambda text: not about_child(text),
}


@cache
def _rows() -> tuple[_Ask, ...]:
    rows = tomllib.loads(_DATA.read_text(encoding="utf-8"))["ask"]
    return tuple(
        _Ask(
            row["card"],
            _OF[row.get("of", "")],
            _KNOWN[row["known"]],
            tuple(map(re.compile, row["asked"])),
            re.compile(row["unless"]),
            re.compile(row["depends"]),
        )
        for row in rows
    )
