"""What a page says to this person in particular: in pregnancy, for a child, with an allergy, illness or medicine.

Knows nothing of the model or of search. ``watched`` makes of a profile what to look for, ``chosen`` finds it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from consult.safety import claims, words
from consult.safety.compose import MOST_ITEMS, allowed, blocks
from consult.safety.types import Language, Passage, Profile, Verdict

Group = Literal["child", "adult", "older", "pregnant", ""]
Holds = Callable[[str], bool]  # of a sentence: does it speak of this?
MOST = 3  # sentences or lists
CHILD_UNDER, OLDER_FROM = 16.0, 65.0
NOT_HERE = "emergency-signs"  # these are told whole, by cards and by their own section

_DATA = Path(__file__).with_name("guard_data") / "people.toml"
_FITS: Mapping[str, frozenset[str]] = {
    "child": frozenset({"child"}),
    "adult": frozenset({"adult"}),
    "older": frozenset({"older", "adult"}),
    "pregnant": frozenset({"pregnant", "adult"}),
}


def about_child(text: str) -> bool:
    """Whether the patient writes about a child of theirs."""
    flat, about = words.normalise(text), _patterns("about")
    return bool(about["child"].search(flat)) and not about["grown"].search(flat)


def about_oneself(text: str) -> bool:
    """Whether the account holder's own profile may be read with the question."""
    return not (about_child(text) or _patterns("about")["other"].search(words.normalise(text)))


def group(profile: Profile, question: str) -> Group:
    """Whom the pages are to fit; "" where nothing is known."""
    if about_child(question):
        return "child"
    if profile.pregnant:
        return "pregnant"
    if profile.age_years is None:
        return ""
    if profile.age_years < CHILD_UNDER:
        return "child"
    return "older" if profile.age_years >= OLDER_FROM else "adult"


def is_for(group: Group, audience: Collection[str]) -> bool:
    """Whether a page with that audience speaks to the group; a page that names nobody speaks to all."""
    return not (group and audience) or bool(_FITS[group] & set(audience))


def watched(profile: Profile, question: str) -> dict[str, Holds]:
    """What to look for in the passages: field of the profile ("" for what the question itself tells) to a test."""
    said, found = _patterns("cautions"), dict[str, Holds]()
    asked = claims.medicines(question) | claims.terms(question)
    group_ = group(profile, question)
    if profile.pregnant:
        found["pregnancy"] = _speaks(said["pregnancy"])
    if group_ in ("child", "older"):
        found["" if about_child(question) else "age"] = _speaks(said[group_])
    if profile.allergies:
        found["allergies"] = _names(profile.allergies, frozenset(), said["allergies"])
    if profile.medicines:
        found["medicines"] = _names(profile.medicines, asked, said["careful"])
    if profile.conditions:
        found["conditions"] = _names(profile.conditions, asked, said["careful"])
    return found


def _speaks(pattern: re.Pattern[str]) -> Holds:
    return lambda text: bool(pattern.search(words.normalise(text)))


def _names(named: Sequence[str], asked: frozenset[str], beside: re.Pattern[str]) -> Holds:
    """Of sentences that name one of these, other than what is asked about, and hold ``beside`` too."""
    known = frozenset(one for name in named for one in claims.medicines(name) | claims.terms(name)) - asked

    def holds(text: str) -> bool:
        return bool(known & (claims.medicines(text) | claims.terms(text)) and beside.search(words.normalise(text)))

    return holds


def chosen(watch: Mapping[str, Holds], passages: Sequence[Passage], language: Language) -> list[tuple[str, Verdict]]:
    """Field and sentence (or whole list) of these passages that hold for this person; each is allowed and cited."""
    found: dict[str, tuple[str, Verdict]] = {}
    for field, holds in watch.items():
        for verdict in _speaking(holds, passages, language):
            found.setdefault(verdict.text, (field, verdict))
            break  # one a field: the others stand on the page
    return list(found.values())[:MOST]


def _speaking(holds: Holds, passages: Sequence[Passage], language: Language) -> Iterator[Verdict]:
    for passage in passages:
        if passage.section == NOT_HERE:
            continue
        for block in blocks(passage):
            short = len(block.lines) <= MOST_ITEMS
            if short and any(map(holds, block.lines)) and allowed(block, passage, language, []):
                yield Verdict(True, "\n".join(block.lines), (passage.number,))


@cache
def _patterns(table: str) -> dict[str, re.Pattern[str]]:
    rows = tomllib.loads(_DATA.read_text(encoding="utf-8"))[table]
    return {name: re.compile(pattern) for name, pattern in rows.items()}
