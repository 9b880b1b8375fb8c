"""From what a person wrote to what is searched for: fillers go, lay words gain their terms, long stories are reduced.

No model: a dictionary and the index's own word statistics, a few milliseconds. Knows nothing of Django.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import rjieba

from consult.library import lexicon as words

LONG_QUERY = 10  # terms; a longer message is reduced to its weightiest
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_HAN_RUN = re.compile(r"[\u3400-\u9fff]+|[A-Za-z0-9]+")

Frequency = Callable[[str], tuple[int, int]]  # term to (documents with it, documents that have it in title or names)


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One thing that is searched for: its own terms (all of them), or any alternative.

    ``weight`` is 0 to about 12, inverse document frequency; ``topical``: it is part of some title or name in the
    library; ``unknown``: no document has it, so only words spelt nearly like it can match.
    """

    surface: str
    terms: tuple[str, ...]
    alternatives: tuple[tuple[str, ...], ...] = ()
    weight: float = 1.0
    topical: bool = False
    unknown: bool = False
    apart: bool = False  # a word cut into its characters: they may stand anywhere, so it proves little
    aspect: bool = False  # orders results, and never makes one


@dataclass(frozen=True, slots=True)
class Query:
    """A message as it is searched. ``text`` is what the dense half embeds."""

    terms: tuple[QueryTerm, ...]
    text: str
    sections: tuple[str, ...]
    reduced: bool

    @property
    def has_subject(self) -> bool:
        """Whether any term says what it is about."""
        return any(not term.aspect for term in self.terms)


def read(message: str, language: str, frequency: Frequency, total: int, *, reduce: bool = True) -> Query:
    """The query of a message. ``total`` is the number of documents in the index."""
    sentences = _SENTENCE.findall(message) or [message]
    parse = _chinese if language == "zh" else _english
    found = [(n, term) for n, sentence in enumerate(sentences) for term in parse(sentence)]
    weighed = [(n, _weigh(_in_characters(term, frequency), frequency, total)) for n, term in _unique(found)]
    sections = words.lexicon().asked_sections(message)
    if not reduce or len(weighed) <= LONG_QUERY:
        return Query(tuple(term for _n, term in weighed), message, sections, reduced=False)
    return _reduced(weighed, sentences, sections)


def _unique(found: list[tuple[int, QueryTerm]]) -> Iterator[tuple[int, QueryTerm]]:
    seen: set[tuple[str, ...]] = set()
    for number, term in found:
        if term.terms not in seen:
            seen.add(term.terms)
            yield number, term


def _in_characters(term: QueryTerm, frequency: Frequency) -> QueryTerm:
    """A Chinese word that nobody uses is often two that were cut wrongly: search for its characters, all of them."""
    if term.alternatives or not words.is_han(term.surface) or all(frequency(one)[0] for one in term.terms):
        return term
    apart = tuple(char for char in term.surface if char not in words.lexicon().filler_zh)
    return replace(term, terms=apart, apart=True) if apart and all(frequency(char)[0] for char in apart) else term


def _weigh(term: QueryTerm, frequency: Frequency, total: int) -> QueryTerm:
    """Give a term its weight: that of its rarest word, or of its commonest alternative where nobody uses it."""
    counts = [frequency(one) for one in term.terms]
    known = min((count for count, _topical in counts), default=0)
    topical = all(named for _count, named in counts) if counts else False
    for other in term.alternatives:
        there = [frequency(one) for one in other]
        known = max(known, min((count for count, _named in there), default=0))
        topical = topical or all(named for _count, named in there)
    weight = math.log(1 + (total - known + 0.5) / (known + 0.5)) if known <= total else 0.1
    return replace(term, weight=max(weight, 0.1), topical=topical, unknown=known == 0)


