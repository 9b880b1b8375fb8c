"""A second opinion on urgency for what no list foresees: a linear model over characters, words and concepts.

NumPy only. It can raise a level, never lower one; where its weights are missing the rules stand alone. Trained by
``python -m consult.safety.train_classifier`` from classifier_data/. Knows nothing of rules' levels, nor of Django.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from consult.safety.text import normalise, stem, tokenise
from consult.safety.types import Finding, Language, Level, Span, Turn

FOLDER = Path(__file__).parent / "classifier_data"
WEIGHTS, CARD = FOLDER / "weights.safetensors", FOLDER / "card.json"
BUCKETS = 1 << 15
TOO_SHORT = 24  # width: "and again" or four characters tell it nothing, and it answers all the same; rules read those
WINDOW = 320  # characters: what is asked of a longer message is asked of each stretch of it, and the highest counts

Floats = npt.NDArray[np.float32]
_SENTENCE = re.compile(r"[^.!?。！？\n]*[.!?。！？\n]*")


@dataclass(frozen=True, slots=True)
class Model:
    """Weights (BUCKETS, 2) and biases (2,): column 0 says urgent or not, column 1 crisis rather than emergency.

    ``long_threshold`` is asked of a stretch of a longer message: the highest of many stretches is high by chance,
    and worry told at length reads like an alarm to a linear model.
    """

    weights: Floats
    bias: Floats
    threshold: float
    long_threshold: float


class ClassifierMissing(ImportError):
    """No weights beside the code: the rules stand alone."""


@lru_cache(maxsize=1)
def model() -> Model:
    """The trained model, read once. Raises ClassifierMissing."""
    if not WEIGHTS.exists() or not CARD.exists():
        raise ClassifierMissing("classifier_data/ holds no weights")
    from safetensors.numpy import load_file

    held = load_file(str(WEIGHTS))
    card = json.loads(CARD.read_text(encoding="utf-8"))
    weights, bias = held["weights"].astype(np.float32), held["bias"].astype(np.float32)
    return Model(weights, bias, float(card["threshold"]), float(card["long_threshold"]))


def second_opinion(turns: Sequence[Turn], level: Level, language: Language) -> list[Finding]:
    """At most one finding, only where the model reads more urgency in a patient's message than ``level`` has."""
    if level in (Level.EMERGENCY, Level.CRISIS):
        return []
    try:
        trained = model()
    except ClassifierMissing:
        return []
    best: tuple[float, float, int, int, int] | None = None
    for number, turn in enumerate(turns):
        if turn.author != "patient":
            continue
        if _width(turn.text) < TOO_SHORT:
            continue
        alarm, crisis, start, end = opinion(turn.text)
        asked = trained.threshold if end - start == len(turn.text) else trained.long_threshold
        if alarm >= asked and (best is None or alarm > best[0]):
            best = alarm, crisis, number, start, end
    if best is None:
        return []
    alarm, crisis, number, start, end = best
    raised = Level.CRISIS if crisis >= 0.5 else Level.EMERGENCY
    span = Span(number, start, end, turns[number].text[start:end])
    return [_finding(raised, alarm, span, language)]


def _width(text: str) -> int:
    """Length as it looks: a Chinese character says about as much as two or three letters."""
    return sum(2 if letter >= "\u2e80" else 1 for letter in text.strip())


def _finding(level: Level, alarm: float, span: Span, language: Language) -> Finding:
    key = "crisis" if level is Level.CRISIS else "emergency"
    kind, kind_zh = ("a crisis", "危机") if level is Level.CRISIS else ("an emergency", "急症")
    titles = {"en": f"Reads like {kind}, though no rule names a sign", "zh": f"读来像{kind_zh}，但无规则命中"}
    told: dict[Language, str] = {
        "en": f"{titles['en']}: the classifier gives {alarm:.0%}. It cannot say which words; please read the message.",
        "zh": f"{titles['zh']}：分类模型给出{alarm:.0%}，没有规则说明原因，请人工阅读全文。",
    }
    return Finding(f"classifier.{key}", titles[language], level, told[language], (span,), key, told=told)


@lru_cache(maxsize=512)
def opinion(text: str) -> tuple[float, float, int, int]:
    """How likely ``text`` is to be an alarm, and then a crisis (0 to 1 each), and the stretch that says so most."""
    trained = model()
    best = (0.0, 0.0, 0, 0)
    for start, end in _windows(text):
        buckets, values = features(text[start:end])
        scores = values @ trained.weights[buckets] + trained.bias
        alarm, crisis = (float(1 / (1 + np.exp(-np.clip(score, -30, 30)))) for score in scores)
        if alarm > best[0]:
            best = alarm, crisis, start, end
    return best


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """The whole of a short text; of a long one, overlapping runs of whole sentences."""
    if len(text) <= WINDOW:
        yield 0, len(text)
        return
    start = 0
    cuts = [found.end() for found in _SENTENCE.finditer(text)] or [len(text)]
    while start < len(text):
        end = max((cut for cut in cuts if start < cut <= start + WINDOW), default=min(start + WINDOW, len(text)))
        yield start, end
        start = end


def features(text: str) -> tuple[npt.NDArray[np.int64], Floats]:
    """The buckets that ``text`` fills, each once, and their values; the three families have length 1 each."""
    rows = [_weighed(_characters(text)), _weighed(_words(text)), _weighed(_concepts(text))]
    buckets = [bucket for row in rows for bucket in row]
    values = [value for row in rows for value in row.values()]
    return np.asarray(buckets, dtype=np.int64), np.asarray(values, dtype=np.float32)


def _weighed(names: Iterator[str]) -> dict[int, float]:
    counts: dict[int, int] = {}
    for name in names:
        bucket = zlib.crc32(name.encode("utf-8", "replace")) % BUCKETS
        counts[bucket] = counts.get(bucket, 0) + 1
    length = sum((1 + np.log(n)) ** 2 for n in counts.values()) ** 0.5 or 1.0
    return {bucket: float((1 + np.log(n)) / length) for bucket, n in counts.items()}


def _characters(text: str) -> Iterator[str]:
    plain = f" {' '.join(normalise(text).split())} "
    for size in (2, 3, 4):
        for i in range(len(plain) - size + 1):
            yield f"c:{plain[i : i + size]}"


def _words(text: str) -> Iterator[str]:
    words = [stem(word) for word in tokenise(text).words]
    for word in words:
        yield f"w:{word}"
    for one, other in pairwise(words):
        yield f"b:{one} {other}"


def _concepts(text: str) -> Iterator[str]:
    from consult.safety.triage import concepts_in

    names = sorted(concepts_in(text))
    for name in names:
        yield f"k:{name}"
