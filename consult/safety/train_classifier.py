"""Train the second layer: ``python -m consult.safety.train_classifier``. Nothing at run time needs it.

Learns from classifier_data/messages.jsonl and the rules' own examples, chooses the threshold on threshold.jsonl and
voices_dev.jsonl and that of long messages on half of counsel_chat (where ``--data`` holds it; else the card's stays),
reports on apart.jsonl and voices_held.jsonl, which it never saw, writes weights and card. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.metrics import roc_auc_score, roc_curve  # type: ignore[import-untyped]

from consult.safety import classifier
from consult.safety.classifier import BUCKETS, CARD, FOLDER, WEIGHTS, WINDOW, features
from consult.safety.evaluation import cases
from consult.safety.rules import ruleset

ALARMS = ("emergency", "crisis")
FALSE_ALARMS = 0.015  # of the calm messages that the threshold is chosen on
LONG_FALSE_ALARMS = 0.05  # of the long questions to counsellors, some of which do tell of danger
CHOSEN_ON, TOLD_ON = ("threshold", "voices_dev"), ("apart", "voices_held")
STRENGTH = 20.0

COMPARED = {
    "what": "AUC, 2026-11-23, two cores. The first four rows: threshold and apart with the first 1,785 messages. The "
    "last three: threshold, apart, voices_dev and voices_held, English only, with 3,063 messages.",
    "sentence embeddings (MiniLM)": [0.828, 0.783],
    "characters": [0.914, 0.830],
    "embeddings and characters": [0.881, 0.810],
    "characters, words and concepts (in use)": [0.962, 0.882],
    "the same, English": [0.971, 0.935, 0.961, 0.971],
    "MiniLM fine-tuned as a whole, English": [0.976, 0.970, 0.962, 0.962],
    "mean of those two, English": [0.986, 0.956, 0.981, 0.980],
}

Row = tuple[str, str]  # text, label: emergency, crisis or calm


def rows(path: Path) -> list[Row]:
    """Text and label of each line; whatever is no alarm is calm."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(line["text"], _label(line.get("label") or line["gold"])) for line in lines]


def _label(name: str) -> str:
    return name if name in ALARMS else "calm"


def examples() -> list[Row]:
    """The rules' own examples, as far as they need no profile."""
    found: list[Row] = []
    for rule in ruleset().rules:
        found += [(e.turns[0].text, _label(rule.level)) for e in rule.match if e.profile is None and len(e.turns) == 1]
        found += [(e.turns[0].text, "calm") for e in rule.no_match if e.profile is None and len(e.turns) == 1]
    alarms = {text for text, label in found if label != "calm"}
    return [row for row in dict.fromkeys(found) if row[1] != "calm" or row[0] not in alarms]


def matrix(texts: Sequence[str]) -> csr_matrix:
    """(n, BUCKETS) sparse features."""
    found = [features(text) for text in texts]
    counts = np.cumsum([0, *(len(buckets) for buckets, _ in found)])
    return csr_matrix(
        (np.concatenate([v for _, v in found]), np.concatenate([b for b, _ in found]), counts),
        shape=(len(texts), BUCKETS),
    )


def train(learned: Sequence[Row]) -> tuple[LogisticRegression, LogisticRegression]:
    """Alarm or not on all rows; crisis or emergency on the alarms."""
    table = matrix([text for text, _ in learned])
    labels = np.array([label for _, label in learned])
    alarm = LogisticRegression(C=STRENGTH, max_iter=3000, class_weight="balanced").fit(table, labels != "calm")
    loud = labels != "calm"
    crisis = LogisticRegression(C=STRENGTH, max_iter=3000, class_weight="balanced").fit(
        table[loud], labels[loud] == "crisis"
    )
    return alarm, crisis


def chosen(calm: npt.NDArray[np.float64], share: float) -> float:
    """The lowest threshold that raises no more than ``share`` of the calm messages with these scores."""
    return round(float(np.sort(calm)[-1 - int(len(calm) * share)]) + 0.0005, 4)


