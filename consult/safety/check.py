"""May this sentence of the software reach the patient? Each sentence is judged before it leaves the worker.

Knows nothing of the model, of Django or of how the answer is sent. It refuses by rules that a clinician can read
(guard_data/refusals.toml), by exact checks of numbers, names and polarity (claims.py), and where no passage supports
what is said (support.py). What it refuses carries its reasons, for staff only.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from consult.safety import claims, relations, support, words
from consult.safety.sentences import cited, without_citations
from consult.safety.support import Support, Window, candidates
from consult.safety.types import Language, Level, Passage, Reason, Verdict

LONGEST = 1_500
READ = 3  # windows that the reader is asked about, at 10 to 20 ms each

_DATA = Path(__file__).with_name("guard_data")
_LIST_MARK = re.compile(r"^\s*(?:[-*•·]|\(?\d{1,2}[.)、])\s*(?=\S)")
_MARKUP = re.compile(r"[*_`#>]+")


@dataclass(frozen=True, slots=True)
class _Refusal:
    code: str
    detail: str
    patterns: tuple[re.Pattern[str], ...]
    rescues: tuple[re.Pattern[str], ...]
    verbatim: bool
    least: Level

    def match(self, text: str) -> bool:
        """Whether a clause of the text says what this row refuses, and nothing in that clause rescues it."""
        return any(
            any(pattern.search(clause) for pattern in self.patterns)
            and not any(rescue.search(clause) for rescue in self.rescues)
            for clause in _clauses(text)
        )


def check_sentence(
    sentence: str, passages: Sequence[Passage], *, level: Level, language: Language, said: Sequence[str] = ()
) -> Verdict:
    """Judge one sentence against the passages that the answer may cite; ``said`` are the sentences let through before.

    An allowed verdict cites the passages that support it, which need not be those that the model named.
    """
    shown = without_citations(sentence)
    text = _plain(shown)
    if not any(character.isalnum() for character in text):
        return _refused(shown, Reason("empty", "It says nothing."))
    if len(text) > LONGEST:
        return _refused(shown, Reason("unsupported", f"It is longer than {LONGEST} characters, too long to check."))
    reasons = _flat_refusals(text, level)
    if repeated := _repetition(text, said):
        reasons.append(repeated)
    if reasons:
        return Verdict(False, shown, (), tuple(reasons))
    if _is_frame(text):
        return Verdict(True, shown)
    clean = [passage for passage in passages if not tainted(passage)]
    return _check_support(shown, text, clean, cited(sentence), level, said)


def tainted(passage: Passage) -> bool:
    """Whether a passage holds text meant for a machine, such as hidden instructions: then it supports nothing."""
    return _tainted(f"{passage.title}\n{passage.text}")


def is_answer(sentences: Sequence[str]) -> bool:
    """Whether the sentences let through say something, beyond greetings, questions and advice to see someone."""
    return any(not _is_frame(_plain(without_citations(sentence))) for sentence in sentences)


def _refused(shown: str, *reasons: Reason) -> Verdict:
    return Verdict(False, shown, (), reasons)


def _plain(shown: str) -> str:
    """The sentence as the checks read it: one form of letters, no list mark, no markup."""
    text = _LIST_MARK.sub("", words.normalise(shown))
    return re.sub(r"\s+", " ", _MARKUP.sub("", text)).strip()


def _clauses(text: str) -> list[str]:
    """The sentence cut where one statement ends and another begins, and the whole of it."""
    parts = [part for part in re.split(r"(?:[;；:：]|,? but |，但是?|, so |\. )", text) if part.strip()]
    return parts if len(parts) < 2 else [*parts, text]


def _flat_refusals(text: str, level: Level) -> list[Reason]:
    return [
        Reason(row.code, row.detail)
        for row in _refusals()
        if not row.verbatim and level.rank >= row.least.rank and row.match(text)
    ]


def _repetition(text: str, said: Sequence[str]) -> Reason | None:
    mine = words.content(text)
    for earlier in said:
        theirs = _plain(without_citations(earlier))
        if text == theirs or (len(mine) > 3 and _alike(mine, words.content(theirs))):
            return Reason("repetition", "It repeats a sentence that was already said.")
    if len(mine) >= 12 and len(set(mine)) * 3 < len(mine):
        return Reason("repetition", "It repeats the same words over and over.")
    return None


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    mine, theirs = set(one), set(other)
    return len(mine & theirs) >= 0.9 * len(mine | theirs)


def _check_support(
    shown: str, text: str, passages: Sequence[Passage], named: Sequence[int], level: Level, said: Sequence[str]
) -> Verdict:
    """Allow the sentence where one passage holds it in full; otherwise give the reasons of the nearest one."""
    strict = [row for row in _refusals() if row.verbatim and level.rank >= row.least.rank and row.match(text)]
    if not passages:
        return _refused(shown, Reason("unsupported", "There is no passage to support it."))
    order = sorted(passages, key=lambda passage: (passage.number not in named, passage.number))
    trials = [
        _Trial(passage.number, found, _exact_reasons(text, passage, found, strict, said))
        for passage in order
        for found in candidates(text, passage)
    ]
    trials = _weighed(text, trials)
    holding = list(dict.fromkeys(trial.number for trial in trials if not trial.reasons and trial.support.enough))
    if holding:
        wanted = [number for number in holding if number in named]
        return Verdict(True, shown, tuple(wanted or holding[:1]))
    nearest = min((trial.all_reasons() for trial in trials), key=len, default=[])
    return _refused(shown, *(nearest or [Reason("unsupported", "The passage is empty.")]))


@dataclass(frozen=True, slots=True)
class _Trial:
    """One window of passage ``number``, how well it holds the sentence, and what the exact checks say against it."""

    number: int
    support: Support
    reasons: list[Reason]

    def all_reasons(self) -> list[Reason]:
        """Why this window does not hold the sentence; [] if it does."""
        if self.support.enough:
            return self.reasons
        return [*self.reasons, Reason("unsupported", f"No passage says it (support {self.support.score:.2f}).")]


def _weighed(text: str, trials: Sequence[_Trial]) -> list[_Trial]:
    """The trials, the likeliest few judged by the reader too. Asked of English that nothing else speaks against."""
    clean = [trial for trial in trials if not trial.reasons]
    if not clean or words.is_chinese(text):
        return list(trials)
    asked = sorted(clean, key=lambda trial: -trial.support.score)[:READ]
    judged = support.read(text, [trial.support for trial in asked])
    rest = [trial for trial in trials if trial.reasons]
    return [replace(trial, support=found) for trial, found in zip(asked, judged, strict=True)] + rest


def _exact_reasons(
    text: str, passage: Passage, support: Support, strict: Sequence[_Refusal], said: Sequence[str]
) -> list[Reason]:
    """What speaks against this window besides its support."""
    reasons = _exact(text, passage, support.window, said)
    reasons += [Reason(row.code, row.detail) for row in strict if not support.verbatim]
    dosed = any(quantity.is_dose for quantity in claims.quantities(text))
    if dosed and not support.verbatim and "dose" not in {reason.code for reason in reasons}:
        reasons.append(Reason("dose", "It gives a dose that no passage gives in these words."))
    return reasons


def _exact(text: str, passage: Passage, window: Window, said: Sequence[str]) -> list[Reason]:
    reasons = []
    whole = f"{passage.title}. {passage.text}"
    held = f"{window.frame}. {window.text}"
    if stray := claims.medicines(text) - claims.medicines(held):
        reasons.append(Reason("medicine", f"The passage does not name {', '.join(sorted(stray))} here."))
    if not _numbers_held(text, held):
        code = "dose" if any(quantity.is_dose for quantity in claims.quantities(text)) else "number"
        reasons.append(Reason(code, "It gives a number that this part of the passage does not give."))
    elif moved := relations.number_moved(text, passage):
        reasons.append(Reason("number", f"The passage gives this number, but not beside {moved!r}."))
    if stray := claims.terms(text) - claims.terms(held):
        reasons.append(Reason("subject", f"The passage does not speak of {', '.join(sorted(stray))} here."))
    elif _other_subject(text, said, whole):
        reasons.append(Reason("subject", "It goes on about something that this passage is not about."))
    if turned := _turned_round(text, window):
        reasons.append(Reason("negation", turned))
    elif more := claims.overstates(text, window.text):
        reasons.append(Reason("negation", f"The passage does not go as far as {more!r}."))
    if turned := relations.roles_turned(text, window.text):
        reasons.append(Reason("roles", f"Around {turned!r} it says of one what the passage says of the other."))
    return reasons


def _numbers_held(text: str, held: str) -> bool:
    """Whether the window gives the numbers of the sentence, and doses in the same order."""
    mine, theirs = claims.quantities(text), claims.quantities(held)
    if any(quantity.is_dose for quantity in mine):
        rest = iter(theirs)
        return all(any(_same(quantity, other) for other in rest) for quantity in mine)
    return all(any(_same(quantity, other) for other in theirs) for quantity in mine)


def _same(mine: claims.Quantity, other: claims.Quantity) -> bool:
    return mine.value == other.value and (mine.unit == other.unit or not mine.unit)


def _other_subject(text: str, said: Sequence[str], whole: str) -> bool:
    """Whether a sentence that names no condition goes on from one about a condition foreign to this passage."""
    if claims.conditions(text):
        return False
    for earlier in reversed(said):
        if about := claims.conditions(earlier):
            return not about & claims.conditions(whole)
    return False


def _turned_round(text: str, window: Window) -> str:
    """Says what is wrong where a clause of the text says the opposite of the clause of the evidence nearest to it."""
    frame = _bag(window.frame)
    held = [(clause, _bag(clause), denies) for clause, denies in claims.clauses(window.text)]
    for clause, denies in claims.clauses(text):
        whole = _bag(clause)
        mine = whole - frame or whole
        if not mine or not held:
            continue
        near, bag, near_denies = max(held, key=lambda one: (len(mine & one[1]), len(whole & one[1]), -len(one[1])))
        if len(mine & bag) * 2 >= min(len(mine), len(bag - frame) or len(bag)) > 0:
            if denies != near_denies:
                return "The passage denies what this affirms, or affirms what this denies."
            if opposite := claims.contradicts(clause, near):
                return f"The passage says the opposite of {opposite!r}."
        left = mine - bag
        if left and not denies and any(_mostly(left, other) for _, other, denied in held if denied):
            return "It joins what the passage affirms to what it denies."
    opposite = claims.contradicts(text, window.text)
    return f"The passage says the opposite of {opposite!r}." if opposite else ""


def _mostly(left: set[str], other: set[str]) -> bool:
    """Whether most of the words left over stand in another clause; all of them where there are only one or two."""
    return len(left & other) * 5 >= len(left) * 3 if len(left) > 2 else left <= other


def _bag(clause: str) -> set[str]:
    """What two clauses are compared by: stems, or for Chinese the characters of the words that carry meaning."""
    content = words.content(clause)
    return set("".join(content)) if words.is_chinese(clause) else set(content)


def _is_frame(text: str) -> bool:
    """Whether the sentence claims nothing: a greeting, a question, or general advice to get help."""
    if claims.medicines(text) or claims.quantities(text):
        return False
    frames = _frames()
    if any(pattern.fullmatch(text) for pattern in frames["frame"] + frames["asks"]):
        return True
    return any(p.fullmatch(text) for p in frames["care"]) and not any(p.search(text) for p in frames["care_not"])


@lru_cache(maxsize=2_000)
def _tainted(text: str) -> bool:
    hidden = sum(unicodedata.category(character) in ("Cf", "Co", "Cn") for character in text)
    lines = [re.sub(r"[ \t]+", " ", line) for line in words.normalise(text).splitlines()]
    return hidden > 8 or any(pattern.search(line) for pattern in _taints() for line in lines)


@cache
def _taints() -> tuple[re.Pattern[str], ...]:
    (row,) = tomllib.loads((_DATA / "refusals.toml").read_text(encoding="utf-8"))["tainted"]
    return tuple(_compiled(pattern) for pattern in (*row["en"], *row["zh"]))


@cache
def _refusals() -> tuple[_Refusal, ...]:
    rows = tomllib.loads((_DATA / "refusals.toml").read_text(encoding="utf-8"))["refusal"]
    return tuple(_read_refusal(row) for row in rows)


def _read_refusal(row: dict[str, Any]) -> _Refusal:
    return _Refusal(
        code=row["code"],
        detail=row["detail"],
        patterns=tuple(_compiled(pattern) for pattern in (*row["en"], *row["zh"])),
        rescues=tuple(_compiled(pattern) for pattern in (*row.get("except_en", ()), *row.get("except_zh", ()))),
        verbatim=row.get("verbatim", False),
        least=Level(row.get("from", Level.SELF_CARE)),
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of the file for text after ``words.normalise``, which knows one apostrophe and narrow punctuation."""
    for written, read in (("’", "'"), ("，", ",，"), ("；", ";；"), ("！", "!！")):
        pattern = pattern.replace(written, read)
    pattern = pattern.replace("{cond}", claims.condition_alternatives())
    return re.compile(pattern.replace("{med}", claims.medicine_alternatives()), re.IGNORECASE)


@cache
def _frames() -> dict[str, tuple[re.Pattern[str], ...]]:
    data = tomllib.loads((_DATA / "frames.toml").read_text(encoding="utf-8"))
    return {
        "frame": tuple(map(re.compile, data["en"] + data["zh"])),
        "care": tuple(map(re.compile, data["care_en"] + data["care_zh"])),
        "care_not": (re.compile(data["care_not"]),),
        "asks": tuple(map(re.compile, data["asks_en"] + data["asks_zh"])),
    }
