"""Requests that are declined whatever the library holds: briefly, and with a way to real help.

Knows nothing of triage, which has already answered a person in danger. Rules are data: guard_data/declines.toml.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from consult.safety import messages, words
from consult.safety.types import Card, Language

_DATA = Path(__file__).with_name("guard_data") / "declines.toml"


@dataclass(frozen=True, slots=True)
class _Rule:
    code: str
    card: str
    patterns: tuple[re.Pattern[str], ...]
    together: tuple[re.Pattern[str], ...]
    rescues: tuple[re.Pattern[str], ...]

    def fits(self, flat: str) -> bool:
        """Whether one pattern is found, or all of those that count together, and nothing rescues the question."""
        asked = any(p.search(flat) for p in self.patterns)
        asked = asked or (bool(self.together) and all(p.search(flat) for p in self.together))
        return asked and not any(p.search(flat) for p in self.rescues)


def declines(question: str, language: Language, country: str | None = None) -> Card | None:
    """The card that declines a harmful request; None for any other question, however alarming its words."""
    rule = _matching(question)
    return messages.card(rule.card, language=language, country=country) if rule else None


def reason(question: str) -> str:
    """The code of the rule that declines the question, for staff; "" if none does."""
    rule = _matching(question)
    return rule.code if rule else ""


def _matching(question: str) -> _Rule | None:
    flat = re.sub(r"\s+", " ", words.normalise(question))
    for rule in _rules():
        if rule.fits(flat):
            return rule
    return None


@cache
def _rules() -> tuple[_Rule, ...]:
    rows = tomllib.loads(_DATA.read_text(encoding="utf-8"))["decline"]
    return tuple(
        _Rule(
            row["code"],
            row.get("card", "declined"),
            tuple(_compiled(p) for p in (*row.get("en", ()), *row.get("zh", ()))),
            tuple(_compiled(p) for p in row.get("all", ())),
            tuple(_compiled(p) for p in row.get("except", ())),
        )
        for row in rows
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("’", "'").replace("，", ",，"), re.IGNORECASE)
