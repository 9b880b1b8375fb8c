"""``manage.py ingest FORMAT FILE...``: other publishers' files into the library, with progress; run again to go on."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from consult import encoder
from consult.library import store
from consult.library.ingest import line
from consult.library.ingest import run as ingestion
from consult.library.models import Ingestion, Source


class Command(BaseCommand):
    """Read files, store their records, index them, encode them."""

    help = "Ingest PubMed or MedlinePlus XML, PDF or HTML guidelines, or question-answer JSON Lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to read, and as whose."""
        parser.add_argument("format", choices=sorted(ingestion.FORMATS))
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--source", default="", help="slug of the source; the format's own where not given")
        parser.add_argument("--name", default="", help="name of a new source")
        parser.add_argument("--licence", default="", help="licence of a new source")
        parser.add_argument("--patients", action="store_true", help="let this source speak to patients")
        parser.add_argument("--again", action="store_true", help="read a file anew that is already done")
        parser.add_argument(
            "--in-worker", action="store_true", help="put the files in line for a worker; they lie in var/ingest"
        )
        parser.add_argument("--no-vectors", action="store_true", help="index words only; `build_index` encodes later")

    def handle(self, *args: Any, **options: Any) -> None:
        """Every file in turn, then one index update; fails at the end where a file could not be opened."""
        source, missing, begun = self._source(options), 0, time.monotonic()
        if options["in_worker"]:
            self._queue(options["files"], options["format"], source)
            return
        for path in options["files"]:
            if not path.is_file():
                self.stderr.write(f"{path}: no such file")
                missing += 1
                continue
            self._file(path, options["format"], source, again=options["again"])
        self.stdout.write(f"stored in {time.monotonic() - begun:.1f} s; indexing")
        indexed = store.update()
        self.stdout.write(f"documents indexed: {indexed} ({time.monotonic() - begun:.1f} s since the start)")
        if not options["no_vectors"]:
            try:
                encoded = store.encode(self._progress)
                self.stdout.write(f"passages encoded: {encoded} ({time.monotonic() - begun:.1f} s since the start)")
            except encoder.Unavailable as error:
                self.stderr.write(f"search goes by words alone: {error}")
        if missing:
            raise CommandError(f"{missing} files were not found")

    def _queue(self, paths: list[Path], format_: str, source: Source) -> None:
        folder = Path(settings.INGEST_DIR).resolve()
        for path in paths:
            if path.resolve().parent != folder or not path.is_file():
                raise CommandError(f"{path}: no file in {folder}, where the worker looks")
            run = line.queue(path.name, format_, source)
            self.stdout.write(f"{path.name}: {run.get_state_display()}, {run.read} read")

    def _progress(self, done: int) -> None:
        self.stdout.write(f"  encoded {done}")

    def _source(self, options: dict[str, Any]) -> Source:
        format_ = ingestion.FORMATS[options["format"]]
        source, _made = Source.objects.get_or_create(
            slug=options["source"] or format_.slug,
            defaults={"name": options["name"] or format_.name, "licence": options["licence"] or format_.licence},
        )
        if options["patients"] and not source.speaks_to_patients:
            source.speaks_to_patients = True
            source.save(update_fields=["speaks_to_patients"])
        return source

    def _file(self, path: Path, format_: str, source: Source, *, again: bool) -> None:
        run = started = ingestion.start(path, format_, source, again=again)
        if run.finished_at:
            self.stdout.write(f"{path.name}: already ingested (--again reads it anew)")
            return
        if run.read:
            self.stdout.write(f"{path.name}: goes on after {run.read} records")
        for run in ingestion.go_on(started, path):
            self.stdout.write(f"  {path.name}: {run.read} read, {run.new} new, {run.revised} revised")
        self._report(path, run)

    def _report(self, path: Path, run: Ingestion) -> None:
        self.stdout.write(
            f"{path.name}: {run.read} read, {run.new} new, {run.revised} revised, {run.same} the same, "
            f"{run.removed} removed, {run.broken_count} broken"
        )
        for fault in run.broken:
            self.stderr.write(f"{path.name}, {fault['position']}: {fault['reason']}")
