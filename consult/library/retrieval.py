"""Ranking: words and meaning together, a floor below which nothing is returned, and why each passage is there.

Knows nothing of Django or the database; works without vectors, and without torch always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Protocol

from consult.library import lexicon as words
from consult.library import query as queries
from consult.library.index import Filters, Found, Reader, edits

Mode = Literal["hybrid", "lexical", "dense"]

PASSAGES = 60  # candidates of each kind
DOCUMENTS = 30
WHOLE = 0.7  # what a match of the whole document adds to that of a passage
MEANING = 0.6  # share of the dense half in the fused score
NAMED = 0.25  # what a name that is the question itself adds: patients' own words stand among the names
ALIKE = 0.5  # from here on a name is what was asked, by itself
COMMON_WORD = 0.3  # of a filler in that comparison: "sleep better" is not "sleeping tablets"
ASKED = 1.15  # for a passage of the section that the question names
WEAK_DOCUMENT = 0.6  # of the best one's score: below, a document only distracts
WEAK_BY_WORDS = 0.35  # the same where words alone are compared: their scores fall off faster
FAR, FAIRLY_NEAR, NEAR, VERY_NEAR = 0.25, 0.35, 0.45, 0.55  # cosines of the floor
SECTION_PRIOR = {
    "what-you-can-do": 1.05, "when-to-see-someone": 1.04, "what-it-is": 1.0,
    "medicines-and-cautions": 0.98, "emergency-signs": 0.96, "prevention": 0.9,
}  # fmt: skip


class Meaning(Protocol):
    """The dense half: texts near in meaning, by cosine (-1 to 1) of their vectors."""

    def nearest(self, text: str, limit: int) -> dict[str, float]:
        """Entry ids and cosines, best first."""

    def cosines(self, text: str, ids: Iterable[str]) -> dict[str, float]:
        """Cosines of the entries that have a vector."""


@dataclass(slots=True)
class Ranked:
    """A passage in its rank. ``score`` is 0 to about 1.2 in one result list; not comparable between queries."""

    found: Found
    score: float
    lexical: float = 0.0
    cosine: float | None = None
    coverage: float = 0.0
    likeness: float = 0.0  # of the question to the title or another name of the document, 0 to 1
    why: tuple[tuple[str, str], ...] = ()  # (kind, words): word, synonym, near, section, meaning
    spans: tuple[tuple[int, int], ...] = ()  # places in the text to highlight


@dataclass(slots=True)
class _Match:
    """How a document answers the terms of a query."""

    coverage: float = 0.0
    named: float = 0.0
    medical: bool = False
    telling: int = 0  # terms found, without single Chinese characters that no row of the word list knows
    why: list[tuple[str, str]] = field(default_factory=list)


def rank(
    reader: Reader,
    message: str,
    filters: Filters,
    *,
    limit: int = 4,
    per_document: int = 3,
    meaning: Meaning | None = None,
    mode: Mode = "hybrid",
    reduce: bool = True,
    floor: bool = True,
) -> list[Ranked]:
    """The best passages for a message, best first; [] where the library does not hold it."""
    query = queries.read(message, filters.language or "en", reader.frequency, reader.total, reduce=reduce)
    if floor and not query.has_subject:
        return []
    lexical = _lexical(reader, query, filters) if mode != "dense" else {}
    cosines = _cosines(query, meaning, lexical) if meaning and mode != "lexical" else {}
    candidates = dict(lexical)
    absent = [one for one in cosines if one not in lexical]
    for found in reader.passages(absent, filters).values():
        candidates[found.id] = Ranked(found, 0.0)
    passages = [one for one in candidates.values() if one.found.level == "p"]
    _fuse(passages, cosines, {one.found.document: one for one in candidates.values() if one.found.level == "d"})
    language = filters.language or "en"
    _prefer_names(passages, query, language)
    passages = sorted(passages, key=lambda one: one.score, reverse=True)[:PASSAGES]
    for one in passages:
        _prefer_sections(one, query.sections)
    matches = _Matches(passages, query.terms, language)
    weak = WEAK_DOCUMENT if cosines else WEAK_BY_WORDS
    chosen = _choose(passages, limit, per_document, matches if floor else None, weak)
    for one in chosen:
        _explain(one, matches.of(one), query, language)
    return chosen


def _lexical(reader: Reader, query: queries.Query, filters: Filters) -> dict[str, Ranked]:
    """Candidates by words; ``lexical`` is the passage's score and a share of its whole document's."""
    passages = reader.search(query.terms, filters, level="p", limit=PASSAGES)
    wholes = reader.search(query.terms, filters, level="d", limit=DOCUMENTS)
    whole = {one.document: one.score for one in wholes}
    best: dict[str, float] = {}
    for one in passages:
        best[one.document] = max(best.get(one.document, 0.0), one.score)
    return {
        one.id: Ranked(one, 0.0, one.score + WHOLE * whole.get(one.document, best[one.document] if not whole else 0.0))
        for one in passages
    }


def _cosines(query: queries.Query, meaning: Meaning, lexical: Mapping[str, Ranked]) -> dict[str, float]:
    near = meaning.nearest(query.text, PASSAGES)
    documents = {f"d:{one.found.document}" for one in lexical.values()}
    missing = [one for one in (*lexical, *documents) if one not in near]
    return {**near, **meaning.cosines(query.text, missing)}


def _fuse(passages: list[Ranked], cosines: Mapping[str, float], wholes: Mapping[str, Ranked]) -> None:
    """One score from both halves: BM25 over its best, cosine over its best, weighed equally."""
    top = max((one.lexical for one in passages), default=0.0)
    for one in passages:
        own = cosines.get(one.found.id)
        whole = cosines.get(f"d:{one.found.document}")
        known = [value for value in (own, whole) if value is not None]
        one.cosine = max(known) if known else None
    best = max((one.cosine for one in passages if one.cosine is not None), default=0.0)
    for one in passages:
        word = one.lexical / top if top else 0.0
        if best <= 0:
            one.score = word
        else:
            near = max(one.cosine or 0.0, 0.0) / best
            one.score = near if top == 0 else (1 - MEANING) * word + MEANING * near


def _prefer_names(passages: Sequence[Ranked], query: queries.Query, language: str) -> None:
    """Raise the documents of which the title or another name is nearly what was asked."""
    asked = _weighed(query.text, language)
    likeness: dict[str, float] = {}
    for one in passages:
        found = one.found
        if found.document not in likeness:
            names = (_weighed(name, language) for name in (found.title, *found.names))
            likeness[found.document] = max(_alike(asked, name) for name in names)
        one.likeness = likeness[found.document]
        one.score += NAMED * one.likeness


@lru_cache(maxsize=10_000)
def _weighed(text: str, language: str) -> dict[str, float]:
    """Terms and what they count in a comparison of names."""
    filler = words.lexicon().filler_zh if language == "zh" else words.lexicon().filler
    return {term: COMMON_WORD if term in filler else 1.0 for term in words.terms(text, language)}


def _alike(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Dice's measure of two weighed sets (0 to 1)."""
    shared = sum(weight for term, weight in one.items() if term in other)
    return 2 * shared / ((sum(one.values()) + sum(other.values())) or 1.0)


