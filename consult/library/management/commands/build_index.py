"""``manage.py build_index``: topic files into the database, changed documents into the index.

Quick where nothing changed; readers see the old index or the new one, never half of it. ``--rebuild`` starts anew.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consult import encoder
from consult.library import loading, store, topics


class Command(BaseCommand):
    """Load topics and bring the index up to date."""

    help = "Load the library's topics and bring the search index up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where from, and whether anew."""
        parser.add_argument("--content", type=Path, default=topics.CONTENT, help="folder of topic files")
        parser.add_argument("--no-vectors", action="store_true", help="words only; search by meaning comes later")
        parser.add_argument("--rebuild", action="store_true", help="index everything anew")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, index, report; fails at the end where a topic file had faults."""
        outcome = loading.load_topics(options["content"])
        indexed = store.rebuild() if options["rebuild"] else store.update()
        self.stdout.write(
            f"topics: {outcome.new} new, {outcome.changed} changed, {outcome.same} the same, "
            f"{outcome.withdrawn} withdrawn, {outcome.kept_edits} edited here and kept; documents indexed: {indexed}"
        )
        if not options["no_vectors"]:
            self._encode()
        for fault in outcome.faults:
            self.stderr.write(f"left out: {fault}")
        if outcome.faults:
            raise CommandError(f"{len(outcome.faults)} topic files have faults; the others are loaded")

    def _encode(self) -> None:
        """Search works by words without this; so a machine that cannot encode is told, not refused."""
        try:
            self.stdout.write(f"passages encoded: {store.encode()}")
        except encoder.Unavailable as error:
            self.stderr.write(f"search goes by words alone: {error}")
