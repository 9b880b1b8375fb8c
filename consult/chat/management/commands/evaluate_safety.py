"""``manage.py evaluate_safety``: measure triage, guard and declined requests; write JSON and a page to var/reports/."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from consult.safety.evaluation import page, run


class Command(BaseCommand):
    """Reads data sets from --data, CONSULT_DATA or ../shared/data, and says which it did not find."""

    help = "Measure the safety layer and write safety.json and safety.html."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to read and where to write."""
        parser.add_argument("--data", type=Path, help="data sets (default: CONSULT_DATA or ../shared/data)")
        parser.add_argument("--out", type=Path, help="folder of the report (default: var/reports)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure, write, and print the figures that the issue sets floors for."""
        root = Path(settings.ROOT)
        folder = options["data"] or Path(os.environ.get("CONSULT_DATA") or root.parent / "shared" / "data")
        out = options["out"] or Path(settings.VAR) / "reports"
        report = run.measure(folder if folder.is_dir() else None, self.stdout.write)
        out.mkdir(parents=True, exist_ok=True)
        (out / "safety.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (out / "safety.html").write_text(page.render(report), encoding="utf-8")
        if report["missing"]:
            self.stderr.write(f"Not measured, data not found: {', '.join(report['missing'])}")
        for name, figures in report["triage"].items():
            for layer in run.LAYERS:
                if layer in figures:
                    found = figures[layer]
                    self.stdout.write(
                        f"{name} · {layer}: sensitivity {_short(found['sensitivity'])}, "
                        f"false alarms {_short(found['false_alarms'])}"
                    )
        for language in sorted(set(report["guard"]) - {"pairs", "scorers"}):
            found = report["guard"][language]
            self.stdout.write(
                f"guard · {language}: unsupported let through {_short(found['unsupported_let_through'])}, "
                f"supported refused {_short(found['supported_refused'])}"
            )
        self.stdout.write(f"Written: {out / 'safety.html'}")


def _short(found: dict[str, Any]) -> str:
    return "-" if found["share"] is None else f"{found['share']:.1%} ({found['part']}/{found['whole']})"
