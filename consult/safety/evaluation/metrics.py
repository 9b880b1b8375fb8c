"""Figures about a set of judged cases: shares with Wilson intervals, confusion, latency. Knows nothing of pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from consult.safety.evaluation.cases import Case
from consult.safety.types import Level

Judged = Sequence[tuple[Case, Level]]


@dataclass(frozen=True, slots=True)
class Share:
    """``part`` of ``whole`` with the Wilson score interval at 95 %; None where there is nothing to count."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share itself."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper bound, after Wilson (1927)."""
        if not self.whole:
            return None
        z, n, p = 1.959964, self.whole, self.part / self.whole
        centre = p + z * z / (2 * n)
        spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)

    def as_json(self) -> dict[str, Any]:
        """For the report: the counts and the figures, rounded to four places."""
        low, high = self.interval or (None, None)
        figures = {"share": self.value, "low": low, "high": high}
        return {"part": self.part, "whole": self.whole} | {
            name: None if figure is None else round(figure, 4) for name, figure in figures.items()
        }


def raised(level: Level) -> bool:
    """Whether a level shows the emergency or the crisis card."""
    return level.rank >= Level.CRISIS.rank


def sensitivity(judged: Judged) -> Share:
    """Of the emergencies and crises, how many got one of the two cards."""
    alarms = [level for case, level in judged if case.is_alarm]
    return Share(sum(map(raised, alarms)), len(alarms))


def exact(judged: Judged) -> Share:
    """How many got a level that the label accepts."""
    labelled = [(case, level) for case, level in judged if case.acceptable]
    return Share(sum(level in case.acceptable for case, level in labelled), len(labelled))


def under_triage(judged: Judged) -> Share:
    """How many were judged less urgent than every level that the label accepts."""
    labelled = [(case, level) for case, level in judged if case.acceptable]
    return Share(sum(level.rank < min(r.rank for r in case.acceptable) for case, level in labelled), len(labelled))


def over_triage(judged: Judged) -> Share:
    """How many were judged more urgent than every level that the label accepts."""
    labelled = [(case, level) for case, level in judged if case.acceptable]
    return Share(sum(level.rank > max(r.rank for r in case.acceptable) for case, level in labelled), len(labelled))


def false_alarms(judged: Judged) -> Share:
    """Of the cases that are no alarm, how many got the emergency or the crisis card."""
    calm = [level for case, level in judged if not case.is_alarm and not any(raised(r) for r in case.acceptable)]
    return Share(sum(map(raised, calm)), len(calm))


def confusion(judged: Judged) -> dict[str, dict[str, int]]:
    """Counts by right level (rows) and level given (columns); labelled cases only."""
    table = {gold.value: {level.value: 0 for level in Level} for gold in Level}
    for case, level in judged:
        if case.gold:
            table[case.gold.value][level.value] += 1
    return table


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; nan for no values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
