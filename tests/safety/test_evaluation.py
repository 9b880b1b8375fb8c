"""Measuring the safety layer: the figures themselves, what is said of missing data, and the page."""

import json
from pathlib import Path

import numpy as np
import pytest

from consult.safety import pairs, support, training
from consult.safety.evaluation import cases, metrics, page, run
from consult.safety.evaluation.cases import Case
from consult.safety.evaluation.metrics import Share
from consult.safety.types import Level, Passage, Turn


def case(gold: Level | None, *acceptable: Level) -> Case:
    right = frozenset((gold, *acceptable)) if gold else frozenset(acceptable)
    return Case("set", "1", "c", (Turn("patient", "text"),), gold, right)


JUDGED = [
    (case(Level.EMERGENCY), Level.EMERGENCY),
    (case(Level.EMERGENCY), Level.URGENT),
    (case(Level.CRISIS, Level.EMERGENCY), Level.EMERGENCY),
    (case(Level.ROUTINE, Level.SELF_CARE), Level.SELF_CARE),
    (case(Level.SELF_CARE), Level.CRISIS),
    (case(None), Level.SELF_CARE),
]


def test_the_wilson_interval_is_that_of_the_textbook() -> None:
    low, high = Share(10, 100).interval or (0.0, 0.0)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert Share(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Share(0, 0).as_json() == {"part": 0, "whole": 0, "share": None, "low": None, "high": None}


def test_each_figure_counts_what_it_says() -> None:
    assert metrics.sensitivity(JUDGED) == Share(2, 3)
    assert metrics.exact(JUDGED) == Share(3, 5)
    assert metrics.under_triage(JUDGED) == Share(1, 5)
    assert metrics.over_triage(JUDGED) == Share(1, 5)
    assert metrics.false_alarms(JUDGED) == Share(1, 3)
    assert metrics.confusion(JUDGED)["emergency"] == {
        "emergency": 1, "crisis": 0, "urgent": 1, "routine": 0, "self_care": 0
    }  # fmt: skip


def test_percentiles_are_nearest_rank() -> None:
    assert metrics.percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert metrics.percentile([1, 2], 0.99) == 2


def test_sets_that_are_not_there_are_named_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.cases, "of_rules", lambda rules: [case(Level.SELF_CARE)])
    some = [pair for pair in pairs.labelled() if pair.language == "en"][:16]
    monkeypatch.setattr(run.pairs, "labelled", lambda: some)
    report = run.measure(None, timed=1)
    assert set(report["missing"]) == {*cases.SETS, "medsafetybench"}
    assert list(report["triage"]) == ["rules' own examples"]
    assert list(report["guard"]["scorers"]) == ["en"], "a language without pairs has no areas"
    shown = page.render(report)
    assert "Not measured" in shown
    assert "http" not in shown.replace("data:image/png", "")


def test_a_data_set_is_read_with_its_labels(tmp_path: Path) -> None:
    folder = tmp_path / "triage_dev"
    folder.mkdir()
    row = {"id": "x", "lang": "en", "category": "c.d", "gold": "crisis", "acceptable": ["emergency"]}
    turns = [{"role": "patient", "text": "a"}, {"role": "assistant", "text": "b"}, {"role": "patient", "text": "c"}]
    (folder / "triage_dev.jsonl").write_text(json.dumps(row | {"turns": turns}) + "\n")
    (read,) = cases.read(tmp_path, "triage_dev")
    assert read.is_alarm
    assert read.acceptable == {Level.CRISIS, Level.EMERGENCY}
    assert [turn.author for turn in read.turns] == ["patient", "software", "patient"]


def test_labels_made_for_another_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "kqa").mkdir()
    (tmp_path / "kqa" / "questions.jsonl").write_text('{"Question": "only one"}\n')
    with pytest.raises(ValueError, match="kqa: the labels are for 1001 rows, the file has 1"):
        cases.read(tmp_path, "kqa")


@pytest.mark.parametrize("name", ["kqa", "medicationqa"])
def test_label_files_hold_two_hundred_rows_and_no_text(name: str) -> None:
    labels = json.loads((cases.LABELS / f"{name}.json").read_text())
    assert len({label["row"] for label in labels["labels"]}) == 200
    for label in labels["labels"]:
        assert set(label) == {"row", "gold", "acceptable"}
        Level(label["gold"])


def test_the_labelled_pairs_are_four_hundred_or_more_and_half_are_unsupported() -> None:
    rows = pairs.labelled()
    assert len(rows) >= 400
    for split in ("development", "held-out"):
        here = [row for row in rows if row.split == split]
        assert sum(row.supported for row in here) * 2 == len(here)
        assert {row.language for row in here} == {"en", "zh"}
    topics = {split: {row.topic for row in rows if row.split == split} for split in ("development", "held-out")}
    assert not topics["development"] & topics["held-out"]


def test_generated_pairs_are_the_same_for_the_same_seed_and_change_one_thing() -> None:
    documents = [
        (
            "flu",
            "en",
            [Passage(1, "Flu", "Flu lasts about 7 days. Antibiotics do not treat flu. Drink plenty of water.")],
        ),
        ("cold", "en", [Passage(1, "Cold", "A cold starts slowly. Honey may ease a cough from a cold at night.")]),
    ]
    first, second = (list(pairs.generate(documents, 3)) for _ in range(2))
    assert first == second
    assert {"supported", "number", "negation", "name", "invention"} <= {pair.kind for pair in first}
    assert all(pair.supported == (pair.kind == "supported") for pair in first)


def test_the_regression_learns_what_can_be_learnt() -> None:
    x = np.array([[0.0, 1.0], [0.1, 0.2], [0.9, 0.3], [1.0, 0.9]] * 10)
    y = np.array([0.0, 0.0, 1.0, 1.0] * 10)
    weights, bias = training.fit(x, y, penalty=0.1)
    assert training.area(y, x @ np.array(weights) + bias) == 1.0
    assert training.area(y, np.zeros(len(y))) == 0.5


def test_the_weights_in_the_repository_fit_the_features() -> None:
    for language in ("en", "zh"):
        assert len(support.weights()[language]["weights"]) == len(support.FEATURES)
        assert 0 < support.weights()[language]["threshold"] < 1


def test_training_writes_what_the_scorer_reads(tmp_path: Path) -> None:
    text = "Flu lasts about {} days. Antibiotics do not treat flu. Drink plenty of water and rest in bed."
    documents = [(f"t{i}", "en", [Passage(1, f"Topic {i}", text.format(i + 2))]) for i in range(4)]
    before = support.WEIGHTS.read_bytes()
    models = training.train(documents, tmp_path / "w.json", most=50)
    assert support.WEIGHTS.read_bytes() == before
    written = json.loads((tmp_path / "w.json").read_text())
    assert written["en"]["weights"] == models["en"]["weights"]
    assert written["features"] == list(support.FEATURES)
