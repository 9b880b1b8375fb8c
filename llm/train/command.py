"""``python -m llm train``: tune an adapter on rows of prompt and completion, and write it with its card."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from llm.train import rows
from llm.train.settings import TrainSettings

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "var" / "training"


def add_parser(subparsers: Any) -> None:
    """One option a field of TrainSettings."""
    parser = subparsers.add_parser("train", help="tune an adapter")
    defaults = {
        "base": ROOT / "var" / "models" / "smollm2-135m-instruct",
        "train": DATA / "train.jsonl",
        "validation": DATA / "validation.jsonl",
        "out": ROOT / "llm" / "adapters" / "consult-smollm2",
    }
    for field in dataclasses.fields(TrainSettings):
        option = f"--{field.name.replace('_', '-')}"
        if field.type == "bool":
            parser.add_argument(option, action="store_true")
            continue
        default = defaults.get(field.name, field.default)
        kind = Path if isinstance(default, Path) else type(default)
        parser.add_argument(option, type=kind, default=default)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, then train; 1 with a sentence where the request cannot be served."""
    names = {field.name for field in dataclasses.fields(TrainSettings)}
    try:
        settings = TrainSettings(**{name: value for name, value in vars(options).items() if name in names})
        training, validation = rows.read(settings.train), rows.read(settings.validation)
        if not (settings.base / "config.json").is_file():
            raise ValueError(f"there is no base model in {settings.base}")
    except ValueError as error:
        print(error)
        return 1
    from llm.train import sft  # torch comes with it

    card = sft.train(settings, training, validation)
    if card:
        print(f"{settings.out}: validation loss {card['metrics']['validation_loss']} after {card['steps']} steps")
    return 0
