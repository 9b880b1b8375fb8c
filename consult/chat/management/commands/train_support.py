"""``manage.py train_support``: fit the guard's support scorer on pairs made from the library, and write its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from consult.library.topics import TopicError, load_all
from consult.safety import support, training
from consult.safety.types import Passage


class Command(BaseCommand):
    """Takes about a minute on two cores and needs no torch; the same library and seed give the same weights."""

    help = "Fit the support scorer on the library's topics and write guard_data/support.json."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to write, and the seed of the pairs."""
        parser.add_argument("--out", type=Path, default=support.WEIGHTS)
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        """Train, write, and say what was learnt from."""
        for language, model in training.train(library(), options["out"], seed=options["seed"]).items():
            self.stdout.write(f"{language}: {model['pairs']} {model['source']} pairs, threshold {model['threshold']}")


def library() -> training.Documents:
    """The library's own topics, as the trainers read them."""
    return [
        (
            topic.id if topic.language == "en" else f"{topic.language}-{topic.id}",
            topic.language,
            [Passage(1, topic.title, piece.text) for piece in topic.pieces],
        )
        for topic in load_all()
        if not isinstance(topic, TopicError)
    ]
