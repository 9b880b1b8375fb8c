"""Rows written by hand: what no template makes. Checked when read; a bad one is named by its line."""

from __future__ import annotations

import json
from pathlib import Path

from llm.data.build import Row
from llm.types import ChatMessage

FILE = Path(__file__).with_name("written.jsonl")


def read(path: Path = FILE) -> list[Row]:
    """The rows of ``path``: id, skill, split, question, passages [[title, text]], answer, cited, history (optional).

    Raises ValueError with the line number for anything else.
    """
    return [_row(line, number) for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]


def _row(line: str, number: int) -> Row:
    try:
        data = json.loads(line)
        history = tuple(ChatMessage(role, text) for role, text in data.pop("history", []))
        passages = tuple((str(title), str(text)) for title, text in data.pop("passages"))
        cited = tuple(int(one) for one in data.pop("cited"))
        return Row(**data, topic="written", passages=passages, cited=cited, history=history)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"written.jsonl line {number}: {error}") from None