class _Matches:
    """For each document, how much of the query its title, names and found passages hold; worked out when asked for,
    since most candidates are never looked at.
    """

    def __init__(self, passages: Sequence[Ranked], terms: Sequence[queries.QueryTerm], language: str) -> None:
        self._terms, self._language = terms, language
        self._rows: dict[str, list[Found]] = {}
        self._known: dict[str, _Match] = {}
        for one in passages:
            self._rows.setdefault(one.found.document, []).append(one.found)

    def of(self, one: Ranked) -> _Match:
        """The match of the passage's document."""
        document = one.found.document
        if document not in self._known:
            self._known[document] = _match(self._rows[document], self._terms, self._language)
        return self._known[document]

    def hold(self, one: Ranked) -> bool:
        """Whether the passage is above the floor."""
        return _holds(one, self.of(one), self._language)


def _match(rows: Sequence[Found], terms: Sequence[queries.QueryTerm], language: str) -> _Match:
    named = words.terms(" . ".join([rows[0].title, *rows[0].names]), language)
    everything = named + [term for row in rows for term in words.terms(row.text, language)]
    named_set, all_set = frozenset(named), frozenset(everything)
    subject = [term for term in terms if not term.aspect]
    match, total = _Match(), sum(term.weight for term in subject)
    for term in subject:
        kind = _how(term, everything, all_set, language)
        if not kind:
            continue
        share = term.weight / total * (0.5 if kind in ("parts", "near") else 1.0)
        match.coverage += share
        match.medical = match.medical or (bool(term.alternatives) and kind != "parts")
        match.telling += kind != "parts" and (len(term.surface) > 1 or bool(term.alternatives))
        match.why.append(("word" if kind == "parts" else kind, term.surface))
        if _how(term, named, named_set, language) and (len(term.surface) > 1 or term.alternatives):
            match.named += share
    return match


