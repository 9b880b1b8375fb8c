"""The results of a measurement as files: JSON, a page, a plot for each set."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

COLUMNS = ("mode", "reduced", "floor", "queries", "ndcg10", "recall10", "mrr10", "hit3", "empty", "ms_p50", "ms_p95")


def write(results: dict[str, Any], folder: Path) -> None:
    """results.json, results.html and <set>.svg into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
    parts = [_section(one, _plot(one, folder)) for one in results["sets"]]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Search, measured</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{border:1px solid #ccc;padding:4px 8px}"
        f"</style><h1>Search, measured</h1><p>{escape(results['at'])} · {escape(results['machine'])}</p>"
        f"{''.join(parts)}</html>"
    )
    (folder / "results.html").write_text(page, encoding="utf-8")


def _section(one: dict[str, Any], plot: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in COLUMNS) + "</tr>" for row in one["rows"]
    )
    wrong = ", ".join(f"{mode} {share:.0%}" for mode, share in one.get("wrongly_answered", {}).items())
    told = [f"Questions that the library does not hold, but something was returned: {wrong}"] if wrong else []
    notes = "".join(f"<p>{escape(note)}</p>" for note in [*one["notes"], *told])
    return (
        f"<h2>{escape(one['set'])}</h2><p>{one['documents']} documents, {one['entries']} entries; indexed in "
        f"{one['index_s']} s, encoded in {one['encode_s']} s</p>{notes}"
        f"<table><tr>{head}</tr>{body}</table>{plot}"
    )


def _plot(one: dict[str, Any], folder: Path) -> str:
    """hit@3 and nDCG@10 by mode; nothing where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        return ""
    rows = [row for row in one["rows"] if row["reduced"] and not row["floor"]]
    figure = Figure(figsize=(6, 2.4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    for at, (name, label) in enumerate((("hit3", "hit@3"), ("ndcg10", "nDCG@10"))):
        axes.barh([n + at * 0.35 for n in range(len(rows))], [row[name] for row in rows], height=0.33, label=label)
    axes.set_yticks([n + 0.17 for n in range(len(rows))], [row["mode"] for row in rows])
    axes.set_xlim(0, 1)
    axes.legend(loc="lower left")
    figure.savefig(folder / f"{one['set']}.svg")
    return f'<img src="{escape(one["set"])}.svg" alt="hit@3 and nDCG@10 of each mode, as in the table">'
