"""The words of the safety layer: levels, turns, profiles, findings, verdicts, cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Language = Literal["en", "zh"]
Author = Literal["patient", "software", "clinician"]
Subject = Literal["self", "child", "other"]


def language_from(code: str | None) -> Language:
    """Our two languages out of a code such as "zh-hans" or "en-gb"; English for any other."""
    return "zh" if (code or "").lower().startswith("zh") else "en"


class Level(StrEnum):
    """How soon a person must be seen. Compare with ``rank``: higher is more urgent."""

    EMERGENCY = "emergency"
    CRISIS = "crisis"
    URGENT = "urgent"
    ROUTINE = "routine"
    SELF_CARE = "self_care"

    @property
    def rank(self) -> int:
        """4 for an emergency down to 0 for self-care."""
        return 4 - list(Level).index(self)


def highest(*levels: Level) -> Level:
    """The most urgent of ``levels``; self-care where there are none."""
    return max(levels, key=lambda level: level.rank, default=Level.SELF_CARE)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation, oldest first."""

    author: Author
    text: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of the person asked about. None and () mean unknown, never "no"."""

    age_years: float | None = None
    sex: Literal["female", "male", "other"] | None = None
    pregnant: bool | None = None
    weeks_since_birth: float | None = None
    conditions: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Words seen: characters ``start`` to ``end`` (exclusive) of turn number ``turn`` (0 is the oldest)."""

    turn: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that fired. ``why`` is a sentence a nurse would accept; ``message`` a key of messages/*.toml or "".

    ``told`` holds ``why`` in each language, for a nurse who reads another one than the patient writes.
    """

    rule: str
    title: str
    level: Level
    why: str
    spans: tuple[Span, ...] = ()
    message: str = ""
    subject: Subject = "self"
    told: Mapping[Language, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What triage says of a conversation as it now stands. ``findings`` most urgent first."""

    level: Level
    findings: tuple[Finding, ...]
    message: str
    subject: Subject
    language: Language
    rules_version: str
    ms: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered passage that the answer may cite as [number]. ``section`` is the slug of a topic's part, or ""."""

    number: int
    title: str
    text: str
    section: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the guard refused: a stable ``code`` (dose, diagnosis, unsupported ...) and a sentence for staff."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's word on one sentence. ``text`` has no citation marks; ``citations`` are passage numbers."""

    allowed: bool
    text: str
    citations: tuple[int, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A thing to press on a card: ``href`` is tel:..., a path of ours, or "" where only words are known."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer to press: what is shown, and the sentence that the patient then sends."""

    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Card:
    """A fixed message in one language: what to do now, whom to call, what meanwhile, what would be worse.

    Or a question, with ``choices``.
    """

    key: str
    level: Level
    title: str
    paragraphs: tuple[str, ...]
    points: tuple[str, ...]
    actions: tuple[Action, ...]
    language: Language
    choices: tuple[Choice, ...] = ()
