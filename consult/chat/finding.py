"""What an answer is built from: the passages that fit the question and the person, and what the library lacks.

Knows nothing of the model, of sentences or of rows: it searches, prefers pages for such a person, and adds the passages
of the same pages that warn this person in particular.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from uuid import UUID

from consult.chat.personal import About
from consult.library import search as library
from consult.safety import cautions, claims
from consult.safety.types import Language, Passage, Profile

PASSAGES = 4
CAUTIONS = 2  # passages of the same pages that are added for what they say to this person
CAUTIONED: Mapping[Language, str] = {"en": "side effects", "zh": "副作用"}  # what is looked for of a medicine
NEARLY = 0.85  # share of letters that a misspelt name has in common, in order, with the right one
AS_GOOD = 0.8  # of the best passage's score: from there on a page for this person comes before one that is not


@dataclass(frozen=True, slots=True)
class Found:
    """Passages in the order of the prompt, with what they were found by and whom they were chosen for."""

    sought: str
    hits: list[library.Hit]
    watch: Mapping[str, cautions.Holds] = field(default_factory=dict)
    used: tuple[str, ...] = ()  # fields of the profile that changed what was found
    lacking: tuple[str, ...] = ()  # medicines of the question that no page names, as the patient wrote them
    medicines: tuple[tuple[int, ...], ...] = ()  # of each one in the question: the numbers of the passages about it
    beyond: Mapping[str, cautions.Holds] = field(default_factory=dict)  # what to look for in those of ``warning``
    warning: tuple[int, ...] = ()  # passages of other pages, which warn of a medicine that the best page advises

    @property
    def passages(self) -> list[Passage]:
        """For prompt and guard, numbered from 1."""
        return [_passage(n, hit) for n, hit in enumerate(self.hits, start=1)]


def find(question: str, language: Language, before: str, about: About) -> Found:
    """Search for ``question``; ``before`` is the patient's turn before it, "" for none."""
    profile = about.profile if cautions.about_oneself(question) else Profile()
    group = cautions.group(profile, question)
    sought, found = _search(question, language, before, PASSAGES * 2 if group else PASSAGES)
    fitting = _for_group(found, group)[:PASSAGES]
    by_profile = group and group != cautions.group(Profile(), question) and fitting != found[:PASSAGES]
    fitting, named, lacking = _medicines(question, language, fitting)
    hits = _each_once([*fitting, *(one for few in named for one in few)])
    numbers = {one.passage_id: number for number, one in enumerate(hits, start=1)}
    watch = cautions.watched(profile, question)
    others = library.same_pages(hits) if watch else []
    more = [*hits, *[one for one in others if _warns(one, watch)][:CAUTIONS]]
    beyond, warning = _beyond(profile, question, language, [*hits, *others]) if watch else ({}, [])
    known = {one.passage_id for one in more}
    warning = [one for one in warning if one.passage_id not in known][:CAUTIONS]
    return Found(
        sought, [*more, *warning], watch,
        used=(("pregnancy" if group == "pregnant" else "age"),) if by_profile else (), lacking=lacking,
        medicines=tuple(tuple(numbers[one.passage_id] for one in few) for few in named),
        beyond=beyond, warning=tuple(range(len(more) + 1, len(more) + 1 + len(warning))),
    )  # fmt: skip


def _beyond(
    profile: Profile, question: str, language: Language, pages: Sequence[library.Hit]
) -> tuple[Mapping[str, cautions.Holds], list[library.Hit]]:
    """What the best page advises, another page may warn this person of: what to look for, and where it stands.

    Which medicines belong together is told by the names of the library's own pages.
    """
    first = [one for one in pages if one.document_title == pages[0].document_title] if pages else []
    taken = cautions.advised([_passage(0, one) for one in first])
    own = frozenset(one for name in profile.medicines for one in claims.medicines(name))
    held = library.medicine_pages(language) if taken else []
    named = [(title, names) for _pk, title, names in held]
    own |= cautions.family(own, named)
    taken |= cautions.family(taken, named)
    tests = cautions.crossing(cautions.watched(profile, question, own), taken, own)
    about = [pk for pk, title, names in held if cautions.named_on(taken | own, title, names)]
    found = [one for one in library.passages_of(about) if one.document_title != first[0].document_title]
    return tests, [one for one in found if cautions.speaks(tests, _passage(0, one), language)]


def _passage(number: int, hit: library.Hit) -> Passage:
    return Passage(number, hit.document_title, hit.text, hit.section)


def _search(question: str, language: Language, before: str, limit: int) -> tuple[str, list[library.Hit]]:
    """What was searched for and what was found. "What can I do at home?" names nothing: the turn before it does."""
    hits = library.search(question, language=language, limit=limit)
    if hits or not before:
        return question, hits
    both = f"{before}\n{question}"
    return both, library.search(both, language=language, limit=limit)


def _for_group(hits: list[library.Hit], group: cautions.Group) -> list[library.Hit]:
    """Without the pages for others, where a page for this person answers nearly as well."""
    fitting = [one for one in hits if cautions.is_for(group, one.audience)] if group else hits
    return fitting if fitting and fitting[0].score >= AS_GOOD * hits[0].score else hits


def _each_once(hits: list[library.Hit]) -> list[library.Hit]:
    """A passage may be found twice, with another score each time: the first stands."""
    seen: dict[UUID, library.Hit] = {}
    for one in hits:
        seen.setdefault(one.passage_id, one)
    return list(seen.values())


def _warns(hit: library.Hit, watch: Mapping[str, cautions.Holds]) -> bool:
    return hit.section != cautions.NOT_HERE and any(holds(hit.text) for holds in watch.values())


def _medicines(
    question: str, language: Language, hits: list[library.Hit]
) -> tuple[list[library.Hit], list[list[library.Hit]], tuple[str, ...]]:
    """The hits that may answer, the passages about each medicine of the question, and the names of those not held.

    Of a medicine that is not held, what other medicines' pages say is no answer.
    """
    listed = [claims.written(question, one) for one in sorted(claims.medicines(question))]
    names = [*listed, *(one for one in claims.unlisted(question) if library.has_subject(one, language))]
    if not (hits and names):
        return hits, [], ()
    pages = {title: ". ".join([title, *others]) for _pk, title, others in library.medicine_pages(language)}
    about = {
        name: [one for one in hits if _speaks_of(name, one, pages)] or _sought(name, language, pages) for name in names
    }
    held = [few for few in about.values() if few]
    if not held:
        hits = [one for one in hits if not claims.medicines(pages.get(one.document_title, ""))]
    # Where nothing remains there is no answer that could pass over one in silence.
    return hits, held, tuple(name for name, few in about.items() if not few) if hits else ()


def _sought(name: str, language: Language, pages: Mapping[str, str]) -> list[library.Hit]:
    """The best passage about a medicine: of its side effects before any other."""
    for words in (f"{name} {CAUTIONED[language]}", name):
        for one in library.search(words, language=language, limit=PASSAGES):
            if _speaks_of(name, one, pages):
                return [one]
    return []


def _speaks_of(name: str, hit: library.Hit, pages: Mapping[str, str]) -> bool:
    """Whether the passage, or a name of its page, is of this medicine. ``pages``: title to all names of the page.

    A name on no list of ours may be one that is misspelt.
    """
    text = f"{pages.get(hit.document_title, hit.document_title)}. {hit.text}"
    known = claims.medicines(name)
    if known:
        return bool(known & claims.medicines(text))
    return bool(get_close_matches(name.lower(), re.findall(r"\w+", text.lower()), n=1, cutoff=NEARLY))
