"""Does training data hold what an evaluation file asks? Shared runs of eight words say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WORDS = re.compile(r"\w+")
RUN = 8


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of ``rows`` evaluation texts, ``touched`` share at least one run with the training texts."""

    rows: int
    touched: int
    examples: tuple[str, ...]


def runs(text: str, length: int = RUN) -> Iterator[tuple[str, ...]]:
    """Every run of ``length`` words, lower case."""
    words = WORDS.findall(text.lower())
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def overlap(training: Iterable[str], evaluation: Iterable[str]) -> Overlap:
    """Compare; ``examples`` holds up to ten of the shared runs."""
    known = {run for text in training for run in runs(text)}
    rows = touched = 0
    examples: list[str] = []
    for text in evaluation:
        rows += 1
        shared = next((run for run in runs(text) if run in known), None)
        if shared is not None:
            touched += 1
            examples.append(" ".join(shared))
    return Overlap(rows, touched, tuple(examples[:10]))
