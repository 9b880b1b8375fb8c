"""A second opinion on urgency for what no list foresees: what is a message near to, among those learnt from?

A short message is asked by its words (in Chinese by its characters) and the rules' concepts in it, and in English by
its meaning: two support vector machines, over weighed terms and over sentence vectors. A linear model has half a say
in that and reads the stretches of long messages alone. NumPy only. It can raise a level, never lower one; without the
encoder the others stand, without weights the rules. Trained by ``python -m consult.safety.train_classifier`` from
classifier_data/. Knows nothing of rules' levels, nor of Django. Of what patients wrote it remembers scores only.
"""

from __future__ import annotations

import json
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consult import encoder
from consult.safety.text import detect_language, normalise, stem, tokenise
from consult.safety.types import Finding, Language, Level, Span, Turn

FOLDER = Path(__file__).parent / "classifier_data"
WEIGHTS, CARD = FOLDER / "weights.safetensors", FOLDER / "card.json"
BUCKETS = 1 << 15
TOO_SHORT = 24  # width: "and again" or four characters tell it nothing, and it answers all the same; rules read those
WINDOW = 320  # characters: what is asked of a longer message is asked of each stretch of it, and the highest counts
MOST_TOKENS = 96  # read by the encoder, so that it stays within some 20 ms
MEANT = 8  # messages not met before that are read for their meaning at a time, the newest first; 50 would take a second
GAMMA, TERMS_GAMMA = 1.0, 0.5  # how wide the kernels are
KERNEL_SCALE = 2.0  # from a kernel's margin to log odds
LINEAR_SHARE = 0.5  # what the linear model counts beside a kernel
REMEMBERED = 4096  # scores, each under a digest that only this process can make

Floats = npt.NDArray[np.float32]
_SENTENCE = re.compile(r"[^.!?。！？\n]*[.!?。！？\n]*")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A support vector machine: vectors (n, 384) of messages learnt from, how much each weighs, bias, and width."""

    vectors: Floats
    weights: Floats
    bias: float
    gamma: float

    def score(self, vector: Floats) -> float:
        """Over 0 for an alarm, on the scale of the linear model's."""
        near = np.exp(self.gamma * (2 * (self.vectors @ vector) - 2))  # both of length 1
        return KERNEL_SCALE * (float(near @ self.weights) + self.bias)


@dataclass(frozen=True, slots=True)
class Nearness:
    """A support vector machine over weighed terms, (BUCKETS,) of them, most of which a message does not hold.

    Those of the ``i``-th message learnt from begin at ``starts[i]`` in ``terms`` and ``values``, and have length 1;
    ``rarity`` weighs each term of a new message, ``weights`` says how much each learnt message counts.
    """

    rarity: Floats
    starts: npt.NDArray[np.int64]
    terms: npt.NDArray[np.int64]
    values: Floats
    weights: Floats
    bias: float

    def score(self, text: str) -> float:
        """Over 0 for an alarm, on the scale of the linear model's."""
        buckets, counts = term_counts(text)
        row = np.zeros(BUCKETS, np.float32)
        row[buckets] = counts * self.rarity[buckets]
        row /= np.linalg.norm(row) or np.float32(1)
        products = np.add.reduceat(row[self.terms] * self.values, self.starts)
        near = np.exp(TERMS_GAMMA * (2 * products - 2))
        return KERNEL_SCALE * (float(near @ self.weights) + self.bias)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From how likely an alarm is one: of a short message by words alone, by meaning too, in Chinese, and of a stretch.

    The highest of many stretches of a long message is high by chance, and worry told at length reads like an alarm to
    a linear model: ``long`` is the strictest.
    """

    short: float
    meaning: float
    chinese: float
    long: float


@dataclass(frozen=True, slots=True)
class Model:
    """Weights (BUCKETS, 2) and biases (2,): column 0 says urgent or not, column 1 crisis rather than emergency."""

    weights: Floats
    bias: Floats
    kernel: Kernel
    nearness: Nearness
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Opinion:
    """How likely a message is to be an alarm and then a crisis (0 to 1), which stretch says so, and what is asked."""

    alarm: float
    crisis: float
    start: int
    end: int
    asked: float


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
    thresholds = Thresholds(**{name: float(value) for name, value in card["thresholds"].items()})
    return from_arrays(held, thresholds)


def from_arrays(held: Mapping[str, npt.NDArray[Any]], thresholds: Thresholds) -> Model:
    """The model whose weights are ``held``, as ``train_classifier`` writes them: half floats, widened here."""
    wide: dict[str, Floats] = {name: array.astype(np.float32) for name, array in held.items()}
    kernel = Kernel(wide["kernel.vectors"], wide["kernel.weights"], float(wide["kernel.bias"][0]), GAMMA)
    nearness = Nearness(
        wide["terms.rarity"],
        held["terms.starts"].astype(np.int64),
        held["terms.terms"].astype(np.int64),
        wide["terms.values"],
        wide["terms.weights"],
        float(wide["terms.bias"][0]),
    )
    return Model(wide["weights"], wide["bias"], kernel, nearness, thresholds)


def second_opinion(turns: Sequence[Turn], level: Level, language: Language) -> list[Finding]:
    """At most one finding, only where the model reads more urgency in a patient's message than ``level`` has."""
    if level in (Level.EMERGENCY, Level.CRISIS):
        return []
    try:
        trained = model()
    except ClassifierMissing:
        return []
    found = [(said, number) for number, said in _opinions(turns, trained) if said.alarm >= said.asked]
    if not found:
        return []
    said, number = max(found, key=lambda one: one[0].alarm)
    raised = Level.CRISIS if said.crisis >= 0.5 else Level.EMERGENCY
    span = Span(number, said.start, said.end, turns[number].text[said.start : said.end])
    return [_finding(raised, said.alarm, span, language)]


