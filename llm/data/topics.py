"""The library's topics as training needs them: sections of whole sentences. Reads files; knows no database."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a topic: its text as a passage, and the sentences that an answer may take from it."""

    heading: str
    text: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic; ``names`` are other names and patients' words, the title first."""

    id: str
    title: str
    names: tuple[str, ...]
    sections: dict[str, Section]


def read_topics(folder: Path) -> list[Topic]:
    """Every topic of ``folder``, by id; raises ValueError for a file without a header."""
    return [_read(path) for path in sorted(folder.glob("*.md")) if path.name != "README.md"]


def _read(path: Path) -> Topic:
    parts = path.read_text(encoding="utf-8").split("+++", 2)
    if len(parts) != 3:
        raise ValueError(f"{path.name} has no header between +++ lines")
    header = tomllib.loads(parts[1])
    sections = {}
    for block in parts[2].split("\n## ")[1:]:
        heading, _, body = block.partition("\n")
        text = LINK.sub(r"\1", body).strip()
        sections[heading.strip()] = Section(heading.strip(), text, tuple(_sentences(text)))
    return Topic(header["id"], header["title"], (header["title"], *header.get("names", ())), sections)


def _sentences(text: str) -> Iterator[str]:
    """Whole sentences: an item of a list that completes a lead-in ("... if:") is joined to it."""
    lead = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("- "):
            yield from _item(lead, line[2:].strip())
        elif line.endswith(":"):
            *before, lead = SENTENCE_END.split(line)
            yield from before
        else:
            lead = ""
            yield from SENTENCE_END.split(line)


def _item(lead: str, item: str) -> Iterator[str]:
    if not lead:
        yield from SENTENCE_END.split(item)
        return
    joined = f"{lead[:-1]} {item}"
    yield joined if joined.endswith((".", "!", "?")) else joined + "."
