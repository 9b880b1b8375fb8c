"""What a page says to this person in particular: in pregnancy, for a child, with an allergy, illness or medicine.

Knows nothing of the model or of search. ``watched`` makes of a profile what to look for, ``chosen`` finds it. A page
may advise a medicine of which another page warns this person: ``advised``, ``family`` and ``crossing`` find that.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from consult.safety import claims, words
from consult.safety.compose import MOST_ITEMS, Block, allowed, blocks, said_of
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


def watched(profile: Profile, question: str, kin: frozenset[str] = frozenset()) -> dict[str, Holds]:
    """What to look for in the passages: field of the profile ("" for what the question itself tells) to a test.

    ``kin`` are other names under which the profile's medicines may be spoken of.
    """
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
        found["medicines"] = _names([*profile.medicines, *kin], asked, said["careful"])
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


def advised(passages: Sequence[Passage]) -> frozenset[str]:
    """The medicines that these passages name where they do not warn: what a reader may then take."""
    careful = _patterns("cautions")["careful"]
    parts = [one for passage in passages if passage.section != NOT_HERE for one in blocks(passage)]
    lines = [line for one in parts for line in one.lines if not careful.search(words.normalise(line))]
    return frozenset(name for line in lines for name in claims.medicines(line))


def family(medicines: Collection[str], pages: Sequence[tuple[str, Sequence[str]]]) -> frozenset[str]:
    """Under what else pages speak of these medicines: of each page (title, other names) that has one among its names,
    what its title names, and the kinds of medicine among the names.
    """
    found: set[str] = set()
    for title, names in pages:
        if named_on(medicines, title, names):
            found |= claims.medicines(title) | claims.kinds(". ".join(names))
    return frozenset(found)


def named_on(medicines: Collection[str], title: str, names: Sequence[str]) -> bool:
    """Whether one of the medicines is among a page's names."""
    return bool(_on_page(". ".join([title, *names])) & set(medicines))


@lru_cache(maxsize=2_000)
def _on_page(names: str) -> frozenset[str]:
    return claims.medicines(names)


def crossing(watch: Mapping[str, Holds], taken: frozenset[str], own: frozenset[str]) -> dict[str, Holds]:
    """Tests for sentences that warn such a person of one of ``taken``; ``own`` are names of what they take already."""

    def test(field: str, holds: Holds) -> Holds:
        def crosses(text: str) -> bool:
            named = claims.medicines(text)
            # "One of these at a time" is no word about two of them.
            two = field != "medicines" or len(named & (taken | own)) > 1
            return bool(named & taken) and two and holds(text)

        return crosses

    return {field: test(field, holds) for field, holds in watch.items()}


def chosen(watch: Mapping[str, Holds], passages: Sequence[Passage], language: Language) -> list[tuple[str, Verdict]]:
    """Field and sentence (or whole list) of these passages that hold for this person; each is allowed and cited."""
    found: dict[str, tuple[str, Verdict]] = {}
    for field, holds in watch.items():
        for verdict in _speaking(holds, passages, language):
            found.setdefault(verdict.text, (field, verdict))
            break  # one a field: the others stand on the page
    return list(found.values())[:MOST]


def speaks(watch: Mapping[str, Holds], passage: Passage, language: Language) -> bool:
    """Whether anything of the passage would be chosen."""
    return any(next(_speaking(holds, [passage], language), None) for holds in watch.values())


def _speaking(holds: Holds, passages: Sequence[Passage], language: Language) -> Iterator[Verdict]:
    for passage in passages:
        if passage.section == NOT_HERE:
            continue
        for block in blocks(passage):
            short = len(block.lines) <= MOST_ITEMS
            if short and any(map(holds, _statements(block))) and allowed(block, passage, language, []):
                yield Verdict(True, "\n".join(block.lines), (passage.number,))


def _statements(block: Block) -> list[str]:
    """What a block says: a sentence, or each item of a list after its lead."""
    lead, *items = block.lines
    return (
        [said_of(lead, item) for item in items] if items and lead.rstrip().endswith((":", "：")) else list(block.lines)
    )


@cache
def _patterns(table: str) -> dict[str, re.Pattern[str]]:
    rows = tomllib.loads(_DATA.read_text(encoding="utf-8"))[table]
    return {name: re.compile(pattern) for name, pattern in rows.items()}
