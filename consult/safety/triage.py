"""How urgent is this conversation? Rules first, a small classifier after, and whichever is more urgent wins.

``assess`` reads every message of the patient, never only the last, so nothing said later lowers a level. It needs no
model, no Django and no network, and it never raises: where assessing fails the answer is "urgent".
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from time import perf_counter

from consult.safety.facts import ages, measured
from consult.safety.patterns import Hit, Hits
from consult.safety.rules import Part, Rule, Ruleset, Sign, ruleset
from consult.safety.scopes import Scope, excluded, scopes, unspent
from consult.safety.text import Text, detect_language, normalise, tokenise
from consult.safety.types import Assessment, Finding, Language, Level, Profile, Span, Subject, Turn, highest

log = logging.getLogger(__name__)

PROFILE = -1  # the number of the "turn" that stands for what the profile says
QUOTED_AT_MOST = 60  # characters of the patient's words in a sentence of explanation
_FAILED = "system.assessment_failed"


@dataclass(frozen=True, slots=True)
class _Read:
    """One message, read: its tokens, the concepts in it, how far they are denied or supposed, and ages named."""

    text: Text
    hits: Hits
    scopes: tuple[Scope, ...]
    ages: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A concept seen in a turn; no hit where it stands in the profile."""

    turn: int
    hit: Hit | None


@dataclass(frozen=True, slots=True)
class _Case:
    """The whole conversation as rules see it."""

    rules: Ruleset
    turns: tuple[Turn, ...]
    reads: dict[int, _Read]
    profile_concepts: frozenset[str]
    present: frozenset[str]
    ages: tuple[float, ...]
    sex: str | None
    subjects: dict[int, tuple[Subject, ...]]
    language: Language


def warm_up() -> None:
    """Read and compile the rules and the classifier now, at start-up. Raises RulesError for a bad rule file."""
    ruleset()
    assess([Turn("patient", "warm up 热身"), Turn("patient", "warm up, so that the first patient need not wait")])
    gc.collect()
    gc.freeze()  # the patterns live for ever: walking them in each collection costs tens of milliseconds


def rules_version() -> str:
    """A short name of the exact rules in use; changes with any byte of the rule files."""
    return ruleset().version


def assess(
    turns: Sequence[Turn],
    profile: Profile | None = None,
    language: Language | None = None,
    *,
    rules_alone: bool = False,
) -> Assessment:
    """The level of the conversation ``turns`` (oldest first) as it now stands. Never raises.

    ``profile`` is of the person asked about. ``language`` overrides what the patient seems to write. ``rules_alone``
    leaves the second layer out, to measure what the rules do.
    """
    started = perf_counter()
    try:
        return _assess(tuple(turns), profile, language, started, rules_alone)
    except Exception as error:  # P3: whatever is wrong with us, the patient is not left without a person
        log.error("assessment failed: %s", type(error).__name__)
        return _failed(turns, language, started)
    finally:
        _read.cache_clear()  # what a patient wrote is not kept beyond the request


def _failed(turns: Sequence[Turn], language: Language | None, started: float) -> Assessment:
    told: dict[Language, str] = {
        "en": "Automatic triage failed on this conversation, so a person must read it today.",
        "zh": "自动分诊在这次对话上出错，今天必须由人工阅读。",
    }
    title = "This conversation could not be assessed"
    finding = Finding(_FAILED, title, Level.URGENT, told[language or "en"], told=told)
    try:
        version = rules_version()
    except Exception:  # the rules themselves may be what failed
        version = "none"
    return Assessment(Level.URGENT, (finding,), "", "self", language or "en", version, _ms(started))


def _ms(started: float) -> float:
    return (perf_counter() - started) * 1000


def _assess(
    turns: tuple[Turn, ...], profile: Profile | None, language: Language | None, started: float, rules_alone: bool
) -> Assessment:
    rules = ruleset()
    case = _case(rules, turns, profile, language)
    found = [finding for rule in rules.rules for finding in _apply(rule, case)]
    found += [] if rules_alone else _second_layer(case, found)
    found.sort(key=lambda finding: -finding.level.rank)
    level = highest(*(finding.level for finding in found))
    message = next((finding.message for finding in found if finding.level == level and finding.message), "")
    subject: Subject = found[0].subject if found else _last_subject(case)
    return Assessment(level, tuple(found), message, subject, case.language, rules.version, _ms(started))


def _second_layer(case: _Case, found: Sequence[Finding]) -> list[Finding]:
    """What the classifier adds; nothing where it is missing or fails, for the rules stand alone."""
    try:
        from consult.safety.classifier import second_opinion
    except ImportError:
        return []
    try:
        return second_opinion(case.turns, highest(*(finding.level for finding in found)), case.language)
    except Exception as error:
        log.error("classifier failed: %s", type(error).__name__)
        return []


