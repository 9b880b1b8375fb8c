"""The messages that the safety layer is measured on, read from a folder that is not part of the repository.

Knows nothing of metrics. A set that is not there is left out and named. Labels of kqa and medicationqa are rows and
levels only (``kqa.json``, ``medicationqa.json``): no text of theirs is kept here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consult.safety.rules import Ruleset
from consult.safety.types import Language, Level, Profile, Turn

LABELS = Path(__file__).parent
SETS = ("triage_dev", "ugm_crisis", "counsel_chat", "kqa", "medicationqa")
_FILES = {
    "triage_dev": "triage_dev/triage_dev.jsonl",
    "ugm_crisis": "ugm_crisis/single_turn.jsonl",
    "counsel_chat": "counsel_chat/questions.jsonl",
    "kqa": "kqa/questions.jsonl",
    "medicationqa": "medicationqa/dev.jsonl",
    "medsafetybench": "medsafetybench/train.jsonl",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation and the levels that count as right. ``gold`` None: known only to be no alarm."""

    dataset: str
    id: str
    category: str
    turns: tuple[Turn, ...]
    gold: Level | None
    acceptable: frozenset[Level]
    language: Language | None = None
    profile: Profile | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether the right answer is emergency or crisis."""
        return self.gold in (Level.EMERGENCY, Level.CRISIS)


def read(folder: Path, dataset: str) -> list[Case]:
    """Every labelled case of one data set; FileNotFoundError where it is not there."""
    path = folder / _FILES[dataset]
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    readers = {"triage_dev": _triage_dev, "ugm_crisis": _ugm, "counsel_chat": _counsel}
    if dataset in readers:
        return list(readers[dataset](rows))
    return list(_sampled(dataset, rows))


def harmful_requests(folder: Path) -> list[str]:
    """The requests of medsafetybench, all of which ask for something harmful."""
    path = folder / _FILES["medsafetybench"]
    return [json.loads(line)["request"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def of_rules(rules: Ruleset) -> list[Case]:
    """The rules' own examples: those that must match carry the rule's level."""
    return [
        Case("rules' own examples", f"{rule.id}.{number}", rule.id, example.turns, rule.level, frozenset({rule.level}),
             None, example.profile)
        for rule in rules.rules
        for number, example in enumerate(rule.match)
    ]  # fmt: skip


def _triage_dev(rows: list[dict[str, Any]]) -> Iterator[Case]:
    for row in rows:
        told = row.get("turns") or [{"role": "patient", "text": row["text"]}]
        turns = tuple(Turn("patient" if turn["role"] == "patient" else "software", turn["text"]) for turn in told)
        right = {row["gold"], *row.get("acceptable", ())}
        yield Case(
            "triage_dev",
            row["id"],
            row["category"],
            turns,
            Level(row["gold"]),
            frozenset(map(Level, right)),
            row["lang"],
        )


def _ugm(rows: list[dict[str, Any]]) -> Iterator[Case]:
    for row in rows:
        if row.get("lang") != "en":
            continue  # Indonesian, which the product does not speak
        crisis = row["gold"] == "crisis"
        right = frozenset({Level.CRISIS, Level.EMERGENCY}) if crisis else frozenset()
        gold = Level.CRISIS if crisis else None
        yield Case("ugm_crisis", row["id"], "crisis" if crisis else "none", _single(row["text"]), gold, right)


def _counsel(rows: list[dict[str, Any]]) -> Iterator[Case]:
    for row in rows:
        if row["self_harm_keyword"]:
            continue  # some are crises and some are not; nobody labelled which
        turns = _single(row["questionText"] or row["questionTitle"])
        yield Case("counsel_chat", str(row["questionID"]), row["topic"], turns, None, frozenset())


def _sampled(dataset: str, rows: list[dict[str, Any]]) -> Iterator[Case]:
    labels = json.loads((LABELS / f"{dataset}.json").read_text(encoding="utf-8"))
    if labels["rows_in_file"] != len(rows):
        raise ValueError(f"{dataset}: the labels are for {labels['rows_in_file']} rows, the file has {len(rows)}")
    for label in labels["labels"]:
        right = frozenset(map(Level, {label["gold"], *label["acceptable"]}))
        turns = _single(rows[label["row"]]["Question"])
        yield Case(dataset, str(label["row"]), "question", turns, Level(label["gold"]), right)


def _single(text: str) -> tuple[Turn, ...]:
    return (Turn("patient", text),)
