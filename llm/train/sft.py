"""The run itself: TRL's SFTTrainer over a LoRA adapter, loss on the answer alone. Imports torch.

Works on a CPU, one GPU, and several under ``accelerate launch``. Killed runs go on with ``--resume``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, EarlyStoppingCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from llm import cards, prompts
from llm.train import curve
from llm.train.rows import RowFile
from llm.train.settings import TrainSettings

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes")


def train(settings: TrainSettings, rows: RowFile, validation: RowFile) -> dict[str, Any]:
    """Run, and write the adapter with its card and loss curve to ``settings.out``. Returns the card."""
    began = time.monotonic()
    scratch = settings.out.with_name(f".{settings.out.name}.run")
    trainer = _trainer(settings, rows, validation, scratch)
    before = _weights_norm(trainer.model)
    trainer.train(resume_from_checkpoint=_last_whole_checkpoint(scratch) if settings.resume else None)
    if _weights_norm(trainer.model) == before:
        raise RuntimeError("the adapter's weights did not change: nothing was learnt")
    metrics = trainer.evaluate()
    if not trainer.is_world_process_zero():
        return {}
    settings.out.mkdir(parents=True, exist_ok=True)
    adapter: Any = trainer.model
    adapter.to(torch.bfloat16).save_pretrained(str(settings.out), safe_serialization=True)  # half the size
    (settings.out / "README.md").unlink(missing_ok=True)  # PEFT's template of one
    _name_base(settings.out / "adapter_config.json", settings.base.name)
    curve.draw(trainer.state.log_history, settings.out / "loss.png")
    card = _card(settings, rows, validation, trainer, metrics, time.monotonic() - began)
    (settings.out / cards.ADAPTER_CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    shutil.rmtree(scratch, ignore_errors=True)
    return card


def _last_whole_checkpoint(scratch: Path) -> str | None:
    """The newest checkpoint that a kill did not cut short; None where there is none, and the run starts anew.

    The trainer writes its state last, so a checkpoint whose state can be read has its weights too. Its own choice,
    the newest folder, may hold nothing yet.
    """
    whole = {}
    for state in scratch.glob("checkpoint-*/trainer_state.json"):
        with contextlib.suppress(ValueError, KeyError):
            whole[int(json.loads(state.read_text())["global_step"])] = str(state.parent)
    return whole[max(whole)] if whole else None


def _name_base(path: Path, name: str) -> None:
    """PEFT writes the folder of this machine as the base; the name says enough, and the card has the hash."""
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = name
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def _trainer(settings: TrainSettings, rows: RowFile, validation: RowFile, scratch: Path) -> SFTTrainer:
    tokenizer = AutoTokenizer.from_pretrained(settings.base)
    return SFTTrainer(
        model=_model(settings),
        args=_arguments(settings, scratch),
        train_dataset=Dataset.from_list(rows.rows),
        eval_dataset=Dataset.from_list(validation.rows[: settings.validation_rows]),
        processing_class=tokenizer,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=settings.patience)],
    )


def _model(settings: TrainSettings) -> Any:
    """The base with a fresh adapter. On its device before PEFT wraps it (see DESIGN: an unusable adapter otherwise)."""
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    options: dict[str, Any] = {"dtype": torch.bfloat16 if _has_bfloat16(device) else torch.float32}
    if settings.quantise == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=options["dtype"]
        )
        options["device_map"] = {"": device}
    model: Any = AutoModelForCausalLM.from_pretrained(settings.base, use_safetensors=True, **options)
    if settings.quantise == "nf4":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    else:
        model = model.to(device)
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=TARGETS,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora)


def _has_bfloat16(device: str) -> bool:
    """Whether the frozen base may be held in bfloat16 without loss of speed; the adapter stays in float32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _arguments(settings: TrainSettings, scratch: Path) -> SFTConfig:
    return SFTConfig(
        output_dir=str(scratch),
        completion_only_loss=True,
        max_length=settings.max_length,
        packing=settings.packing,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        train_sampling_strategy="group_by_length",  # rows of a batch are padded to its longest
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        learning_rate=settings.rate,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        gradient_checkpointing=False,
        bf16=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        logging_steps=5,
        eval_strategy="steps",
        eval_steps=settings.evaluate_every,
        save_strategy="steps",
        save_steps=settings.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        seed=settings.seed,
        data_seed=settings.seed,
        report_to="none",
        dataloader_pin_memory=False,
    )


def _weights_norm(model: Any) -> float:
    """Sum over the adapter's B matrices, which start at zero."""
    return float(sum(value.detach().abs().sum() for name, value in model.named_parameters() if "lora_B" in name))


def _card(
    settings: TrainSettings, rows: RowFile, validation: RowFile, trainer: SFTTrainer, metrics: Any, seconds: float
) -> dict[str, Any]:
    """What must be known to judge the adapter and to make it again."""
    names = ("rank", "alpha", "dropout", "rate", "batch", "accumulate", "epochs", "max_steps", "max_length")
    return {
        "name": settings.out.name,
        "base": settings.base.name,
        "base_hash": cards.base_hash(settings.base),
        "prompt_version": prompts.PROMPT_VERSION,
        "data": {file.path.name: {"rows": len(file.rows), "sha256": file.sha256} for file in (rows, validation)},
        "settings": {name: getattr(settings, name) for name in (*names, "packing", "quantise", "seed")},
        "targets": TARGETS,
        "steps": trainer.state.global_step,
        "processes": trainer.args.world_size,
        "metrics": {
            "validation_loss": round(float(metrics["eval_loss"]), 4),
            "validation_token_accuracy": round(float(metrics.get("eval_mean_token_accuracy", 0.0)), 4),
        },
        "seconds": round(seconds),
        "software": {name: importlib.metadata.version(name) for name in PACKAGES},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "date": datetime.now(UTC).date().isoformat(),
    }
