"""``python -m llm data build``: write the rows and their card. ``python -m llm data overlap FILE``: check a file."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm.data import build, overlap, written
from llm.data.topics import read_topics

ROOT = Path(__file__).resolve().parents[2]
TOPICS = ROOT / "consult" / "library" / "content" / "en"
FOLDER = ROOT / "var" / "training"
CARD = Path(__file__).with_name("card.json")
SEED = 20261123


def add_parser(subparsers: Any) -> None:
    """The subcommands."""
    parser = subparsers.add_parser("data", help="build and check training data")
    parser.add_argument("what", choices=["build", "overlap"])
    parser.add_argument("file", nargs="?", type=Path, help="an evaluation file, JSONL, for overlap")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Do it; 1 where something is missing."""
    if options.what == "build":
        return build_files(options.out, options.seed)
    if options.file is None or not options.file.is_file():
        print(f"There is no file {options.file}.")
        return 1
    return check(options.out / "train.jsonl", options.file)


def build_files(out: Path, seed: int) -> int:
    """Write ``train.jsonl``, ``validation.jsonl`` and the card that says what is in them."""
    rows = build.build(read_topics(TOPICS), written.read(), seed)
    out.mkdir(parents=True, exist_ok=True)
    card: dict[str, Any] = {"seed": seed, "topics_sha256": build.fingerprint(TOPICS), "files": {}}
    for split in ("train", "validation"):
        chosen = [row for row in rows if row.split == split]
        path = out / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row.as_json(), ensure_ascii=False) + "\n" for row in chosen))
        card["files"][split] = {
            "rows": len(chosen),
            "topics": len({row.topic for row in chosen}),
            "skills": dict(sorted(Counter(row.skill for row in chosen).items())),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        print(f"{path}: {len(chosen)} rows")
    CARD.write_text(json.dumps(card, indent=1) + "\n")
    return 0


def check(training: Path, evaluation: Path) -> int:
    """Print how much of ``evaluation`` stands in ``training``; 1 where anything does."""
    found = overlap.overlap(_texts(training), _texts(evaluation))
    print(f"{found.touched} of {found.rows} rows share a run of {overlap.RUN} words with the training data")
    for example in found.examples:
        print(f"  {example}")
    return 1 if found.touched else 0


def _texts(path: Path) -> Iterator[str]:
    """Every string of every row, joined."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield " ".join(_strings(json.loads(line)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
