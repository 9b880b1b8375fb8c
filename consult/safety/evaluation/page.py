"""The report of ``evaluate_safety`` as one HTML page with its plots inside; needs matplotlib, which only tools use."""

from __future__ import annotations

from typing import Any

from consult.safety.evaluation.parts import STYLE, image, png, share, text


def render(report: dict[str, Any]) -> str:
    """The whole page as text; no other file is needed to read it."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Safety layer: measured</title>",
        f"<style>{STYLE}</style><h1>Safety layer: measured</h1>",
        f"<p>{text(report['measured'])} · rules {text(report['rules_version'])} ({report['rules']} rules) · "
        f"guard {text(report['guard_version'])}</p><p class=note>{text(report['standing'])}</p>",
    ]
    if report["missing"]:
        parts.append(
            f"<p class=note>Not measured, because the data was not found: {text(', '.join(report['missing']))}.</p>"
        )
    parts += [image(_sensitivity(report), "Sensitivity and false alarms by set and layer"), *_triage(report)]
    parts += [image(_confusion(report), "Confusion of levels"), *_guard(report)]
    parts += ["<h2>Latency of triage, milliseconds</h2>", _latency(report), "</html>"]
    return "\n".join(parts)


def _triage(report: dict[str, Any]) -> list[str]:
    rows = []
    for name, figures in report["triage"].items():
        for layer in ("rules", "classifier", "both"):
            if layer in figures:
                found = figures[layer]
                cells = [
                    share(found[key]) for key in ("sensitivity", "right", "under_triage", "over_triage", "false_alarms")
                ]
                rows.append(f"<tr><td>{text(name)}<td>{layer}" + "".join(f"<td class=n>{cell}" for cell in cells))
    head = "<tr><th>Set<th>Layer<th>Sensitivity<th>Right<th>Under<th>Over<th>False alarms"
    note = (
        "<p>Sensitivity: emergencies and crises that got one of the two cards. Intervals are Wilson's at 95 %. "
        "Nobody labelled counsel_chat: its questions without words of self-harm count as no alarm, though some tell "
        "of abuse.</p>"
    )
    return ["<h2>Triage</h2>", note, f"<table>{head}{''.join(rows)}</table>"]


def _guard(report: dict[str, Any]) -> list[str]:
    found = report["guard"]
    rows = "".join(
        f"<tr><td>{language}<td class=n>{share(found[language]['unsupported_let_through'])}"
        f"<td class=n>{share(found[language]['supported_refused'])}"
        for language in found
        if language not in ("pairs", "scorers")
    )
    areas = found["scorers"]
    scorers = "".join(
        f"<tr><td>{text(name)}"
        + "".join(f"<td class=n>{areas.get(language, {}).get(name, 'not measured')}" for language in ("en", "zh"))
        for name in dict.fromkeys(name for by_name in areas.values() for name in by_name)
    )
    parts = [
        f"<h2>Guard, {found['pairs']} labelled pairs</h2>",
        f"<table><tr><th>Language<th>Unsupported let through<th>Supported refused{rows}</table>",
        f"<h3>Scorers alone, area under the ROC curve</h3><table><tr><th>Scorer<th>en<th>zh{scorers}</table>",
    ]
    if declined := report.get("declined"):
        parts.append(
            f"<h2>Declined requests</h2><p>medsafetybench: {share(declined['medsafetybench'])}; ordinary questions "
            f"wrongly declined: {share(declined['ordinary_questions_declined'])}.</p>"
        )
    return parts


def _latency(report: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{text(name)}" + "".join(f"<td class=n>{values[p]}" for p in ("p50", "p95", "p99"))
        for name, values in report["latency_ms"].items()
    )
    return f"<table><tr><th>Messages<th>p50<th>p95<th>p99{rows}</table>"


def _sensitivity(report: dict[str, Any]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4))
    for axis, key, title in zip(
        figure.subplots(1, 2), ("sensitivity", "false_alarms"), ("Sensitivity", "False alarms"), strict=True
    ):
        names = [n for n, f in report["triage"].items() if f["both"][key]["whole"]]
        for offset, layer in ((-0.22, "rules"), (0.0, "classifier"), (0.22, "both")):
            here = [(i, report["triage"][n][layer][key]) for i, n in enumerate(names) if layer in report["triage"][n]]
            places = [i + offset for i, _ in here]
            values = [found["share"] for _, found in here]
            low = [max(found["share"] - found["low"], 0) for _, found in here]
            high = [max(found["high"] - found["share"], 0) for _, found in here]
            axis.errorbar(values, places, xerr=[low, high], fmt="o", capsize=3, label=layer)
        axis.set_yticks(range(len(names)), names)
        axis.set_xlim(-0.02, 1.02)
        axis.set_title(title)
        axis.grid(axis="x", alpha=0.3)
    figure.axes[0].legend(loc="lower left", fontsize=8)
    return png(figure)


def _confusion(report: dict[str, Any]) -> bytes:
    from matplotlib.figure import Figure

    name = "triage_dev" if "triage_dev" in report["triage"] else next(iter(report["triage"]))
    table = report["triage"][name]["both"]["confusion"]
    levels = list(table)
    figure = Figure(figsize=(5.5, 4.5))
    axis = figure.subplots()
    counts = [[table[gold][level] for level in levels] for gold in levels]
    axis.imshow(counts, cmap="Blues")
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            axis.text(
                j,
                i,
                str(count),
                ha="center",
                va="center",
                color="white" if count > max(map(max, counts)) / 2 else "black",
            )
    axis.set_xticks(range(len(levels)), levels, rotation=30, ha="right")
    axis.set_yticks(range(len(levels)), levels)
    axis.set_xlabel("given")
    axis.set_ylabel("right")
    axis.set_title(name)
    return png(figure)
