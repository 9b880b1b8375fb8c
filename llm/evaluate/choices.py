"""Multiple-choice questions with passages, PubMedQA-style: read and put as a prompt. Light: imports no torch.

A row: ``question``, ``contexts`` (texts; may be missing), ``choices`` (default yes, no, maybe) and the right one as
``answer`` or ``final_decision``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm.types import ChatMessage

CHOICES = ("yes", "no", "maybe")


@dataclass(frozen=True, slots=True)
class Question:
    """One question as turns for a model, its choices, and the right one of them."""

    turns: tuple[ChatMessage, ...]
    choices: tuple[str, ...]
    answer: str


def read(path: Path, limit: int) -> list[Question]:
    """The first ``limit`` questions; raises ValueError with the line number for one that is none."""
    questions = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[:limit], 1):
        try:
            questions.append(_question(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name} line {number}: {error}") from None
    return questions


def _question(row: dict[str, Any]) -> Question:
    choices = tuple(map(str, row.get("choices", CHOICES)))
    answer = str(row["answer"] if "answer" in row else row["final_decision"])
    if answer not in choices:
        raise ValueError(f"the answer {answer!r} is none of {', '.join(choices)}")
    told = "\n".join(map(str, row.get("contexts", ())))
    asked = f"{row['question']}\nAnswer with one of: {', '.join(choices)}."
    return Question((ChatMessage("user", f"{told}\n\n{asked}".strip()),), choices, answer)