def _reduced(weighed: list[tuple[int, QueryTerm]], sentences: list[str], sections: tuple[str, ...]) -> Query:
    """The weightiest terms, those of titles and of questions first; words that nobody uses say little in a story."""
    asked = {n for n, sentence in enumerate(sentences) if sentence.rstrip().endswith(("?", "？"))}

    def merit(pair: tuple[int, QueryTerm]) -> float:
        number, term = pair
        if term.unknown:
            return 0.0
        many = 1.3 if len(term.terms) > 1 and term.alternatives else 1.0
        return term.weight * (2.0 if term.topical else 1.0) * (1.3 if number in asked else 1.0) * many

    best = sorted(weighed, key=merit, reverse=True)[:LONG_QUERY]
    chosen = [pair for pair in weighed if pair in best and not pair[1].unknown]
    gain: dict[int, float] = {}
    for pair in chosen:
        gain[pair[0]] = gain.get(pair[0], 0.0) + merit(pair)
    telling = sorted(sorted(gain, key=lambda number: gain[number], reverse=True)[:3])
    text = " ".join(sentences[number].strip() for number in telling)
    return Query(tuple(term for _n, term in chosen), text, sections, reduced=True)


def _english(sentence: str) -> Iterator[QueryTerm]:
    """Known phrases first, then the words that are not fillers."""
    known = words.lexicon()
    flat = [
        (start, end, stem, piece.lower())
        for start, end, piece in words.pieces(sentence)
        if not words.is_han(piece)
        for stem in words.stem(piece)
    ]
    stems = [stem for _start, _end, stem, _piece in flat]
    at = 0
    while at < len(flat):
        phrase = known.phrase_at(stems, at)
        if phrase is None:
            start, end, stem, piece = flat[at]
            at += 1
            if not (piece in known.filler or stem in known.filler or stem.isdigit() or len(stem) < 2):
                yield QueryTerm(sentence[start:end], (stem,), aspect=piece in known.aspect)
            continue
        last = at + len(phrase)
        surface = sentence[flat[at][0] : flat[last - 1][1]]
        own = tuple(stem for stem in phrase if stem not in known.filler and len(stem) > 1) or phrase
        aspect = all(piece in known.aspect or piece in known.filler for *_place, piece in flat[at:last])
        yield QueryTerm(surface, own, tuple(sorted(known.same[phrase])), aspect=aspect)
        at = last


def _chinese(sentence: str) -> Iterator[QueryTerm]:
    """Known phrases wherever they stand, longest first; the rest cut into words."""
    known = words.lexicon()
    for run in _HAN_RUN.findall(sentence):
        if words.is_han(run):
            yield from _chinese_run(run, known)
        elif run.lower() in known.same_zh:
            yield QueryTerm(run, (run.lower(),), _alternatives(known.same_zh[run.lower()]))
        elif not run.isdigit() and run.lower() not in known.filler:
            yield QueryTerm(run, (run.lower(),))


def _chinese_run(run: str, known: words.Lexicon) -> Iterator[QueryTerm]:
    rest, at = "", 0
    while at < len(run):
        phrase = next((run[at:end] for end in range(min(len(run), at + 8), at, -1) if run[at:end] in known.same_zh), "")
        if phrase and (len(phrase) > 1 or at + 1 == len(run) or not rest):
            yield from _chinese_rest(rest, known)
            rest = ""
            yield QueryTerm(phrase, tuple(words.chinese_terms(phrase)), _alternatives(known.same_zh[phrase]))
            at += len(phrase)
        else:
            rest += run[at]
            at += 1
    yield from _chinese_rest(rest, known)


def _chinese_rest(rest: str, known: words.Lexicon) -> Iterator[QueryTerm]:
    for word in rjieba.cut(rest):
        if word not in known.filler_zh and not all(char in known.filler_zh for char in word):
            own = (word,) if len(word) < 3 else tuple(word[n : n + 2] for n in range(len(word) - 1))
            yield QueryTerm(word, own)


def _alternatives(phrases: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (one,) if len(one) < 3 else tuple(one[n : n + 2] for n in range(len(one) - 1)) for one in sorted(phrases)
    )
