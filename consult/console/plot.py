"""Lines for a small SVG chart: geometry only. Colours are classes, so that the content security policy holds."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 30, 120, 14, 26
LABEL_GAP = 18


@dataclass(frozen=True, slots=True)
class Line:
    """One series: ``points`` for a polyline, its end, and where its label stands (moved away from others)."""

    name: str
    points: str
    end_x: float
    end_y: float
    label_y: float
    last: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A value of the vertical axis."""

    y: float
    value: int


def lines(series: dict[str, list[int]]) -> list[Line]:
    """One line a series that is anywhere above zero, in the order given."""
    top = ceiling(series)
    drawn = {name: values for name, values in series.items() if any(values)}
    ends = {name: _y(values[-1], top) for name, values in drawn.items()}
    labels = spread(ends)
    return [
        Line(name, _points(values, top), WIDTH - RIGHT, ends[name], labels[name], values[-1])
        for name, values in drawn.items()
    ]


def ceiling(series: dict[str, list[int]]) -> int:
    """A round number that no value exceeds."""
    most = max((max(values, default=0) for values in series.values()), default=0)
    step = 1
    while True:
        for factor in (2, 4, 6, 10):
            if most <= factor * step:
                return factor * step
        step *= 10


def ticks(series: dict[str, list[int]]) -> list[Tick]:
    """Zero, half and the ceiling."""
    top = ceiling(series)
    return [Tick(_y(value, top), value) for value in (0, top // 2, top)]


def _points(values: list[int], top: int) -> str:
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values) - 1)
    return " ".join(f"{LEFT + step * at:.1f},{_y(value, top):.1f}" for at, value in enumerate(values))


def _y(value: int, top: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 1)


def spread(ends: dict[str, float]) -> dict[str, float]:
    """Heights for the labels: near their lines, a line's height apart, none below the chart."""
    names = sorted(ends, key=lambda name: ends[name])
    heights = [ends[name] for name in names]
    for at in range(1, len(heights)):
        heights[at] = max(heights[at], heights[at - 1] + LABEL_GAP)
    lowest = float(HEIGHT - BOTTOM + LABEL_GAP)
    for at in range(len(heights) - 1, -1, -1):
        heights[at] = lowest = min(heights[at], lowest - LABEL_GAP)
    return dict(zip(names, heights, strict=True))
