"""Measure the whole safety layer: triage by layer, the guard on labelled pairs, declined requests, latency.

Knows nothing of Django. ``measure`` returns what ``manage.py evaluate_safety`` writes as JSON and as a page.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

from consult.safety import classifier, guard, pairs, requests, support, triage
from consult.safety.evaluation import cases, metrics
from consult.safety.evaluation.cases import Case
from consult.safety.evaluation.metrics import Judged, Share
from consult.safety.rules import ruleset
from consult.safety.types import Assessment, Language, Level, Turn, highest

LAYERS = ("rules", "classifier", "both")
SLOW_TURNS, SLOW_CHARACTERS = 50, 2_000


def measure(folder: Path | None, say: Callable[[str], None] = lambda line: None, *, timed: int = 60) -> dict[str, Any]:
    """Every figure. ``folder`` holds the data sets; what is not there is named in ``missing``.

    ``timed`` is how often the slow case is timed.
    """
    sets, missing = _sets(folder)
    report: dict[str, Any] = {
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "rules_version": triage.rules_version(),
        "guard_version": guard.GUARD_VERSION,
        "rules": len(ruleset().rules),
        "missing": missing,
        "standing": "Labels by engineers, none by a clinician: for finding faults, not for claims of accuracy.",
        "triage": {},
    }
    times: list[float] = []
    for name, rows in sets.items():
        say(f"triage: {name}, {len(rows)} conversations")
        report["triage"][name] = _triage(rows, times)
    report["latency_ms"] = _latency(times, timed)
    say("guard: labelled pairs")
    report["guard"] = guard_figures(pairs.labelled())
    if folder and "medsafetybench" not in missing:
        report["declined"] = _declined(folder, sets)
    return report


def guard_figures(rows: Sequence[pairs.Pair]) -> dict[str, Any]:
    """How often the guard lets an unsupported sentence through, and refuses a supported one, by language and kind."""
    judged = []
    for row in rows:
        spoken: Language = "zh" if row.language == "zh" else "en"
        verdict = guard.check_sentence(row.sentence, [row.passage], level=Level.SELF_CARE, language=spoken)
        judged.append((row, verdict.allowed))
    figures: dict[str, Any] = {"pairs": len(rows)}
    groups = [(language, split) for language in ("en", "zh") for split in ("development", "held-out")]
    for language, split in groups:
        here = [(row, allowed) for row, allowed in judged if (row.language, row.split) == (language, split)]
        figures[f"{language} {split}"] = {
            "unsupported_let_through": _share(here, lambda row: not row.supported, wanted=True),
            "supported_refused": _share(here, lambda row: row.supported, wanted=False),
            "let_through_by_kind": {
                kind: _share(here, partial(_is_kind, kind), wanted=True)
                for kind in sorted({row.kind for row, _ in here if not row.supported})
            },
        }
    figures["scorers"] = scorers(rows)
    return figures


def scorers(rows: Sequence[pairs.Pair]) -> dict[str, dict[str, float]]:
    """The area under the ROC curve of each simple scorer alone, and of the regression, by language.

    A language that has not both supported and unsupported pairs has no such area, and is left out.
    """
    from consult.safety import training

    found: dict[str, dict[str, float]] = {}
    for language in ("en", "zh"):
        here = [row for row in rows if row.language == language]
        if len({row.supported for row in here}) < 2:
            continue
        x, y = training.table(here)
        column = {name: x[:, index] for index, name in enumerate(support.FEATURES)}
        column["rarest"], column["extra"] = -column["rarest"], -column["extra"]
        model = support.weights()[language]
        column["regression"] = x @ model["weights"] + model["bias"]
        found[language] = {name: round(training.area(y, scores), 3) for name, scores in column.items()}
    return found


def _sets(folder: Path | None) -> tuple[dict[str, list[Case]], list[str]]:
    sets: dict[str, list[Case]] = {"rules' own examples": cases.of_rules(ruleset())}
    missing: list[str] = []
    for name in cases.SETS:
        try:
            if folder is None:
                raise FileNotFoundError
            sets[name] = cases.read(folder, name)
        except FileNotFoundError:
            missing.append(name)
    if folder is None or not (folder / "medsafetybench" / "train.jsonl").exists():
        missing.append("medsafetybench")
    return sets, missing


def _triage(rows: Sequence[Case], times: list[float]) -> dict[str, Any]:
    by_layer: dict[str, list[tuple[Case, Level]]] = {layer: [] for layer in LAYERS}
    for case in rows:
        assessment = triage.assess(case.turns, case.profile)
        times.append(assessment.ms)
        for layer, level in _by_layer(case, assessment).items():
            by_layer[layer].append((case, level))
    return {"cases": len(rows)} | {layer: _figures(judged) for layer, judged in by_layer.items() if judged}


def _by_layer(case: Case, assessment: Assessment) -> Mapping[str, Level]:
    rules = highest(*(f.level for f in assessment.findings if not f.rule.startswith("classifier")))
    levels = {"rules": rules, "both": assessment.level}
    alone = _classifier_alone(case, assessment.language)
    return levels if alone is None else levels | {"classifier": alone}


def _classifier_alone(case: Case, language: Language) -> Level | None:
    try:
        from consult.safety.classifier import second_opinion
    except ImportError:
        return None
    return highest(*(finding.level for finding in second_opinion(case.turns, Level.SELF_CARE, language)))


def _figures(judged: Judged) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "sensitivity": metrics.sensitivity(judged).as_json(),
        "right": metrics.exact(judged).as_json(),
        "under_triage": metrics.under_triage(judged).as_json(),
        "over_triage": metrics.over_triage(judged).as_json(),
        "false_alarms": metrics.false_alarms(judged).as_json(),
        "confusion": metrics.confusion(judged),
        "missed": [case.id for case, level in judged if case.is_alarm and not metrics.raised(level)],
        "raised": [case.id for case, level in judged if not case.is_alarm and metrics.raised(level)],
    }
    groups = sorted({case.category.partition(".")[0] for case, _ in judged})
    if 1 < len(groups) < 20:
        figures["by_category"] = {group: _group(judged, group) for group in groups}
    return figures


def _group(judged: Judged, group: str) -> dict[str, Any]:
    here = [(case, level) for case, level in judged if case.category.partition(".")[0] == group]
    return {"right": metrics.exact(here).as_json(), "false_alarms": metrics.false_alarms(here).as_json()}


def _latency(times: Sequence[float], timed: int) -> dict[str, Any]:
    """Of the data sets' messages, and of the slow case: a long message after fifty earlier turns.

    The slow case is told in processor time, which other work on the machine lengthens less: the rules alone, both
    layers after a restart, and both in a chat, where the earlier turns have been met.
    """
    long = ("I have had a cough and a sore throat for three days and I feel tired. " * 40)[:SLOW_CHARACTERS]
    slow: dict[str, list[float]] = {"rules_alone": [], "both_after_a_restart": [], "both_in_a_chat": []}
    turns = [Turn("patient", f"Turn {i}: my knee aches a little.") for i in range(SLOW_TURNS)]
    for name, found in slow.items():
        for _ in range(0, SLOW_TURNS, classifier.MEANT):
            triage.assess(turns)
        for number in range(timed):
            if name == "both_after_a_restart":
                classifier.forget()
            message = f"{name} {number} {long}"[:SLOW_CHARACTERS]
            started = process_time()
            triage.assess([*turns, Turn("patient", message)], rules_alone=name == "rules_alone")
            found.append((process_time() - started) * 1000)
    named = {"data_sets": times} | {f"long_message_after_50_turns_{name}": found for name, found in slow.items()}
    return {
        name: {
            p: round(metrics.percentile(values, share), 2) for p, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        }
        for name, values in named.items()
    }


def _declined(folder: Path, sets: Mapping[str, Sequence[Case]]) -> dict[str, Any]:
    harmful = cases.harmful_requests(folder)
    calm = [case for name in ("kqa", "medicationqa", "counsel_chat") for case in sets.get(name, ())]
    return {
        "medsafetybench": Share(sum(bool(requests.reason(text)) for text in harmful), len(harmful)).as_json(),
        "ordinary_questions_declined": Share(
            sum(bool(requests.reason(case.turns[0].text)) for case in calm), len(calm)
        ).as_json(),
    }


def _is_kind(kind: str, row: pairs.Pair) -> bool:
    return row.kind == kind


def _share(
    judged: Sequence[tuple[pairs.Pair, bool]], which: Callable[[pairs.Pair], bool], *, wanted: bool
) -> dict[str, Any]:
    found = [allowed for row, allowed in judged if which(row)]
    return Share(sum(allowed is wanted for allowed in found), len(found)).as_json()
