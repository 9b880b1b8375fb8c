"""Who, when and whether: which words of a message are denied, past, supposed, quoted, of another's history or a figure.

Cue words are concepts of the rule files (``cue_...``); this file says how far each cue reaches. A hit that contains the
cue itself ("not breathing") is not touched by it. Knows nothing of medicine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from consult.safety.patterns import Hit, Hits
from consult.safety.text import Text

KINDS = ("negated", "past", "hypothetical", "information", "family", "quoted", "figure")
_NEGATION_REACH = 7.0
_QUESTION = "what which how why where when who is are do does can could should would will may whats hows"
_ASKING = frozenset(_QUESTION.split(" "))
_POLITE = "hi hello hey please so and just ok okay also quick question doctor doc sir um"
_LEAD_INS = frozenset(_POLITE.split(" "))
_ASKER = frozenset(["i", "we", "you", "someone", "people", "one"])  # "how do I ...": nobody's signs yet
_POINTING = frozenset(["this", "these", "that", "it", "its"])  # "is this a heart attack?"
_PERSONS = ("who_self", "who_other", "who_child", "who_he")
_LIST_CUES = frozenset({"or", "nor", "any", "either", "和", "或", "也", "及"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Tokens ``start`` to ``end`` (exclusive) are ``kind`` because of the cue at ``cue``."""

    kind: str
    cue: tuple[int, int]
    start: int
    end: int


def scopes(text: Text, hits: Hits) -> tuple[Scope, ...]:
    """Every scope that the cues among ``hits`` open in ``text``."""
    found = [*_negations(text, hits), *_information(text, hits)]
    present = hits.get("cue_present", [])
    for hit in hits.get("cue_past", ()):
        start, end = _clause(text, hit)
        if not any(start <= now.start < end for now in present):
            found.append(Scope("past", (hit.start, hit.end), start, end))
    for hit in hits.get("cue_family", ()):
        start, end = _clause(text, hit)
        if not any(start <= now.start < end for now in present):
            found.append(Scope("family", (hit.start, hit.end), start, end))
    for hit in hits.get("cue_hypothetical", ()):
        start, end = _sentence(text, hit)
        if not any(start <= now.start < end for now in present):
            found.append(Scope("hypothetical", (hit.start, hit.end), hit.start, end))
    for hit in hits.get("cue_about", ()):
        found.append(Scope("hypothetical", (hit.start, hit.end), *_clause(text, hit)))
    for hit in hits.get("cue_quoted", ()):
        found.append(Scope("quoted", (hit.start, hit.end), *_sentence(text, hit)))
    for hit in hits.get("cue_figure", ()):
        found.append(Scope("figure", (hit.end, hit.end), hit.start, hit.end))
    return tuple(found)


def excluded(hit: Hit, found: tuple[Scope, ...], despite: frozenset[str] = frozenset()) -> bool:
    """Whether a scope that is not in ``despite`` takes ``hit`` away."""
    for scope in found:
        if scope.kind in despite:
            continue
        for start, end in hit.parts:
            if start < scope.end and scope.start < end and not (_within(scope.cue, hit.parts)):
                return True
    return False


def unspent(found: tuple[Scope, ...], hits: list[Hit]) -> tuple[Scope, ...]:
    """``found`` without the scopes whose cue is itself part of one of ``hits``."""
    return tuple(scope for scope in found if not any(_within(scope.cue, hit.parts) for hit in hits))


def _within(cue: tuple[int, int], parts: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= cue[0] and cue[1] <= end for start, end in parts) and cue[0] < cue[1]


def _sentence(text: Text, hit: Hit) -> tuple[int, int]:
    return _stretch(text.sentence, hit)


def _clause(text: Text, hit: Hit) -> tuple[int, int]:
    return _stretch(text.clause, hit)


def _stretch(numbers: list[int], hit: Hit) -> tuple[int, int]:
    start, end = hit.start, hit.end
    while start > 0 and numbers[start - 1] == numbers[hit.start]:
        start -= 1
    while end < len(numbers) and numbers[end] == numbers[hit.end - 1]:
        end += 1
    return start, end


def _information(text: Text, hits: Hits) -> Iterator[Scope]:
    """English questions that speak of nobody: "can you overdose on water?", "do I need a carbon monoxide alarm"."""
    people = {hit.start for name in _PERSONS for hit in hits.get(name, ())}
    people |= {place for place, word in enumerate(text.words) if word in _POINTING}
    start = 0
    while start < len(text):
        end = start
        while end < len(text) and text.sentence[end] == text.sentence[start]:
            end += 1
        first = start
        while first < end and text.words[first] in _LEAD_INS:
            first += 1
        if first < end and text.words[first] in _ASKING:
            asker = next((i for i in range(first + 1, min(first + 4, end)) if text.words[i] in _ASKER), -1)
            if not any(first < place < end and place != asker for place in people):
                yield Scope("information", (first, first), first, end)
        start = end


def _negations(text: Text, hits: Hits) -> Iterator[Scope]:
    apparent = hits.get("cue_not_negation", ())
    stops = {hit.start for hit in hits.get("cue_stop", ())}
    verbs = {hit.start for hit in hits.get("cue_stop_verb", ())}
    for hit in hits.get("cue_negation", ()):
        if any(one.start <= hit.start < one.end for one in apparent):
            continue
        # "I don't have ..." goes on; "no fever, my chest is ..." has moved to something else
        end = _negation_end(text, hit, stops | {verb for verb in verbs if verb > hit.end + 1})
        if end > hit.end:
            yield Scope("negated", (hit.start, hit.end), hit.end, end)
    for hit in hits.get("cue_negation_after", ()):
        start, _ = _clause(text, hit)
        yield Scope("negated", (hit.start, hit.end), max(start, hit.start - 5), hit.start)


def _negation_end(text: Text, hit: Hit, stops: set[int]) -> int:
    """Where a denial ends: at the sentence, a new subject, or a comma unless the sentence goes on listing."""
    end, clause, limit = hit.end, text.clause[hit.end - 1], text.place[hit.end - 1] + _NEGATION_REACH
    listing = any(
        text.words[i] in _LIST_CUES
        for i in range(hit.end, min(len(text), hit.end + 12))
        if text.sentence[i] == text.sentence[hit.start]
    )
    while end < len(text) and text.sentence[end] == text.sentence[hit.start] and end not in stops:
        if text.clause[end] != clause:
            if not listing:
                break
            clause, limit = text.clause[end], text.place[end] + 4.0
        if text.place[end] > limit:
            break
        end += 1
    return end
