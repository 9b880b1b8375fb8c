"""Training and comparing the support scorers. For training only: no process that serves patients imports this.

Knows nothing of Django: documents come as (topic, language, passages). Writes guard_data/support.json.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consult.safety import support
from consult.safety.pairs import Pair
from consult.safety.types import Passage

Floats = NDArray[np.float64]
Documents = Sequence[tuple[str, str, Sequence[Passage]]]
_EMPTY: dict[str, Any] = {
    language: {"weights": [0.0] * len(support.FEATURES), "bias": 0.0, "threshold": 0.5} for language in ("en", "zh")
} | {"idf": {}}


def rarity(documents: Documents) -> dict[str, float]:
    """The inverse document frequency of each stem over the sentences of the library, in natural logarithms."""
    sentences = [w.text for _, _, passages in documents for p in passages for w in support.windows(p) if w.parts == 1]
    counts = Counter(word for text in sentences for word in set(support.content(text)))
    return {word: round(max(math.log(len(sentences) / n), 1.0), 2) for word, n in sorted(counts.items()) if n > 1}


def table(pairs: Sequence[Pair]) -> tuple[Floats, Floats]:
    """(n, features) of each pair at its best window by plain coverage, and (n,) labels."""
    rows = [_best_features(pair) for pair in pairs]
    return np.array(rows, dtype=np.float64), np.array([pair.supported for pair in pairs], dtype=np.float64)


def fit(x: Floats, y: Floats, *, penalty: float = 1.0, steps: int = 400) -> tuple[list[float], float]:
    """Weights and bias of a logistic regression by Newton's method, both classes weighing the same."""
    ones = np.hstack([x, np.ones((len(x), 1))])
    weigh = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    beta = np.zeros(ones.shape[1])
    ridge = penalty * np.eye(ones.shape[1])
    ridge[-1, -1] = 0
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(ones @ beta, -30, 30)))
        gradient = ones.T @ (weigh * (y - p)) - ridge @ beta
        hessian = (ones * (weigh * p * (1 - p))[:, None]).T @ ones + ridge
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if float(np.abs(step).max()) < 1e-8:
            break
    return [round(float(value), 4) for value in beta[:-1]], round(float(beta[-1]), 4)


def area(y: Floats, scores: Floats) -> float:
    """The area under the ROC curve, ties counted half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    positives = y.sum()
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(y) - positives)))


def write(path: Path, models: dict[str, tuple[list[float], float, float]], idf: dict[str, float], note: str) -> None:
    """Write the weights file that ``support`` reads; each model is (weights, bias, threshold)."""
    content: dict[str, Any] = {"note": note, "features": list(support.FEATURES)}
    for language, (weights, bias, threshold) in models.items():
        content[language] = {"weights": weights, "bias": bias, "threshold": threshold}
    content["idf"] = idf
    path.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def _best_features(pair: Pair) -> tuple[float, ...]:
    found = [support.features(pair.sentence, w) for w in support.windows(pair.passage) if w.parts == 1 or w.listed]
    return max(found, key=lambda row: row[1] + row[3])
