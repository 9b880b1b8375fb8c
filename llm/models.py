"""``python -m llm models``: which bases and adapters lie here, and which fit together. Loads no weights."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from llm.cards import CardError, base_hash, list_adapters
from llm.config import EngineConfig


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("models", help="list the bases and adapters that are here")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    config = EngineConfig.from_env(os.environ, Path.cwd())
    for line in describe(config):
        print(line)
    return 0


def describe(config: EngineConfig) -> list[str]:
    """A line for each base beside the configured one, and for each adapter, which base it is for."""
    bases = {}
    for folder in sorted(config.base.parent.glob("*/config.json")):
        try:
            bases[base_hash(folder.parent)] = folder.parent
        except CardError:
            continue
    lines = [
        f"base     {_mark(folder == config.base)} {folder.name}  {digest[:12]}" for digest, folder in bases.items()
    ]
    for card in list_adapters(config.adapters) if config.adapters else []:
        fits = bases.get(card.base_hash)
        made_for = fits.name if fits else f"a base that is not here ({card.base_hash[:12]})"
        lines.append(f"adapter  {_mark(card.folder == config.adapter)} {card.name}  {card.hash[:12]}  for {made_for}")
    return lines or ["nothing is here; `python -m llm convert` writes the packaged base"]


def _mark(chosen: bool) -> str:
    return "*" if chosen else " "
