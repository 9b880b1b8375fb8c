"""``manage.py train_reader``: fine-tune the guard's reader on pairs made from the library."""

from __future__ import annotations

import importlib.util
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consult.chat.management.commands.train_support import library
from consult.safety import train_reader


class Command(BaseCommand):
    """Takes about a quarter of an hour on two cores and needs torch (``make install-dev``)."""

    help = "Fine-tune the reader on the library's English topics and write guard_data/reader.safetensors and its card."

    def add_arguments(self, parser: CommandParser) -> None:
        """The seed, and how much to learn from."""
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--pairs", type=int, default=train_reader.SETTINGS["pairs"])
        parser.add_argument("--passes", type=int, default=train_reader.SETTINGS["passes"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Train, write, and print the figures of the card."""
        if importlib.util.find_spec("torch") is None:
            raise CommandError("torch is not installed. `make install-dev` installs it.")
        chosen = {name: options[name] for name in ("pairs", "passes")}
        card = train_reader.train(library(), seed=options["seed"], say=self.stdout.write, **chosen)
        self.stdout.write(f"{card['bytes']} bytes; area under the ROC curve: {card['area_under_roc']}")
