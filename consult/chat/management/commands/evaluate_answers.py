"""``manage.py evaluate_answers``: real questions answered offline; figures as JSON and as a page in var/reports/."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from consult.chat import offline
from consult.chat.evaluation import answers, page
from consult.safety import triage


class Command(BaseCommand):
    """Reads kqa and medicationqa from --data, CONSULT_DATA or ../shared/data, and says which it did not find."""

    help = "Measure answers to a sample of public questions; writes answers.json and answers.html."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to read and to write, how many, and by whom."""
        parser.add_argument("--data", type=Path, help="data sets (default: CONSULT_DATA or ../shared/data)")
        parser.add_argument("--out", type=Path, help="folder of the report (default: var/reports)")
        parser.add_argument("--count", type=int, default=200, help="questions in all (default 200)")
        parser.add_argument("--no-model", action="store_true", help="answers of the library's own sentences")
        parser.add_argument("--at-once", type=int, default=1, help="answers written at the same time (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer, count, write, and print the figures."""
        root = Path(settings.ROOT)
        folder = options["data"] or Path(os.environ.get("CONSULT_DATA") or root.parent / "shared" / "data")
        questions, missing = answers.sample(folder, options["count"])
        if not questions:
            raise CommandError(f"not measured: {folder} holds none of {', '.join(answers.SETS)}")
        triage.warm_up()
        with nullcontext() if options["no_model"] else offline.engine(self.stderr.write) as engine:
            report = answers.measure(questions, engine, at_once=max(1, options["at_once"]), say=self.stdout.write)
        report["missing"] = missing
        out = options["out"] or Path(settings.VAR) / "reports"
        out.mkdir(parents=True, exist_ok=True)
        written = json.dumps(report, indent=1, ensure_ascii=False, default=str)
        (out / "answers.json").write_text(written + "\n", encoding="utf-8")
        (out / "answers.html").write_text(page.render(report), encoding="utf-8")
        self.stdout.write(json.dumps(report["sets"], indent=1))
        if missing:
            self.stderr.write(f"Not measured, data not found: {', '.join(missing)}")
        self.stdout.write(f"Written: {out / 'answers.html'}")
