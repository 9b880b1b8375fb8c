"""Train the second layer: ``python -m consult.safety.train_classifier``. Nothing at run time needs it.

Learns from classifier_data/messages.jsonl and the rules' own examples, chooses the thresholds on threshold.jsonl and
voices_dev.jsonl and that of long messages on half of counsel_chat (where ``--data`` holds it; else the card's stays),
reports on the sets that it never saw, writes weights and card. Needs scikit-learn and the packaged encoder.
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
from sklearn.svm import SVC  # type: ignore[import-untyped]

from consult import encoder
from consult.safety import classifier
from consult.safety.classifier import BUCKETS, CARD, FOLDER, GAMMA, WEIGHTS, WINDOW, features, has_meaning
from consult.safety.evaluation import cases
from consult.safety.rules import ruleset

ALARMS = ("emergency", "crisis")
FALSE_ALARMS = 0.015  # of the calm messages that the threshold is chosen on
MEANING_FALSE_ALARMS = 0.03  # of the short English ones: the mean raises half as many of questions to counsellors
LONG_FALSE_ALARMS = 0.05  # of the long questions to counsellors, some of which do tell of danger
CHOSEN_ON, TOLD_ON = ("threshold", "voices_dev"), ("apart", "voices_held", "fresh", "fresh_b")
STRENGTH, KERNEL_STRENGTH = 20.0, 5.0

COMPARED = {
    "what": "AUC, 2026-11-23, English messages of at most 320 characters: threshold, voices_dev, apart, voices_held, "
    "fresh, fresh_b. Frozen vectors of the packaged MiniLM; each mean is of log odds with the linear model.",
    "characters, words and concepts (linear)": [0.971, 0.962, 0.930, 0.969, 0.903, 0.932],
    "vectors, logistic": [0.909, 0.905, 0.828, 0.891, 0.911, 0.810],
    "linear with vectors appended": [0.982, 0.971, 0.916, 0.976, 0.928, 0.930],
    "mean with vectors, logistic": [0.973, 0.968, 0.921, 0.979, 0.934, 0.924],
    "mean with vectors, 64 hidden units": [0.977, 0.971, 0.934, 0.983, 0.956, 0.927],
    "mean with vectors, support vectors (in use)": [0.983, 0.976, 0.951, 0.989, 0.944, 0.947],
    "earlier: linear, whole MiniLM fine-tuned, their mean": "threshold 0.971 0.976 0.986, apart 0.935 0.970 0.956, "
    "voices_dev 0.961 0.962 0.981",
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


def kernel(learned: Sequence[Row]) -> classifier.Kernel:
    """A support vector machine over the sentence vectors of the short English messages, stored as half floats."""
    rows = [row for row in learned if has_meaning(row[0])]
    vectors = encoder.encode_many([text for text, _ in rows])
    fitted = SVC(C=KERNEL_STRENGTH, gamma=GAMMA, class_weight="balanced").fit(vectors, [y != "calm" for _, y in rows])
    vectors, weights = (
        a.astype(np.float16).astype(np.float32) for a in (fitted.support_vectors_, fitted.dual_coef_[0])
    )
    return classifier.Kernel(vectors, weights, float(fitted.intercept_[0]), GAMMA)


def mean_scores(texts: Sequence[str], trained: classifier.Model) -> npt.NDArray[np.float64]:
    """Log odds of an alarm, the mean of both models, of texts that have a meaning."""
    vectors = encoder.encode_many(texts)
    both = zip(texts, vectors, strict=True)
    return np.array([(classifier.linear_scores(t, trained)[0] + trained.kernel.score(v)) / 2 for t, v in both])


def chosen(calm: npt.NDArray[np.float64], share: float) -> float:
    """The lowest threshold that raises no more than ``share`` of the calm messages with these scores."""
    return round(float(np.sort(calm)[-1 - int(len(calm) * share)]) + 0.0005, 4)


def long_scores(folder: Path, trained: classifier.Model) -> npt.NDArray[np.float64] | None:
    """The highest score of each long question of counsel_chat, in the order of the file; None where it is not there."""
    try:
        questions = [case.turns[0].text for case in cases.read(folder, "counsel_chat")]
    except FileNotFoundError:
        return None
    return np.array([classifier.opinion(text, trained).alarm for text in questions if len(text) > WINDOW])


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
    """Train, choose the thresholds, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where weights and card go")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the data sets")
    options = parser.parse_args()
    learned = [*rows(FOLDER / "messages.jsonl"), *examples()]
    alarm, crisis = train(learned)
    weights = np.stack([alarm.coef_[0], crisis.coef_[0]], axis=1).astype(np.float16)
    bias = np.array([alarm.intercept_[0], crisis.intercept_[0]], dtype=np.float32)
    near = kernel(learned)
    trained = classifier.Model(weights.astype(np.float32), bias, 0.5, 0.5, near, 0.5)
    sets = {name: rows(FOLDER / f"{name}.jsonl") for name in (*CHOSEN_ON, *TOLD_ON)}
    linear = {name: _judged(held, trained, meant=False) for name, held in sets.items()}
    mean = {name: _judged(held, trained, meant=True) for name, held in sets.items()}
    threshold = chosen(_calm(linear), FALSE_ALARMS)
    meaning_threshold = chosen(_calm(mean), MEANING_FALSE_ALARMS)
    long_threshold, told = _long_threshold(options.data, trained)
    chosen_on = " and ".join(CHOSEN_ON)
    card: dict[str, Any] = {
        "what": "Logistic regression over hashed character 2 to 4-grams, word stems, pairs of stems and rule concepts; "
        "for English of at most 320 characters its log odds are averaged with those of a support vector machine over "
        f"MiniLM sentence vectors ({len(near.weights)} of the messages learnt from, gamma {GAMMA}).",
        "learned_from": f"classifier_data/messages.jsonl and the rules' examples: {len(learned)} messages, written by "
        "engineers for this project; no clinician has labelled them.",
        "threshold": threshold,
        "threshold_chosen_on": f"{chosen_on}: at most {FALSE_ALARMS:.1%} of their calm messages raised.",
        "meaning_threshold": meaning_threshold,
        "meaning_threshold_chosen_on": f"{chosen_on}, English: at most {MEANING_FALSE_ALARMS:.1%} of the calm raised.",
        "long_threshold": long_threshold,
        "long_threshold_chosen_on": told,
        "compared": COMPARED,
        "figures": {name: figures(*linear[name], threshold) for name in sets},
        "meaning_figures": {name: figures(*mean[name], meaning_threshold) for name in sets},
        "limits": "Short, indirect messages are missed often. It only raises, and cannot say which words moved it.",
    }
    from safetensors.numpy import save_file

    held: dict[str, npt.NDArray[Any]] = {
        "weights": np.ascontiguousarray(weights),
        "bias": bias,
        "kernel.vectors": near.vectors.astype(np.float16),
        "kernel.weights": near.weights.astype(np.float16),
        "kernel.bias": np.array([near.bias], dtype=np.float32),
    }
    save_file(held, str(options.out / WEIGHTS.name))
    (options.out / CARD.name).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for kind in ("figures", "meaning_figures"):
        for name in sets:
            print(kind, name, {k: v for k, v in card[kind][name].items() if k != "roc"})
    print("thresholds", threshold, meaning_threshold, "of long messages", long_threshold, told)


Judged = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]  # which are alarms, and how likely the model finds it


def _judged(held: Sequence[Row], trained: classifier.Model, *, meant: bool) -> Judged:
    """All messages by the linear model, or with ``meant`` the short English ones by the mean."""
    kept = [row for row in held if has_meaning(row[0])] if meant else held
    texts = [text for text, _ in kept]
    odds = mean_scores(texts, trained) if meant else [classifier.linear_scores(text, trained)[0] for text in texts]
    return np.array([label != "calm" for _, label in kept]), 1 / (1 + np.exp(-np.asarray(odds)))


def _calm(judged: dict[str, Judged]) -> npt.NDArray[np.float64]:
    return np.concatenate([scores[~truth] for truth, scores in (judged[name] for name in CHOSEN_ON)])


def _long_threshold(folder: Path, trained: classifier.Model) -> tuple[float, str]:
    """The threshold of long messages and how it was chosen; what the card says where the data is not there."""
    found = long_scores(folder, trained)
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
