"""Questions with answers as JSON Lines (.jsonl or .jsonl.gz): question and answer, and where given id, url, focus."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from consult.library.ingest.records import Broken, Item, Record, cut, open_bytes


def read(path: Path) -> Iterator[Item]:
    """Every line as a record; a broken line is told by its number."""
    with open_bytes(path) as stream:
        number = 0
        while True:
            try:
                line = stream.readline(1 << 22)
            except (EOFError, OSError, zlib.error) as error:
                yield Broken(f"line {number + 1}", f"the file is damaged from here on: {error}")
                return
            if not line:
                return
            number += 1
            if line.strip():
                yield _item(line, number)


def _item(line: bytes, number: int) -> Item:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Broken(f"line {number}", f"not JSON: {error}")
    if not isinstance(row, dict):
        return Broken(f"line {number}", "not an object")
    question, answer = row.get("question"), row.get("answer")
    if not (isinstance(question, str) and isinstance(answer, str) and question.strip() and answer.strip()):
        return Broken(f"line {number}", "question and answer must be text")
    return _record(row, " ".join(question.split()), answer, number)


def _record(row: dict[str, Any], question: str, answer: str, number: int) -> Record:
    focus = str(row.get("focus") or "")
    mark = sha256(question.encode()).hexdigest()[:8]  # sets are known that use one id for several questions
    address = str(row.get("url") or "")
    return Record(
        external_id=f"{row.get('id') or number}:{mark}", kind="question", title=question,
        passages=tuple(cut("answer", answer)), names=(focus,) if focus else (),
        address=address if address.startswith(("https://", "http://")) else "",
        details={"publisher": str(row.get("source") or ""), "question_type": str(row.get("qtype") or "")},
    )  # fmt: skip
