"""The fixed cards, in English and Simplified Chinese, read once from messages/*.toml.

Knows nothing of rules or of the model: given a key, a language, a country and whom it is about, it gives the words
that a clinician signed off. Numbers come only from numbers.toml; where none is certain the wording is generic.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from consult.safety import numbers
from consult.safety.numbers import Numbers
from consult.safety.types import Action, Assessment, Card, Choice, Language, Level, Subject

# What the page turns into the "talk to a person" control.
PERSON_HREF = "#person"

_FOLDER = Path(__file__).with_name("messages")
_TEXTS = ("title", "paragraphs", "points", "choices")
_ACTIONS = ("ambulance", "crisis", "police", "poison", "person")
_PERSON: Mapping[tuple[Language, Subject], str] = MappingProxyType(
    {
        ("en", "self"): "you", ("en", "child"): "the child", ("en", "other"): "the person",
        ("zh", "self"): "您", ("zh", "child"): "孩子", ("zh", "other"): "对方",
    }
)  # fmt: skip
_GENERIC: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "ambulance": "your local emergency number",
            "police": "the police",
            "poison": "your local poison centre",
            "crisis": "a crisis line in your country",
        },
        "zh": {
            "ambulance": "当地急救电话",
            "police": "当地报警电话",
            "poison": "当地中毒急救中心",
            "crisis": "当地心理援助热线",
        },
    }
)
_LABELS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "call": "Call {number}",
            "call_named": "Call {name}: {number}",
            "call_generic": "Call {generic}",
            "person": "Talk to a person here",
        },
        "zh": {
            "call": "拨打 {number}",
            "call_named": "拨打{name}：{number}",
            "call_generic": "拨打{generic}",
            "person": "在这里找人工帮助",
        },
    }
)


class UnknownCard(KeyError):
    """No card has this key."""


def keys() -> tuple[str, ...]:
    """The keys of every card, sorted."""
    return tuple(sorted(_load()))


def card(key: str, *, language: Language, country: str | None, subject: Subject = "self") -> Card:
    """The card of ``key`` for one reader; raises UnknownCard. ``country`` is an ISO code, or "" or None if unknown."""
    try:
        row = _load()[key]
    except KeyError:
        raise UnknownCard(key) from None
    local = numbers.for_country(country)
    words = _words(language, local, subject)
    text = _text(row, language, subject)
    return Card(
        key=key,
        level=Level(row["level"]),
        title=_filled(text["title"], words),
        paragraphs=tuple(_filled(line, words) for line in text["paragraphs"]),
        points=tuple(_filled(line, words) for line in text.get("points", ())),
        actions=tuple(action for name in row.get("actions", ()) for action in _actions(name, language, local)),
        language=language,
        choices=tuple(Choice(*pair) for pair in text.get("choices", ())),
    )


def card_for(assessment: Assessment, *, country: str | None) -> Card:
    """The card of an assessment: of its message key, or of its level where it names none or one that is unknown."""
    key = assessment.message if assessment.message in _load() else assessment.level.value
    return card(key, language=assessment.language, country=country, subject=assessment.subject)


def standing_notice(language: Language, country: str | None) -> str:
    """The notice that stays in view: this is software, it may be wrong, and whom to call in an emergency."""
    words = _words(language, numbers.for_country(country), "self")
    return str(_notices()["standing"][language]).format_map(words)


def worsening(level: Level, language: Language) -> str:
    """What the application adds under an answer: when to come back or get help sooner."""
    return str(_notices()["worsening"][level.value][language])


def not_held(name: str, language: Language) -> str:
    """The sentence before an answer that cannot speak of a medicine which the patient named."""
    return str(_notices()["not_held"][language]).format(name=name)


def written_by(author: str, language: Language) -> str:
    """Who wrote a message: ``author`` is "software", "read" (by a clinician, before it was sent) or "clinician"."""
    return str(_notices()["written_by"][author][language])


def _text(row: Mapping[str, Any], language: Language, subject: Subject) -> Mapping[str, Any]:
    if subject != "self":
        for variant in (f"{language}_{subject}", f"{language}_other"):
            if variant in row:
                return dict(row[variant])
    return dict(row[language])


def _filled(line: str, words: Mapping[str, str]) -> str:
    """The line with its words filled in; a sentence that begins with one of them begins with a capital."""
    return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), line.format_map(words))


def _words(language: Language, local: Numbers, subject: Subject) -> dict[str, str]:
    generic = _GENERIC[language]
    crisis = generic["crisis"]
    if local.crisis:
        first = local.crisis[0]
        crisis = f"{first.name} ({first.number})" if language == "en" else f"{first.name}（{first.number}）"
    return {
        "person": _PERSON[language, subject],
        "ambulance": local.ambulance or generic["ambulance"],
        "police": local.police or generic["police"],
        "poison": local.poison or generic["poison"],
        "crisis": crisis,
    }


def _actions(name: str, language: Language, local: Numbers) -> tuple[Action, ...]:
    labels = _LABELS[language]
    if name == "person":
        return (Action(labels["person"], PERSON_HREF),)
    if name == "crisis" and local.crisis:
        return tuple(
            Action(labels["call_named"].format(name=line.name, number=line.number), line.href) for line in local.crisis
        )
    number = {"ambulance": local.ambulance, "police": local.police, "poison": local.poison}.get(name, "")
    if number:
        return (Action(labels["call"].format(number=number), numbers.Line("", number).href),)
    return (Action(labels["call_generic"].format(generic=_GENERIC[language][name]), ""),)


@cache
def _load() -> dict[str, dict[str, Any]]:
    cards: dict[str, dict[str, Any]] = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        if path.name == "notices.toml":
            continue
        for key, row in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if key in cards:
                raise ValueError(f"{path.name}: the card {key!r} is written twice")
            _check(path.name, key, row)
            cards[key] = row
    return cards


@cache
def _notices() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "notices.toml").read_text(encoding="utf-8"))


def _check(file: str, key: str, row: dict[str, Any]) -> None:
    """Refuse a card that cannot be shown: at start-up, with its file and key, rather than to a patient."""
    variants = {"en", "zh", "en_other", "zh_other", "en_child", "zh_child"}
    if unknown := set(row) - variants - {"level", "actions"}:
        raise ValueError(f"{file}: {key}: unknown keys {sorted(unknown)}")
    Level(row["level"])
    if wrong := set(row.get("actions", ())) - set(_ACTIONS):
        raise ValueError(f"{file}: {key}: unknown actions {sorted(wrong)}")
    for needed in ("en", "zh"):
        if needed not in row:
            raise ValueError(f"{file}: {key}: no text in {needed!r}")
    for name in variants & set(row):
        if any(len(pair) != 2 for pair in row[name].get("choices", ())):
            raise ValueError(f"{file}: {key}: {name}: a choice is a label and what is then said")
        if set(row[name]) - set(_TEXTS) or "title" not in row[name] or not row[name].get("paragraphs"):
            raise ValueError(
                f"{file}: {key}: {name}: needs title and paragraphs, may have points and choices, and nothing else"
            )