def _how(term: queries.QueryTerm, tokens: Sequence[str], held: frozenset[str], language: str) -> str:
    """How a text holds a term: "word", "synonym", "near", "parts" (a known phrase's words apart), or "" if not."""
    whole = all(one in held for one in term.terms)
    if whole and term.apart:
        return "parts"
    if whole and (language == "zh" or not term.alternatives or _in_a_row(term.terms, tokens)):
        return "word"
    for other in term.alternatives:
        if all(one in held for one in other) and (language == "zh" or _in_a_row(other, tokens)):
            return "synonym"
    if term.unknown and len(term.terms) == 1 and len(term.terms[0]) > 3 and language != "zh":
        wrong, near = term.terms[0], edits(term.terms[0])
        if any(one[0] == wrong[0] and distance(one, wrong, near) <= near for one in held):
            return "near"
    return "parts" if whole else ""


def _in_a_row(phrase: tuple[str, ...], tokens: Sequence[str]) -> bool:
    size = len(phrase)
    return size == 1 or any(tuple(tokens[n : n + size]) == phrase for n in range(len(tokens) - size + 1))


def distance(one: str, other: str, limit: int) -> int:
    """Edits between two words (a swap of neighbours is one); anything over ``limit`` is only said to be more."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for n, left in enumerate(one, start=1):
        last, row, older = row, [n], before
        for m, right in enumerate(other, start=1):
            cost = min(last[m] + 1, row[m - 1] + 1, last[m - 1] + (left != right))
            if older and m > 1 and left == other[m - 2] and one[n - 2] == right:
                cost = min(cost, older[m - 2] + 1)
            row.append(cost)
        before = last
        if min(row) > limit:
            return limit + 1
    return row[-1]


def _holds(one: Ranked, match: _Match, language: str) -> bool:
    if one.likeness >= ALIKE:
        return True
    return _answers_chinese(match) if language == "zh" else _answers(one, match)


def _answers_chinese(match: _Match) -> bool:
    """The floor for Chinese, which has no vectors: everyday words rarely agree by twos."""
    if match.medical or match.telling > 1 or (match.telling and match.named >= 0.15):
        return match.coverage >= 0.15
    return match.telling > 0 and match.coverage >= 0.4


def _answers(one: Ranked, match: _Match) -> bool:
    """The floor: is this document about what was asked, and not only in possession of one of its words?

    Any one is enough: it is named for half of what was asked; it holds a medical word of the question, and not
    nearly everything else is missing; it is near in meaning; it is fairly near and holds some of the words. Common
    words alone do not answer what is far in meaning ("my car won't start" has a car, and so have sickness tablets).
    """
    if match.medical and match.coverage >= 0.3:
        return True
    if one.cosine is not None and one.cosine < FAR:
        return False
    if match.coverage >= 0.5 and match.named >= 0.3:
        return True
    if one.cosine is None:
        return False
    if one.cosine >= (NEAR if match.coverage > 0 else VERY_NEAR):
        return True
    return one.cosine >= FAIRLY_NEAR and match.coverage >= 0.3


def _prefer_sections(one: Ranked, asked: Sequence[str]) -> None:
    one.score *= SECTION_PRIOR.get(one.found.section, 1.0)
    if one.found.section in asked:
        one.score *= ASKED


def _choose(
    passages: Sequence[Ranked], limit: int, per_document: int, matches: _Matches | None, weak: float
) -> list[Ranked]:
    """Best first, not too many of one document; with ``matches`` none below the floor and none of a document far
    behind the best that is above it.
    """
    taken: dict[str, int] = {}
    chosen: list[Ranked] = []
    for one in sorted(passages, key=lambda one: one.score, reverse=True):
        document = one.found.document
        if len(chosen) == limit or (matches and chosen and one.score < weak * chosen[0].score):
            break
        if taken.get(document, 0) < per_document and (matches is None or matches.hold(one)):
            taken[document] = taken.get(document, 0) + 1
            chosen.append(one)
    return chosen


def _explain(one: Ranked, match: _Match, query: queries.Query, language: str) -> None:
    why = list(match.why)
    if one.found.section in query.sections:
        why.append(("section", one.found.section))
    if one.cosine is not None and one.cosine >= 0.4:
        why.append(("meaning", f"{one.cosine:.2f}"))
    one.why, one.coverage = tuple(why), match.coverage
    one.spans = tuple(highlights(one.found.text, query.terms, language))


def highlights(text: str, terms: Sequence[queries.QueryTerm], language: str) -> list[tuple[int, int]]:
    """Places of the query's words and synonyms in ``text``, in order, without overlaps."""
    wanted = {one for term in terms for group in (term.terms, *term.alternatives) for one in group}
    wanted -= words.lexicon().filler
    spans: list[tuple[int, int]] = []
    for start, end, piece in words.pieces(text):
        if words.is_han(piece):
            spans += [(start + n, start + n + 2) for n in range(len(piece) - 1) if piece[n : n + 2] in wanted]
        elif any(stem in wanted for stem in words.stem(piece)):
            spans.append((start, end))
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
