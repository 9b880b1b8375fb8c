"""``python -m llm evaluate``: base and adapter on the same rows, side by side, as a table, as JSON and as a page.

``--compare RUN.json RUN.json`` puts earlier runs on the same rows side by side instead.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llm.config import EngineConfig
from llm.evaluate import choices, metrics, page
from llm.types import ChatMessage, Engine, Request, Sampling

ROOT = Path(__file__).resolve().parents[2]
MISSING = "There is no file {}. Make the project's own with: python -m llm data build"
Report = dict[str, Any]


def add_parser(subparsers: Any) -> None:
    """The options."""
    parser = subparsers.add_parser("evaluate", help="judge a base and an adapter")
    parser.add_argument("--rows", type=Path, default=ROOT / "var" / "training" / "validation.jsonl")
    parser.add_argument("--base", type=Path, default=ROOT / "var" / "models" / "smollm2-135m-instruct")
    parser.add_argument("--adapter", type=Path, default=ROOT / "llm" / "adapters" / "consult-smollm2")
    parser.add_argument("--quantise", default="none", help="none, int8 or nf4")
    parser.add_argument("--limit", type=int, default=80)
    parser.add_argument("--tokens", type=int, default=160)
    parser.add_argument("--choices", type=Path, help="multiple-choice questions, JSONL in PubMedQA's form")
    parser.add_argument("--choices-limit", type=int, default=200)
    parser.add_argument("--compare", type=Path, nargs=2, metavar="RUN", help="two reports of this command")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "reports" / "evaluate.json")
    parser.add_argument("--write-card", action="store_true", help="put the figures into the adapter's card")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge or compare; 1 with a sentence where a file is missing or the runs do not match."""
    needed = options.compare or [path for path in (options.rows, options.choices) if path]
    for path in needed:
        if not path.is_file():
            print(MISSING.format(path))
            return 1
    try:
        report = _compared(*options.compare) if options.compare else _judged(options)
    except ValueError as error:
        print(error)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    options.out.with_suffix(".html").write_text(page.render(report))
    print(_table(report), f"\n{options.out.with_suffix('.html')}")
    if options.write_card and not options.compare:
        _write_card(options.adapter / "card.json", report)
    return 0


def _judged(options: argparse.Namespace) -> Report:
    rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()][: options.limit]
    questions = choices.read(options.choices, options.choices_limit) if options.choices else []
    config = EngineConfig(
        base=options.base, adapter=options.adapter, adapters=options.adapter.parent, quantise=options.quantise
    )
    sides = {"base": "", options.adapter.name: options.adapter.name}
    from llm.engine import open_engine  # torch comes with it

    engine = open_engine(config)
    try:
        said = {side: list(_answers(engine, rows, adapter, options.tokens)) for side, adapter in sides.items()}
    finally:
        engine.close()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "rows": len(rows),
        "file": options.rows.name,
        "sides": {side: _figures(config, adapter, rows, said[side], questions) for side, adapter in sides.items()},
        "answers": [
            {**{name: row[name] for name in ("id", "skill", "question")}, "said": {s: said[s][n][0] for s in sides}}
            for n, row in enumerate(rows)
        ],
    }


def _answers(engine: Engine, rows: list[dict[str, Any]], adapter: str, tokens: int) -> Iterator[tuple[str, bool]]:
    """Text and "ended by itself" for each row, greedy."""
    for number, row in enumerate(rows):
        messages = tuple(ChatMessage(one["role"], one["content"]) for one in row["prompt"])
        request = Request(f"{adapter}-{number}", messages, Sampling(max_new_tokens=tokens), adapter=adapter)
        chunks = list(engine.stream(request))
        yield "".join(chunk.text for chunk in chunks), chunks[-1].finish == "stop"


def _figures(
    config: EngineConfig,
    adapter: str,
    rows: list[dict[str, Any]],
    said: list[tuple[str, bool]],
    questions: list[choices.Question],
) -> dict[str, Any]:
    """One side's figures: of its answers, and of how likely it finds given ones."""
    from llm.evaluate.likelihood import Judge

    judge = Judge(config, adapter)
    figures = metrics.summary(
        metrics.judge(row, text, stopped) for row, (text, stopped) in zip(rows, said, strict=True)
    )
    if questions:
        right = sum(judge.choose(question) == question.answer for question in questions)
        figures["multiple_choice"] = metrics.share_of(right, len(questions))
    return {"figures": figures, "perplexity": round(judge.perplexity(rows), 3)}


def _compared(first: Path, second: Path) -> Report:
    """Both runs' sides in one report; raises ValueError where they answered different rows."""
    one, other = (json.loads(path.read_text()) for path in (first, second))
    if [row["id"] for row in one["answers"]] != [row["id"] for row in other["answers"]]:
        raise ValueError(f"{first.name} and {second.name} did not answer the same rows")
    renamed = {side: f"{side} ({second.stem})" if side in one["sides"] else side for side in other["sides"]}
    return {
        **one,
        "sides": {**one["sides"], **{renamed[side]: found for side, found in other["sides"].items()}},
        "answers": [
            {**mine, "said": {**mine["said"], **{renamed[side]: text for side, text in theirs["said"].items()}}}
            for mine, theirs in zip(one["answers"], other["answers"], strict=True)
        ],
    }


def _table(report: Report) -> str:
    sides = list(report["sides"])
    lines = [f"{report['rows']} rows of {report['file']}", f"{'':26}" + "".join(f"{side:>36}" for side in sides)]
    for name in report["sides"][sides[0]]["figures"]:
        cells = [page.share(report["sides"][side]["figures"].get(name)) for side in sides]
        lines.append(f"{name:26}" + "".join(f"{cell:>36}" for cell in cells))
    lines.append(f"{'perplexity':26}" + "".join(f"{report['sides'][side]['perplexity']:>36}" for side in sides))
    return "\n".join(lines)


def _write_card(path: Path, report: Report) -> None:
    card = json.loads(path.read_text())
    card["evaluation"] = {name: report[name] for name in ("date", "rows", "file", "sides")}
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
