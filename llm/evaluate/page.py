"""The report of ``python -m llm evaluate`` as one HTML page with its plots inside. Knows nothing of models."""

from __future__ import annotations

import html
from typing import Any

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b2430}
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #ccd3db;padding:.4rem .6rem;text-align:left;
vertical-align:top}svg{max-width:100%;height:auto}text{font:13px system-ui,sans-serif;fill:#1b2430}
td.n{text-align:right;white-space:nowrap}details{margin:.6rem 0}pre{white-space:pre-wrap;font:inherit;margin:0}"""
COLOURS = ("#7a8794", "#0b6e6e", "#b4572c", "#5b4b9a")
LEFT, WIDTH, BAR, GAP = 230, 420, 16, 22


def render(report: dict[str, Any]) -> str:
    """The page; ``report`` as command.py writes it, with any number of sides."""
    sides = list(report["sides"])
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Model evaluation</title>",
        f"<style>{STYLE}</style><h1>Model evaluation</h1>",
        f"<p>{_text(report['date'])} · {report['rows']} rows of {_text(report['file'])}. Whiskers are 95 % Wilson "
        "intervals. “Supported” means that at least 80 % of a sentence's content words, and each number, stand in the "
        "passage that it cites.</p>",
        _plot(report, sides),
        _figures(report, sides),
        "<h2>Answers, row by row</h2>",
        *(_answers(row, sides) for row in report["answers"]),
        "</html>",
    ]
    return "\n".join(parts)


def _plot(report: dict[str, Any], sides: list[str]) -> str:
    """One group of bars a measure, a bar a side, with its interval."""
    names = list(report["sides"][sides[0]]["figures"])
    step = BAR * len(sides) + GAP
    shapes = []
    for place, name in enumerate(names):
        top = 10 + place * step
        shapes.append(f'<text x="{LEFT - 10}" y="{top + BAR}" text-anchor="end">{_text(_words(name))}</text>')
        for number, side in enumerate(sides):
            one = report["sides"][side]["figures"].get(name)
            if one is not None:
                shapes.append(_bar(one, top + number * BAR, COLOURS[number % len(COLOURS)]))
    legend_top = 10 + len(names) * step
    for number, side in enumerate(sides):
        y = legend_top + number * 20
        shapes.append(f'<rect x="{LEFT}" y="{y}" width="12" height="12" fill="{COLOURS[number % len(COLOURS)]}"/>')
        shapes.append(f'<text x="{LEFT + 20}" y="{y + 11}">{_text(side)}</text>')
    height = legend_top + len(sides) * 20 + 10
    label = "Shares of each measure for each side, also in the table below"
    return f'<svg viewBox="0 0 {LEFT + WIDTH + 80} {height}" role="img" aria-label="{label}">{"".join(shapes)}</svg>'


def _bar(one: dict[str, float], y: int, colour: str) -> str:
    low, high = LEFT + WIDTH * one["low"], LEFT + WIDTH * one["high"]
    middle = y + BAR / 2 - 1
    return (
        f'<rect x="{LEFT}" y="{y}" width="{WIDTH * one["share"]:.1f}" height="{BAR - 3}" fill="{colour}"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8" '
        'stroke="#1b2430" fill="none"/>'
        f'<text x="{high + 8:.1f}" y="{y + BAR - 4}">{one["share"]:.0%}</text>'
    )


def _figures(report: dict[str, Any], sides: list[str]) -> str:
    head = "".join(f"<th>{_text(side)}" for side in sides)
    rows = []
    for name in report["sides"][sides[0]]["figures"]:
        cells = "".join(f"<td class=n>{share(report['sides'][side]['figures'].get(name))}" for side in sides)
        rows.append(f"<tr><td>{_text(_words(name))}{cells}")
    cells = "".join(f"<td class=n>{report['sides'][side].get('perplexity') or '–'}" for side in sides)
    rows.append(f"<tr><td>perplexity of the wished answers{cells}")
    return f"<h2>Figures</h2><table><tr><th>Measure{head}{''.join(rows)}</table>"


def _answers(row: dict[str, Any], sides: list[str]) -> str:
    cells = "".join(
        f"<tr><th>{_text(side)}<td><pre>{_text(row['said'][side])}</pre>" for side in sides if side in row["said"]
    )
    question = f"{_text(row['id'])} · {_text(row['skill'])} · {_text(row['question'])}"
    return f"<details><summary>{question}</summary><table>{cells}</table></details>"


def share(one: dict[str, float] | None) -> str:
    """A share with its interval and count, as text."""
    if one is None or not one["of"]:
        return "–"
    return f"{one['share']:.1%} ({one['low']:.0%} to {one['high']:.0%}, n {one['of']})"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: object) -> str:
    return html.escape(str(value))