def _case(rules: Ruleset, turns: tuple[Turn, ...], profile: Profile | None, language: Language | None) -> _Case:
    reads = {i: _read(turn.text) for i, turn in enumerate(turns) if turn.author == "patient"}
    reads |= dict(_affirmed(turns, reads))
    stated = tuple(age for read in reads.values() for age in read.ages)
    subjects = _subjects(reads)
    known = (profile.age_years,) if profile and profile.age_years is not None and _about_owner(subjects) else ()
    from_profile = _from_profile(rules, profile, _about_owner(subjects))
    present = frozenset(name for read in reads.values() for name in read.hits) | from_profile
    return _Case(
        rules,
        turns,
        reads,
        from_profile,
        present,
        stated + known,
        profile.sex if profile else None,
        subjects,
        language or _language(turns),
    )


def _about_owner(subjects: dict[int, tuple[Subject, ...]]) -> bool:
    """Whether any sentence speaks of the writer: only then does the writer's profile count."""
    return not subjects or any("self" in row for row in subjects.values())


@lru_cache(maxsize=256)
def _read(text: str) -> _Read:
    return _read_fresh(ruleset(), text)


def _read_fresh(rules: Ruleset, original: str) -> _Read:
    text = tokenise(original)
    hits = rules.grammar.match(text, measured(text))
    return _Read(text, hits, scopes(text, hits), ages(text.plain))


def concepts_in(text: str) -> frozenset[str]:
    """The named concepts that ``text`` asserts (not denied, past, supposed, quoted ...)."""
    read = _read(text)
    return frozenset(
        name
        for name, hits in read.hits.items()
        if name[0] != "@" and any(not excluded(hit, read.scopes) for hit in hits[:20])
    )


_QUESTION_END = ("?", "？")


def _affirmed(turns: tuple[Turn, ...], reads: dict[int, _Read]) -> Iterator[tuple[int, _Read]]:
    """Questions that the patient answered with yes: what was asked is then said by the patient."""
    for (i, asked), (j, answer) in pairwise(enumerate(turns)):
        if asked.author == "patient" or j not in reads or not answer.text.strip():
            continue
        if any(hit.start == 0 for hit in reads[j].hits.get("cue_yes", ())):
            read = _read(_questions_only(asked.text))
            yield i, replace(read, scopes=tuple(one for one in read.scopes if one.kind != "information"))


def _questions_only(text: str) -> str:
    """``text`` with all but its questions blanked, so that positions still hold."""
    kept: list[str] = []
    start = 0
    for i, char in enumerate(text):
        if char in ".!?\n。！？":
            piece = text[start : i + 1]
            kept.append(piece if char in _QUESTION_END else " " * (len(piece) - 1) + ".")
            start = i + 1
    return "".join(kept) + " " * (len(text) - start)


def _from_profile(rules: Ruleset, profile: Profile | None, about_owner: bool) -> frozenset[str]:
    """The context concepts that the profile holds."""
    if profile is None or not about_owner:
        return frozenset()
    read = _read(". ".join((*profile.conditions, *profile.medicines)))
    found = {
        name for name, hits in read.hits.items() if any(not excluded(h, read.scopes, frozenset({"past"})) for h in hits)
    }
    found |= {"pregnant"} if profile.pregnant else set()
    if profile.weeks_since_birth is not None and profile.weeks_since_birth <= 8:
        found.add("postpartum")
    if profile.age_years is not None and profile.age_years < 1:
        found.add("baby")
    return frozenset(found & rules.context)


def _language(turns: tuple[Turn, ...]) -> Language:
    for turn in reversed(turns):
        if turn.author == "patient" and (found := detect_language(turn.text)):
            return found
    return "en"


def _subjects(reads: dict[int, _Read]) -> dict[int, tuple[Subject, ...]]:
    """For each message, whom each sentence speaks of; a sentence that names nobody speaks of the one before."""
    current: Subject = "self"
    found: dict[int, tuple[Subject, ...]] = {}
    for i in sorted(reads):
        read, row = reads[i], []
        for number in range(1 + max(read.text.sentence, default=0)):
            current = _subject_of(read, number, current)
            row.append(current)
        found[i] = tuple(row)
    return found


def _subject_of(read: _Read, sentence: int, before: Subject) -> Subject:
    def named(concept: str) -> bool:
        return any(read.text.sentence[hit.start] == sentence for hit in read.hits.get(concept, ()))

    if named("who_child"):
        return "child"
    if named("who_other"):
        return "other"
    if named("who_he") and before != "self":
        return before
    return "self" if named("who_self") else before