def _opinions(turns: Sequence[Turn], trained: Model) -> Iterator[tuple[int, Opinion]]:
    """Of each message long enough, the newest first."""
    left = MEANT
    for number in range(len(turns) - 1, -1, -1):
        text = turns[number].text
        if turns[number].author != "patient" or _width(text) < TOO_SHORT:
            continue
        digest = _digest(text)
        said = _remembered.get(digest)
        if said is None:
            meant = left > 0 and has_meaning(text)
            left -= meant
            said = opinion(text, trained, meant=meant)
            if meant or not has_meaning(text):  # else its meaning is read another time
                _remember(digest, said)
        yield number, said


_SEED = secrets.token_bytes(16)
_remembered: dict[bytes, Opinion] = {}


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), key=_SEED, digest_size=16).digest()


def forget() -> None:
    """Drop every remembered score, as a restart does."""
    _remembered.clear()


def _remember(digest: bytes, said: Opinion) -> None:
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    _remembered[digest] = said


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


def has_meaning(text: str) -> bool:
    """Whether the encoder can judge ``text``: short and English, and the encoder is there."""
    return len(text) <= WINDOW and detect_language(text) == "en" and _encoder_there()


@cache
def _encoder_there() -> bool:
    try:
        encoder.folder()
    except encoder.Unavailable:
        return False
    return True


def opinion(text: str, trained: Model, *, meant: bool = True) -> Opinion:
    """What the stretch of ``text`` says that sounds most like an alarm; with ``meant`` the encoder is asked too."""
    if len(text) <= WINDOW:
        return _short(text, trained, meant=meant and has_meaning(text))
    asked = trained.thresholds.long
    best = Opinion(0.0, 0.0, 0, 0, asked)
    for start, end in _windows(text):
        alarm, crisis = map(_likely, linear_scores(text[start:end], trained))
        if alarm > best.alarm:
            best = Opinion(alarm, crisis, start, end, asked)
    return best


def _short(text: str, trained: Model, *, meant: bool) -> Opinion:
    linear, crisis = linear_scores(text, trained)
    kernels = [trained.nearness.score(text)]
    if meant:
        kernels.append(trained.kernel.score(encoder.encode(text, MOST_TOKENS)))
        asked = trained.thresholds.meaning
    else:
        asked = trained.thresholds.chinese if detect_language(text) == "zh" else trained.thresholds.short
    return Opinion(_likely(joined(linear, kernels)), _likely(crisis), 0, len(text), asked)


def joined(linear: float, kernels: Sequence[float]) -> float:
    """One log odds of an alarm from all: the mean, in which the linear model counts half."""
    return (LINEAR_SHARE * linear + sum(kernels)) / (LINEAR_SHARE + len(kernels))


def linear_scores(text: str, trained: Model) -> tuple[float, float]:
    """Log odds of an alarm, and of a crisis if it is one."""
    buckets, values = features(text)
    alarm, crisis = values @ trained.weights[buckets] + trained.bias
    return float(alarm), float(crisis)


def _likely(score: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(score, -30, 30))))


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Runs of whole sentences of a long text."""
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


def _counts(names: Iterable[str]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for name in names:
        bucket = zlib.crc32(name.encode("utf-8", "replace")) % BUCKETS
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def _weighed(names: Iterator[str]) -> dict[int, float]:
    counts = _counts(names)
    length = sum((1 + np.log(n)) ** 2 for n in counts.values()) ** 0.5 or 1.0
    return {bucket: float((1 + np.log(n)) / length) for bucket, n in counts.items()}


def term_counts(text: str) -> tuple[npt.NDArray[np.int64], Floats]:
    """The buckets of the terms in ``text``, each once, and how much each occurs (1 and the logarithm)."""
    counts = _counts(_terms(text))
    return np.fromiter(counts, np.int64), 1 + np.log(np.fromiter(counts.values(), np.float32))


def _terms(text: str) -> Iterator[str]:
    """Words as written and pairs of them; of Chinese runs of one to three characters; and the concepts of the rules."""
    if detect_language(text) == "zh":
        plain = "".join(normalise(text).split())
        for size in (1, 2, 3):
            for i in range(len(plain) - size + 1):
                yield f"h:{plain[i : i + size]}"
    else:
        words = tokenise(text).words
        yield from (f"r:{word}" for word in words)
        yield from (f"p:{one} {other}" for one, other in pairwise(words))
    yield from _concepts(text)


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
