"""Weights from local files into a model that can be served: base, quantisation, adapter, device, number format.

Nothing is ever downloaded and no pickle is ever read. Knows nothing of batches or requests.
"""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

from llm.cards import AdapterCard, CardError, base_hash, file_hash, read_adapter, refuse_pickles
from llm.config import EngineConfig
from llm.types import Identity

# Where two copies of the base fit comfortably, an adapter is merged in float32 and rounded once.
MERGE_IN_FLOAT32_BELOW = 4_000_000_000
FAST_ENOUGH = 1.5


class LoadError(RuntimeError):
    """Weights that cannot be served as asked; the message names the file or the value."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs and in what numbers, with the reason in a sentence."""

    device: torch.device
    dtype: torch.dtype
    reason: str


@dataclass(slots=True)
class Loaded:
    """A model ready to serve (a transformers causal language model), and what it is."""

    model: Any
    identity: Identity
    eos: frozenset[int]
    context: int


def choose_placement(config: EngineConfig) -> Placement:
    """Device and dtype by what is there; raises LoadError for a device or dtype that is not."""
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise LoadError("device is 'cuda', but no CUDA device can be seen")
    device = torch.device("cuda" if cuda and config.device != "cpu" else "cpu")
    if config.dtype != "auto":
        return Placement(device, getattr(torch, config.dtype), f"{config.dtype} because the settings say so")
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
        name = torch.cuda.get_device_name()
        return Placement(
            device, torch.bfloat16 if fast else torch.float32, f"{name}, bfloat16 {'is' if fast else 'not'} there"
        )
    gain = bfloat16_gain()
    if gain >= FAST_ENOUGH:
        return Placement(device, torch.bfloat16, f"bfloat16 is {gain:.1f} times as fast as float32 on this CPU")
    return Placement(device, torch.float32, f"bfloat16 is only {gain:.1f} times as fast as float32 on this CPU")


def bfloat16_gain(rounds: int = 12) -> float:
    """How many times faster one core multiplies [400, 576] by [576, 1536] in bfloat16 than in float32.

    One thread and the best of several rounds: on a busy machine two threads wait for each other and all looks alike.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _best_time(torch.float32, rounds) / _best_time(torch.bfloat16, rounds)
    finally:
        torch.set_num_threads(threads)


def _best_time(dtype: torch.dtype, rounds: int) -> float:
    left, right = torch.ones(400, 576, dtype=dtype), torch.ones(576, 1536, dtype=dtype)
    spent = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        torch.matmul(left, right)
        spent.append(time.perf_counter() - begun)
    return min(spent)


def load_tokenizer(base: Path) -> Any:
    """The base's tokenizer; raises LoadError where there is none or it has no chat template."""
    if base.suffix == ".gguf":
        return AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name, local_files_only=True)
    if not (base / "tokenizer.json").is_file():
        raise LoadError(f"{base.name} has no tokenizer.json")
    tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
    if not tokenizer.chat_template:
        raise LoadError(f"the tokenizer of {base.name} has no chat template")
    return tokenizer


def load(config: EngineConfig, placement: Placement, adapter: AdapterCard | None = None) -> Loaded:
    """The base of ``config`` with ``adapter``: merged into a full-precision base, else beside it.

    Raises LoadError or CardError for an adapter made for another base, a missing file or a pickle.
    """
    digest = hash_of_base(config.base)
    if adapter is not None and adapter.base_hash != digest:
        raise LoadError(
            f"adapter {adapter.name!r} was made for the base {adapter.base_hash[:12]}, "
            f"not for {config.base.name} {digest[:12]}"
        )
    model = _load_base(config, placement, in_float32=adapter is not None)
    if adapter is not None:
        model = _with_adapter(model, adapter, merge=config.quantise == "none")
    if config.quantise == "none":
        model = model.to(placement.dtype)
    model = model.eval().requires_grad_(False)
    identity = Identity(
        base=config.base.name,
        base_hash=digest,
        adapter=adapter.name if adapter else "",
        adapter_hash=adapter.hash if adapter else "",
        device=str(placement.device),
        dtype=config.quantise if config.quantise != "none" else str(placement.dtype).removeprefix("torch."),
    )
    return Loaded(model, identity, _eos(model), int(model.config.max_position_embeddings))


def hash_of_base(base: Path) -> str:
    """The sha256 that adapters name their base by."""
    if base.suffix == ".gguf":
        if not base.is_file():
            raise LoadError(f"there is no model file {base.name}")
        return file_hash(base)
    if not base.is_dir():
        raise LoadError(f"there is no model folder {base.name}; `python -m llm convert` makes the packaged one")
    return base_hash(base)


def find_adapter(config: EngineConfig, name: str) -> AdapterCard:
    """The adapter called ``name``: the configured one, or a folder of ``config.adapters``. Raises CardError."""
    if config.adapter is not None and config.adapter.name == name:
        return read_adapter(config.adapter)
    if config.adapters is None or Path(name).name != name:
        raise CardError(f"there is no adapter {name!r}")
    return read_adapter(config.adapters / name)


def _load_base(config: EngineConfig, placement: Placement, in_float32: bool) -> Any:
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False}
    if config.quantise != "none":
        options["quantization_config"] = _quantisation(config.quantise, placement.dtype)
        options["device_map"] = {"": placement.device}
        options["dtype"] = placement.dtype
    else:
        small = _weight_bytes(config.base) < MERGE_IN_FLOAT32_BELOW
        options["dtype"] = torch.float32 if in_float32 and small else placement.dtype
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        if config.base.suffix == ".gguf":
            options.pop("use_safetensors")
            model: Any = AutoModelForCausalLM.from_pretrained(
                str(config.base.parent), gguf_file=config.base.name, **options
            )
        else:
            refuse_pickles(config.base)
            model = AutoModelForCausalLM.from_pretrained(str(config.base), **options)
    except OSError as error:
        raise LoadError(f"{config.base.name} could not be loaded: {error}") from error
    finally:
        if bars:
            transformers_logging.enable_progress_bar()
    return model if config.quantise != "none" else model.to(placement.device)


def _weight_bytes(base: Path) -> int:
    files = [base] if base.is_file() else list(base.glob("*.safetensors"))
    return sum(file.stat().st_size for file in files)


def _quantisation(kind: str, dtype: torch.dtype) -> BitsAndBytesConfig:
    if kind == "int8":
        # bitsandbytes says at every product that it works in float16.
        warnings.filterwarnings("ignore", message="MatMul8bitLt")
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def _with_adapter(model: Any, adapter: AdapterCard, merge: bool) -> Any:
    """Merging into quantised weights changes answers (peft#2321), so there the adapter stays beside the base."""
    from peft import PeftModel

    wrapped: Any = PeftModel.from_pretrained(model, str(adapter.folder), is_trainable=False, local_files_only=True)
    if merge:
        return wrapped.merge_and_unload(safe_merge=True)
    return wrapped.base_model.model


def _eos(model: Any) -> frozenset[int]:
    named = model.generation_config.eos_token_id if model.generation_config is not None else None
    named = model.config.eos_token_id if named is None else named
    return frozenset([named] if isinstance(named, int) else named or ())