def long_scores(folder: Path) -> npt.NDArray[np.float64] | None:
    """The highest score of each long question of counsel_chat, in the order of the file; None where it is not there."""
    try:
        questions = [case.turns[0].text for case in cases.read(folder, "counsel_chat")]
    except FileNotFoundError:
        return None
    return np.array([classifier.opinion(text)[0] for text in questions if len(text) > WINDOW])


def figures(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64], threshold: float) -> dict[str, Any]:
    """AUC, sensitivity and false alarms at ``threshold``, and the ROC in at most 40 points."""
    false, true, _ = roc_curve(truth, scores)
    step = max(1, len(false) // 40)
    return {
        "messages": len(truth),
        "alarms": int(truth.sum()),
        "auc": round(float(roc_auc_score(truth, scores)), 4),
        "sensitivity": round(float((scores[truth] >= threshold).mean()), 4),
        "false_alarms": round(float((scores[~truth] >= threshold).mean()), 4),
        "roc": [[round(float(x), 4), round(float(y), 4)] for x, y in zip(false[::step], true[::step], strict=True)],
    }


def main() -> None:
    """Train, write the weights, choose the thresholds with them, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where weights and card go")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the data sets")
    options = parser.parse_args()
    learned = [*rows(FOLDER / "messages.jsonl"), *examples()]
    alarm, crisis = train(learned)
    weights = np.stack([alarm.coef_[0], crisis.coef_[0]], axis=1).astype(np.float16)
    bias = np.array([alarm.intercept_[0], crisis.intercept_[0]], dtype=np.float32)
    sets = {name: rows(FOLDER / f"{name}.jsonl") for name in (*CHOSEN_ON, *TOLD_ON)}
    truth = {name: np.array([label != "calm" for _, label in held]) for name, held in sets.items()}
    scores = {name: alarm.predict_proba(matrix([text for text, _ in held]))[:, 1] for name, held in sets.items()}
    threshold = chosen(np.concatenate([scores[name][~truth[name]] for name in CHOSEN_ON]), FALSE_ALARMS)
    long_threshold, told = _long_threshold(options.data, weights, bias)
    card: dict[str, Any] = {
        "what": "Logistic regression over hashed character 2 to 4-grams, word stems, pairs of stems and rule concepts.",
        "learned_from": f"classifier_data/messages.jsonl and the rules' examples: {len(learned)} messages, written by "
        "engineers for this project; no clinician has labelled them.",
        "threshold": threshold,
        "threshold_chosen_on": f"{' and '.join(CHOSEN_ON)}: at most {FALSE_ALARMS:.1%} of their calm messages raised.",
        "long_threshold": long_threshold,
        "long_threshold_chosen_on": told,
        "compared": COMPARED,
        "figures": {name: figures(truth[name], scores[name], threshold) for name in sets},
        "limits": "Short, indirect messages are missed often. It only raises, and cannot say which words moved it.",
    }
    from safetensors.numpy import save_file

    save_file({"weights": np.ascontiguousarray(weights), "bias": bias}, str(options.out / WEIGHTS.name))
    (options.out / CARD.name).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in sets:
        print(name, {k: v for k, v in card["figures"][name].items() if k != "roc"})
    print("threshold", threshold, "of long messages", long_threshold, told)


def _long_threshold(folder: Path, weights: npt.NDArray[np.float16], bias: npt.NDArray[np.float32]) -> tuple[float, str]:
    """The threshold of long messages and how it was chosen; what the card says where the data is not there."""
    held = classifier.Model(weights.astype(np.float32), bias, 0.5, 0.5)
    classifier.model.cache_clear()
    classifier.opinion.cache_clear()
    loaded, classifier.model = classifier.model, lambda: held  # type: ignore[assignment]
    try:
        found = long_scores(folder)
    finally:
        classifier.model = loaded
        classifier.opinion.cache_clear()
    if found is None:
        card = json.loads(CARD.read_text(encoding="utf-8"))
        return card["long_threshold"], card["long_threshold_chosen_on"]
    threshold = chosen(found[::2], LONG_FALSE_ALARMS)
    other = float((found[1::2] >= threshold).mean())
    return threshold, (
        f"every second long question of counsel_chat ({len(found[::2])}): at most {LONG_FALSE_ALARMS:.0%} raised; "
        f"of the others {other:.1%}."
    )


if __name__ == "__main__":
    main()
