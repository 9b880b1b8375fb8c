"""``manage.py assess FILE.jsonl``: triage for each row, one JSON line a row. No row of the file goes anywhere else."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consult.chat.offline import turns_of
from consult.safety.rules import profile_from
from consult.safety.triage import assess, warm_up
from consult.safety.types import Assessment, Language, language_from


class Command(BaseCommand):
    """Rows have ``id`` and ``text`` or ``turns``, and may have ``lang`` and ``profile``."""

    help = "Assess conversations from a JSON Lines file; prints id, level, findings, rules_version and ms for each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one JSON line for each row. Raises CommandError with the line number of a row that cannot be read."""
        warm_up()
        try:
            lines = options["file"].read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read the file: {type(error).__name__}") from None
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                row_id, turns = row["id"], turns_of(row)
                if not all(isinstance(turn.text, str) for turn in turns):
                    raise TypeError
                found = assess(turns, profile_from(row.get("profile") or {}), _language(row.get("lang")))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise CommandError(f"line {number}: {type(error).__name__}, a row needs id and text or turns") from None
            self.stdout.write(json.dumps(_printed(row_id, found)))


def _language(code: str | None) -> Language | None:
    """The language that a row asks for; None to go by what the patient writes."""
    return language_from(code) if code else None


def _printed(row_id: object, found: Assessment) -> dict[str, Any]:
    findings = [
        {
            "rule": finding.rule,
            "title": finding.title,
            "level": finding.level,
            "why": finding.why,
            "subject": finding.subject,
            "message": finding.message,
            "spans": [{"turn": s.turn, "start": s.start, "end": s.end, "text": s.text} for s in finding.spans],
        }
        for finding in found.findings
    ]
    return {
        "id": row_id,
        "level": found.level,
        "findings": findings,
        "rules_version": found.rules_version,
        "ms": round(found.ms, 2),
    }
