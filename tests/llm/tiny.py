"""A llama of two layers with random weights and one token a byte, made in a second: for tests of the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONTROLS = ["<|end|>", "<|turn|>"]
TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}\n{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
VOCABULARY = 256 + len(CONTROLS)


def build_base(folder: Path, seed: int = 0, spread: float = 0.25) -> Path:
    """Write a base model folder: config, safetensors, byte-level tokenizer with a chat template.

    With a small ``spread`` of its weights the model repeats itself; with the usual one it babbles.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=spread,
        tie_word_embeddings=True,
        bos_token_id=257,
        eos_token_id=256,
        pad_token_id=256,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))
    _tokenizer().save_pretrained(str(folder))
    return folder


def build_adapter(folder: Path, base: Path, seed: int = 1, base_hash: str | None = None) -> Path:
    """Write a LoRA adapter with random (not zero) weights for ``base``, with its card."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from llm.cards import base_hash as hash_of

    torch.manual_seed(seed)
    model: Any = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    tuned: Any = get_peft_model(model, LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "down_proj"]))
    for name, weights in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.3)
    tuned.save_pretrained(str(folder))
    card = {"name": folder.name, "base_hash": base_hash or hash_of(base)}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def oracle(base: Path, text: str, new: int, adapter: Path | None = None) -> str:
    """What plain ``generate`` (with the adapter beside the base) answers in float32, greedily."""
    import torch
    import transformers
    from peft import PeftModel

    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(base))
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    turns = [{"role": "user", "content": text}]
    inputs = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    out = model.generate(**inputs, max_new_tokens=new, do_sample=False)
    answer: str = tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return answer.rstrip("\ufffd")


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in CONTROLS])
    fast = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|end|>", bos_token="<|turn|>", pad_token="<|end|>")
    fast.chat_template = TEMPLATE
    return fast
