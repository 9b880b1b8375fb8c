"""The library's topics as training needs them: passages cut as search gives them, with their whole sentences.

Reads files; knows no database.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# As consult/library/topics.py cuts: the model must meet in training what it will be given.
PASSAGE_WORDS = 100
WORD = re.compile(r"[A-Za-z0-9]+(?:['’-][A-Za-z0-9]+)*")

LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of a section: its text, and the sentences that an answer may take from it, a group for each list."""

    text: str
    groups: tuple[tuple[str, ...], ...]

    @property
    def first(self) -> str:
        """Its first sentence."""
        return self.groups[0][0]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic; ``names`` are other names and patients' words, the title first."""

    id: str
    title: str
    names: tuple[str, ...]
    sections: dict[str, tuple[Piece, ...]]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All passages, in reading order."""
        return tuple(piece for section in self.sections.values() for piece in section)


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
        sections[heading.strip()] = tuple(_pieces(LINK.sub(r"\1", body).strip()))
    return Topic(header["id"], header["title"], (header["title"], *header.get("names", ())), sections)


def _pieces(body: str) -> Iterator[Piece]:
    """Whole paragraphs and lists, joined up to a passage's length."""
    held = ""
    for block in filter(None, map(str.strip, re.split(r"\n\s*\n", body))):
        if held and len(WORD.findall(f"{held} {block}")) > PASSAGE_WORDS and not held.endswith(":"):
            yield Piece(held, _groups(held))
            held = ""
        held = f"{held}\n\n{block}" if held else block
    if held:
        yield Piece(held, _groups(held))


def _groups(text: str) -> tuple[tuple[str, ...], ...]:
    """Whole sentences: an item of a list that completes a lead-in ("... if:") is joined to it, a group a lead-in."""
    lead = ""
    groups: list[list[str]] = [[]]
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("- "):
            groups[-1] += _item(lead, line[2:].strip())
        elif line.endswith(":"):
            *before, lead = SENTENCE_END.split(line)
            groups[-1] += before
            groups.append([])
        else:
            if lead:
                groups.append([])
            lead = ""
            groups[-1] += SENTENCE_END.split(line)
    return tuple(tuple(group) for group in groups if group)


def _item(lead: str, item: str) -> list[str]:
    if not lead:
        return SENTENCE_END.split(item)
    joined = f"{lead[:-1]} {item}"
    return [joined if joined.endswith((".", "!", "?")) else joined + "."]
