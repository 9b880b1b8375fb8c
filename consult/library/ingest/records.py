"""What every reader yields: records, and the broken ones with their place. Also cutting long texts into passages.

Knows nothing of Django.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast

PASSAGE_WORDS = 180  # MiniLM reads 256 tokens
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+(?=[A-Z0-9\u3400-\u9fff-])")


@dataclass(frozen=True, slots=True)
class Record:
    """One document as its publisher gives it. ``passages`` are (section, text); ``revised`` orders versions."""

    external_id: str
    kind: str
    title: str
    passages: tuple[tuple[str, str], ...]
    language: str = "en"
    names: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    address: str = ""
    licence: str = ""
    written: dt.date | None = None
    revised: str = ""
    retracted: bool = False
    concern: str = ""
    retracts: tuple[str, ...] = ()  # ids of other documents that this one is the retraction of
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes when anything of the record changes."""
        return sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Deleted:
    """The publisher took this document back."""

    external_id: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that could not be read. ``position`` says where: a line, a byte, a page."""

    position: str
    reason: str


Item = Record | Deleted | Broken


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where its name ends in .gz."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def cut(section: str, text: str, limit: int = PASSAGE_WORDS) -> Iterator[tuple[str, str]]:
    """Passages of about ``limit`` words, cut at ends of sentences; the last is not left tiny."""
    sentences = [one for one in _SENTENCE_END.split(" ".join(text.split())) if one]
    total = sum(len(one.split()) for one in sentences)
    parts = max(1, round(total / limit + 0.2))
    aim, held, words = total / parts, list[str](), 0
    for sentence in sentences:
        held.append(sentence)
        words += len(sentence.split())
        if words >= aim:
            yield section, " ".join(held)
            held, words = [], 0
    if held:
        yield section, " ".join(held)
