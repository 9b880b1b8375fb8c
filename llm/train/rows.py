"""Training files, checked before anything starts. Light: imports no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROLES = {"system", "user", "assistant"}
NAMED_MAX = 20


class BadRows(ValueError):
    """Rows that cannot be trained on, by line number; nothing was started."""


@dataclass(frozen=True, slots=True)
class RowFile:
    """A checked file: its rows as {"prompt": [...], "completion": [...]}, and the sha256 of its bytes."""

    path: Path
    rows: list[dict[str, Any]]
    sha256: str


def read(path: Path) -> RowFile:
    """Every row of ``path``; raises BadRows naming up to twenty lines and what is wrong with each."""
    if not path.is_file():
        raise BadRows(f"there is no file {path}")
    data = path.read_bytes()
    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        try:
            rows.append(_checked(json.loads(line)))
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
    if not rows and not wrong:
        wrong.append("it holds no rows")
    if wrong:
        more = f"\n  and {len(wrong) - NAMED_MAX} more" if len(wrong) > NAMED_MAX else ""
        raise BadRows(f"{path.name} cannot be trained on:\n  " + "\n  ".join(wrong[:NAMED_MAX]) + more)
    return RowFile(path, rows, hashlib.sha256(data).hexdigest())


def _checked(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError("not an object")
    for name in ("prompt", "completion"):
        turns = row.get(name)
        if not isinstance(turns, list) or not turns:
            raise ValueError(f"{name} is not a list of messages")
        for turn in turns:
            _check_turn(name, turn)
    if row["completion"][-1]["role"] != "assistant":
        raise ValueError("the completion is not the assistant's")
    return {"prompt": row["prompt"], "completion": row["completion"]}


def _check_turn(name: str, turn: Any) -> None:
    if not isinstance(turn, dict) or turn.get("role") not in ROLES:
        raise ValueError(f"a message of the {name} has no known role")
    if not isinstance(turn.get("content"), str) or not turn["content"].strip():
        raise ValueError(f"a message of the {name} is empty")
