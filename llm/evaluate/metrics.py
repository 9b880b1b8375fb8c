"""What is measured of one answer, and the summary of many with Wilson intervals. Light: imports no torch.

"Supported" here is strict and simple: at least 80 % of the content words of a sentence stand in the passage that
it cites, and every number does. It is not the guard's judgement, so that the two can be held against each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llm import prompts

SENTENCE = re.compile(r"[^.!?]+[.!?]+(?:\s*\[\d+\])*|[^.!?]+$")
MARK = re.compile(r"\[(\d+)\]")
WORD = re.compile(r"[a-z0-9'-]+")
COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can do does for from had has have if in into is it its may more most no not "
        "of on or so than that the their them then there they this to up was were when which who will with you your",
    )
)
SUPPORTED_SHARE = 0.8
DECLINES = ("i cannot tell you what you have",)


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer. ``sentences`` leaves refusals, declines and questions out; counts are of those sentences."""

    sentences: int
    supported: int
    cited: int
    cited_right: int
    refused: bool
    should_refuse: bool
    repeats: bool
    stopped: bool


def judge(row: dict[str, Any], answer: str, stopped: bool) -> Judged:
    """``row`` is a line of the data files; ``stopped`` whether the model ended by itself."""
    refused = prompts.NOT_HELD["en"].lower() in answer.lower()
    sentences = [one.strip() for one in SENTENCE.findall(answer) if _is_claim(one)]
    supported = cited = right = 0
    for sentence in sentences:
        marks = [int(one) for one in MARK.findall(sentence)]
        cited += bool(marks)
        right += bool(marks) and set(marks) <= set(row["cited"])
        supported += any(_holds(row["passages"], mark, sentence) for mark in marks)
    plain = [MARK.sub("", one).strip().lower() for one in sentences]
    return Judged(
        sentences=len(sentences),
        supported=supported,
        cited=cited,
        cited_right=right,
        refused=refused,
        should_refuse=not row["cited"],
        repeats=len(set(plain)) < len(plain),
        stopped=stopped,
    )


def _is_claim(sentence: str) -> bool:
    text = MARK.sub("", sentence).strip().lower()
    if text.endswith("?"):  # it asks
        return False
    return bool(WORD.search(text)) and not text.startswith((prompts.NOT_HELD["en"].lower().rstrip("."), *DECLINES))


def _holds(passages: Sequence[Sequence[str]], number: int, sentence: str) -> bool:
    if not 1 <= number <= len(passages):
        return False
    held = set(WORD.findall(" ".join(passages[number - 1]).lower()))
    words = [word for word in WORD.findall(MARK.sub("", sentence).lower()) if word not in COMMON]
    if not words or any(word.isdigit() and word not in held for word in words):
        return False
    return sum(word in held for word in words) / len(words) >= SUPPORTED_SHARE


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) for nothing counted."""
    if not count:
        return 0.0, 1.0
    z, share = 1.96, hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low, high = (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)
    return max(0.0, low), min(1.0, high)


def summary(judged: Iterable[Judged]) -> dict[str, dict[str, float | int]]:
    """Each share with its count and interval."""
    rows = list(judged)
    held = [one for one in rows if not one.should_refuse]
    lacking = [one for one in rows if one.should_refuse]
    sentences = sum(one.sentences for one in rows)
    return {
        "sentences_supported": share_of(sum(one.supported for one in rows), sentences),
        "citation_right": share_of(sum(one.cited_right for one in held), sum(one.sentences for one in held)),
        "refused_where_not_held": share_of(sum(one.refused and not one.sentences for one in lacking), len(lacking)),
        "answered_where_held": share_of(sum(one.supported > 0 for one in held), len(held)),
        "without_repetition": share_of(sum(not one.repeats for one in rows), len(rows)),
        "stopped_by_itself": share_of(sum(one.stopped for one in rows), len(rows)),
    }


def share_of(hits: int, count: int) -> dict[str, float | int]:
    """A share with its count and its 95 % Wilson interval."""
    low, high = wilson(hits, count)
    return {
        "share": round(hits / count, 4) if count else 0.0,
        "of": count,
        "low": round(low, 4),
        "high": round(high, 4),
    }
