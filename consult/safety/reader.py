"""The reader: a cross-encoder that reads a sentence and a window together and says how likely the window holds it.

The packaged MiniLM with a small change trained by ``manage.py train_reader`` (guard_data/reader.safetensors), run in
NumPy. English only. Raises Unavailable where the change, or the package that it changes, is missing; the regression in
support.py then stands alone.
"""

from __future__ import annotations

import json
import threading
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consult import encoder
from consult.encoder import Unavailable, Vectors, Weights

if TYPE_CHECKING:
    from consult.safety.support import Window

CHANGE = Path(__file__).with_name("guard_data") / "reader.safetensors"
CARD = CHANGE.with_suffix(".json")
MOST_SENTENCE, MOST = 72, 144  # tokens, of the sentence and of both
_LOCK = threading.Lock()


def shown(window: Window) -> str:
    """What the reader sees of a window: the title says what it is about."""
    return f"{window.frame}. {window.text}"


def log_odds(sentence: str, window: Window) -> float:
    """The log odds that the window holds the sentence; about 15 ms. The same two again are remembered for a while."""
    return _log_odds(sentence, shown(window))


@lru_cache(maxsize=4_000)
def _log_odds(sentence: str, held: str) -> float:
    weights, head, bias = _ready()
    states = encoder.pair_states(weights, sentence, held, MOST_SENTENCE, MOST)
    return float(np.concatenate([states.mean(axis=0), states[0]]) @ head + bias)


def combined() -> dict[str, Any]:
    """How its log odds and the regression's make one score: ``weights``, ``bias``, ``threshold`` and ``weakest``."""
    both: dict[str, Any] = _card()["combined"]
    return both


@cache
def is_there() -> bool:
    """Whether the reader can be asked on this machine; found out once, for it may take reading 90 MB."""
    try:
        _ready()
    except Unavailable:
        return False
    return True


def _ready() -> tuple[Weights, Vectors, float]:
    with _LOCK:  # two threads at once would each read 90 MB
        return _changed()


@cache
def _card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads(CARD.read_text(encoding="utf-8"))
    return card


@cache
def _changed() -> tuple[Weights, Vectors, float]:
    """The packaged weights with the trained change added, and the head."""
    from safetensors.numpy import load_file

    if not CHANGE.exists() or not CARD.exists():
        raise Unavailable(f"{CHANGE.name} or its card is missing; manage.py train_reader writes both")
    if sha256(CHANGE.read_bytes()).hexdigest() != _card()["sha256"]:
        raise Unavailable(f"{CHANGE.name} is not the file that its card speaks of")
    change = {name: array.astype(np.float32) for name, array in load_file(CHANGE).items()}
    return applied(change), change["head.weight"], float(change["head.bias"][0])


def applied(change: Weights) -> Weights:
    """The packaged weights with a change added: low-rank products are added, whatever else it names is replaced."""
    weights = dict(encoder.packaged())
    for name, array in change.items():
        if name.endswith(".down"):
            target = name.removesuffix(".down")
            weights[target] = weights[target] + change[f"{target}.up"] @ array
        elif name in weights:
            weights[name] = array
    return weights


def forget() -> None:
    """Read the files anew when next asked."""
    for cached in (is_there, _card, _changed, _log_odds):
        cached.cache_clear()
