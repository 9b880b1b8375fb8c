"""``manage.py answer FILE.jsonl``: every row answered as the chat would, one JSON line a row. Nothing is stored.

Without weights or torch (or with ``--no-model``) the answers are made of the library's own sentences.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consult.chat import offline
from consult.safety import triage


class Command(BaseCommand):
    """Rows have ``id`` and ``text`` or ``turns``, and may have ``lang`` and ``profile``."""

    help = (
        "Answer conversations from a JSON Lines file; prints id, level, text, citations, composed, refused, model, "
        "adapter and ms for each."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--no-model", action="store_true", help="answer by the library's own sentences")
        parser.add_argument("--at-once", type=int, default=1, help="answers written at the same time (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one JSON line for each good row; fails at the end where a row was bad, naming its line."""
        try:
            lines = options["file"].read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError as error:
            raise CommandError(f"cannot read the file: {type(error).__name__}") from None
        triage.warm_up()
        with nullcontext() if options["no_model"] else offline.engine(self.stderr.write) as engine:
            bad = self._print(offline.answers(lines, engine, at_once=max(1, options["at_once"])))
        if bad:
            raise CommandError(f"{bad} of the rows could not be answered")

    def _print(self, answers: Iterator[tuple[int, offline.Answered | str]]) -> int:
        """Returns how many rows were bad."""
        bad = 0
        for number, found in answers:
            if isinstance(found, offline.Answered):
                self.stdout.write(json.dumps(found.as_json(), ensure_ascii=False))
            else:
                bad += 1
                self.stderr.write(f"line {number}: {found}")
        return bad
