"""``manage.py evaluate_search``: how well search finds, on any set in BEIR form, the library's own, or public data.

Examples: ``--corpus C.jsonl --queries Q.jsonl --qrels R.tsv``; ``--library``; ``--data FOLDER --build medquad``.
Prints JSON; ``--out FOLDER`` also writes results.json, results.html and a plot for each set.
"""

from __future__ import annotations

import datetime as dt
import json
import platform
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consult.library.evaluation import beir, measure, report, sets
from consult.library.evaluation.beir import Set

BUILDERS = {
    "medquad": sets.medquad,
    "medquad-other-words": lambda data: sets.medquad(data, other_words=True),
    "pubmedqa": sets.pubmedqa,
}


class Command(BaseCommand):
    """Measure search."""

    help = "Measure search: nDCG@10, recall@10, MRR@10, hit@3 and time, for each half and both."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which sets, and where the results go."""
        parser.add_argument("--corpus", type=Path)
        parser.add_argument("--queries", type=Path)
        parser.add_argument("--qrels", type=Path)
        parser.add_argument("--library", action="store_true", help="the library's own patient wordings")
        parser.add_argument("--data", type=Path, help="folder with the public sets (medquad, pubmedqa)")
        parser.add_argument("--build", nargs="*", choices=sorted(BUILDERS), default=[])
        parser.add_argument("--write", type=Path, help="also write the sets in BEIR form into this folder")
        parser.add_argument("--no-vectors", action="store_true")
        parser.add_argument("--floor", action="store_true", help="also with the floor that the chat uses")
        parser.add_argument("--out", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure every set that was named."""
        results: dict[str, Any] = {
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {platform.processor() or 'unknown'}, {platform.python_version()}",
            "sets": [],
        }
        for one in self._sets(options):
            if options["write"]:
                beir.write(one, options["write"] / one.name)
            floors = (False, True) if options["floor"] else (False,)
            results["sets"].append(measure.measure(one, dense=not options["no_vectors"], floors=floors))
        if not results["sets"]:
            raise CommandError("name a set: --library, --build with --data, or --corpus, --queries and --qrels")
        self.stdout.write(json.dumps(results, indent=1, ensure_ascii=False))
        if options["out"]:
            report.write(results, options["out"])

    def _sets(self, options: dict[str, Any]) -> Iterator[Set]:
        if options["library"]:
            for language in ("en", "zh"):
                one = sets.library(language)
                if one.queries:
                    yield one
                else:
                    self.stderr.write(f"library-{language}: not measured, the library holds none of its topics")
        for name in options["build"]:
            if options["data"] is None or not options["data"].is_dir():
                raise CommandError(f"{name}: not measured, --data names no folder")
            yield BUILDERS[name](options["data"])
        files = [options[name] for name in ("corpus", "queries", "qrels")]
        if all(files):
            try:
                yield beir.read(*files)
            except (OSError, ValueError) as error:
                raise CommandError(str(error)) from error
        elif any(files):
            raise CommandError("--corpus, --queries and --qrels belong together")
