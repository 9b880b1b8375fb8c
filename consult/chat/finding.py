"""What an answer is built from: the passages that fit the question and the person, and what the library lacks.

Knows nothing of the model, of sentences or of rows: it searches, prefers pages for such a person, and adds the passages
of the same pages that warn this person in particular.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from consult.chat.personal import About
from consult.library import search as library
from consult.safety import cautions, claims
from consult.safety.types import Language, Passage, Profile

PASSAGES = 4
CAUTIONS = 2  # passages of the same pages that are added for what they say to this person
CAUTIONED: Mapping[Language, str] = {"en": "side effects", "zh": "副作用"}  # what is looked for of a medicine
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

    @property
    def passages(self) -> list[Passage]:
        """For prompt and guard, numbered from 1."""
        return [Passage(n, hit.document_title, hit.text, hit.section) for n, hit in enumerate(self.hits, start=1)]


def find(question: str, language: Language, before: str, about: About) -> Found:
    """Search for ``question``; ``before`` is the patient's turn before it, "" for none."""
    profile = about.profile if cautions.about_oneself(question) else Profile()
    group = cautions.group(profile, question)
    sought, found = _search(question, language, before, PASSAGES * 2 if group else PASSAGES)
    fitting = _for_group(found, group)[:PASSAGES]
    by_profile = group and group != cautions.group(Profile(), question) and fitting != found[:PASSAGES]
    named, lacking = _medicines(question, language, fitting)
    hits = _each_once([*fitting, *(one for few in named for one in few)])
    numbers = {one.passage_id: number for number, one in enumerate(hits, start=1)}
    watch = cautions.watched(profile, question)
    more = [one for one in library.same_pages(hits) if _warns(one, watch)] if watch else []
    return Found(
        sought, [*hits, *more[:CAUTIONS]], watch,
        used=(("pregnancy" if group == "pregnant" else "age"),) if by_profile else (), lacking=lacking,
        medicines=tuple(tuple(numbers[one.passage_id] for one in few) for few in named),
    )  # fmt: skip


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
    question: str, language: Language, hits: Sequence[library.Hit]
) -> tuple[list[list[library.Hit]], tuple[str, ...]]:
    """The passages about each medicine of the question, and the names of those that the library does not hold.

    Neither where nothing was found: then there is no answer that could pass over one in silence.
    """
    about: list[list[library.Hit]] = []
    lacking: list[str] = []
    listed = [claims.written(question, one) for one in sorted(claims.medicines(question))]
    others = [one for one in claims.unlisted(question) if library.has_subject(one, language)]
    for name in [*listed, *others] if hits else []:
        known = claims.medicines(name)
        naming = [one for one in hits if known & claims.medicines(f"{one.document_title}. {one.text}")]
        if naming:
            about.append(naming)
        elif library.holds(name, language):
            about.append(library.search(f"{name} {CAUTIONED[language]}", language=language, limit=1))
        else:
            lacking.append(name)
    return about, tuple(lacking)