def _last_subject(case: _Case) -> Subject:
    rows = [row for i, row in sorted(case.subjects.items()) if row]
    return rows[-1][-1] if rows else "self"


def _apply(rule: Rule, case: _Case) -> Iterator[Finding]:
    """The finding of ``rule``, at most one, where a sign of it is seen in somebody it applies to."""
    if not _applies(rule, case):
        return
    for sign in rule.signs:
        if not all(concept in case.present for part in sign for concept in part):
            continue
        seen = _seen_sign(sign, rule, case)
        if seen is not None and any(one.hit for one in seen):
            yield _finding(rule, case, seen)
            return


def _applies(rule: Rule, case: _Case) -> bool:
    if rule.age_under is not None and not any(age < rule.age_under for age in case.ages):
        return False
    if rule.age_over is not None and not any(age >= rule.age_over for age in case.ages):
        return False
    return not (rule.sex and case.sex and case.sex != "other" and case.sex != rule.sex)


def _seen_sign(sign: Sign, rule: Rule, case: _Case) -> list[_Seen] | None:
    seen: list[_Seen] = []
    for part in sign:
        found = _seen_part(part, rule, case)
        if found is None:
            return None
        seen += found
    return seen


def _seen_part(part: Part, rule: Rule, case: _Case) -> list[_Seen] | None:
    """Where all concepts of ``part`` stand in one message (or the profile), the latest message first."""
    for turn in sorted(case.reads, reverse=True):
        read = case.reads[turn]
        if any(concept not in read.hits for concept in part):
            continue
        if any(read.hits.get(concept) for concept in rule.unless):
            continue
        hits = [_first_asserted(concept, rule, case, read, read.scopes) for concept in part]
        if any(hits) and not all(hits):
            # "no wet nappy and vomiting": the "no" is spent on the nappy
            free = unspent(read.scopes, [hit for hit in hits if hit])
            hits = [_first_asserted(concept, rule, case, read, free) for concept in part]
        if all(hits):
            return [_Seen(turn, hit) for hit in hits]
    if len(part) == 1 and part[0] in case.profile_concepts:
        return [_Seen(PROFILE, None)]
    return None


def _first_asserted(concept: str, rule: Rule, case: _Case, read: _Read, found: tuple[Scope, ...]) -> Hit | None:
    despite = rule.despite | case.rules.despite.get(concept, frozenset())
    hits = [hit for hit in read.hits[concept] if not excluded(hit, found, despite)]
    return max(hits, key=lambda hit: hit.end - hit.start, default=None) if len(hits) < 40 else hits[0]


def _finding(rule: Rule, case: _Case, seen: list[_Seen]) -> Finding:
    spans = tuple(dict.fromkeys(_span(one, case) for one in seen if one.hit))
    first = next(one for one in seen if one.hit)
    subjects = case.subjects.get(first.turn, ("self",))
    sentence = case.reads[first.turn].text.sentence[first.hit.start] if first.hit else 0
    subject = subjects[min(sentence, len(subjects) - 1)]
    from_profile = any(one.turn == PROFILE for one in seen)
    title = rule.title_zh if case.language == "zh" else rule.title
    told: dict[Language, str] = {"en": _why(rule, spans, from_profile), "zh": _why_zh(rule, spans, from_profile)}
    return Finding(rule.id, title, rule.level, told[case.language], spans, rule.message, subject, told)


def _span(one: _Seen, case: _Case) -> Span:
    assert one.hit is not None
    text = case.reads[one.turn].text
    start, end = text.starts[one.hit.start], text.ends[one.hit.end - 1]
    return Span(one.turn, start, end, case.turns[one.turn].text[start:end])


def _why(rule: Rule, spans: Sequence[Span], from_profile: bool) -> str:
    """The reason as a sentence: title, the words seen, what combined, and the clinical idea."""
    seen = " and ".join(f'"{word}"' for word in _quoted(spans))
    profile = ", together with what the profile says" if from_profile else ""
    return f"{rule.title}: the patient wrote {seen}{profile}. {rule.idea}"


def _why_zh(rule: Rule, spans: Sequence[Span], from_profile: bool) -> str:
    seen = "和".join(f"“{word}”" for word in _quoted(spans))
    return f"{rule.title_zh}：患者写道{seen}{'，并结合个人资料' if from_profile else ''}。{rule.idea_zh}"


def _quoted(spans: Sequence[Span]) -> list[str]:
    return [span.text if len(span.text) <= QUOTED_AT_MOST else span.text[: QUOTED_AT_MOST - 1] + "…" for span in spans]


def language_of(text: str) -> Language | None:
    """The language that ``text`` seems to be in; None where there is nothing to go by."""
    return detect_language(normalise(text))
