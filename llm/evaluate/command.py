"""``python -m llm evaluate``: base and adapter on the same rows, side by side, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llm.config import EngineConfig
from llm.evaluate import metrics
from llm.types import ChatMessage, Engine, Request, Sampling

ROOT = Path(__file__).resolve().parents[2]


def add_parser(subparsers: Any) -> None:
    """The options."""
    parser = subparsers.add_parser("evaluate", help="judge a base and an adapter")
    parser.add_argument("--rows", type=Path, default=ROOT / "var" / "training" / "validation.jsonl")
    parser.add_argument("--base", type=Path, default=ROOT / "var" / "models" / "smollm2-135m-instruct")
    parser.add_argument("--adapter", type=Path, default=ROOT / "llm" / "adapters" / "consult-smollm2")
    parser.add_argument("--limit", type=int, default=80)
    parser.add_argument("--tokens", type=int, default=160)
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "reports" / "evaluate.json")
    parser.add_argument("--write-card", action="store_true", help="put the figures into the adapter's card")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer every row with and without the adapter; 1 where a file is missing."""
    if not options.rows.is_file():
        print(f"There is no file {options.rows}. Make it with: python -m llm data build")
        return 1
    rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()][: options.limit]
    from llm.engine import open_engine  # torch comes with it

    engine = open_engine(EngineConfig(base=options.base, adapter=options.adapter, adapters=options.adapter.parent))
    try:
        sides = {"base": "", "adapter": options.adapter.name}
        answers = {side: list(_answers(engine, rows, adapter, options.tokens)) for side, adapter in sides.items()}
    finally:
        engine.close()
    report = _report(rows, answers, options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(_table(report))
    if options.write_card:
        _write_card(options.adapter / "card.json", report)
    return 0


def _answers(engine: Engine, rows: list[dict[str, Any]], adapter: str, tokens: int) -> Iterator[tuple[str, bool]]:
    """Text and "ended by itself" for each row, greedy."""
    for number, row in enumerate(rows):
        messages = tuple(ChatMessage(one["role"], one["content"]) for one in row["prompt"])
        request = Request(f"{adapter}-{number}", messages, Sampling(max_new_tokens=tokens), adapter=adapter)
        chunks = list(engine.stream(request))
        yield "".join(chunk.text for chunk in chunks), chunks[-1].finish == "stop"


def _report(rows: list[dict[str, Any]], answers: dict[str, list[tuple[str, bool]]], options: Any) -> dict[str, Any]:
    judged = {
        side: [metrics.judge(row, text, stopped) for row, (text, stopped) in zip(rows, given, strict=True)]
        for side, given in answers.items()
    }
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "rows": len(rows),
        "file": options.rows.name,
        "figures": {side: metrics.summary(found) for side, found in judged.items()},
        "answers": [
            {"id": row["id"], "skill": row["skill"], **{side: given[number][0] for side, given in answers.items()}}
            for number, row in enumerate(rows)
        ],
    }


def _table(report: dict[str, Any]) -> str:
    lines = [f"{report['rows']} rows of {report['file']}", f"{'':26}{'base':>22}{'adapter':>22}"]
    for name in report["figures"]["base"]:
        cells = [report["figures"][side][name] for side in ("base", "adapter")]
        shown = [f"{one['share']:.1%} ({one['low']:.0%} to {one['high']:.0%})" for one in cells]
        lines.append(f"{name:26}{shown[0]:>22}{shown[1]:>22}")
    return "\n".join(lines)


def _write_card(path: Path, report: dict[str, Any]) -> None:
    card = json.loads(path.read_text())
    card["evaluation"] = {name: report[name] for name in ("date", "rows", "file", "figures")}
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
