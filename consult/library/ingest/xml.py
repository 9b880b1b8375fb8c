"""Records out of large XML files, one at a time: flat memory, no DTD, no entities, and a broken one harms no other.

The stream is cut at the records' own tags and each record is parsed by itself. So a fault ends with its record, and
nothing that a file declares at its top (document types, entities) is ever read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from consult.library.ingest.records import Broken

CHUNK = 1 << 20
MAX_RECORD = 16 << 20


@dataclass(frozen=True, slots=True)
class Cut:
    """The bytes of one record; ``position`` is where it begins in the unpacked stream."""

    position: int
    data: bytes


def cuts(stream: IO[bytes], names: tuple[str, ...]) -> Iterator[Cut | Broken]:
    """Records with one of these tag names. Unfinished, oversize and torn-off records come as Broken."""
    start = re.compile(rb"<(" + b"|".join(name.encode() for name in names) + rb")(?=[\s>])")
    longest = max(map(len, names)) + 2
    read1 = getattr(stream, "read1", stream.read)
    held, base, ended = b"", 0, False
    while True:
        match = start.search(held)
        end, fault = _end(held, match, start, ended) if match else (-1, "")
        if match and end >= 0:
            yield (
                Broken(f"byte {base + match.start()}", fault)
                if fault
                else Cut(base + match.start(), held[match.start() : end])
            )
            held, base = held[end:], base + end
        elif ended:
            return
        else:
            if not match and len(held) > longest:
                held, base = held[-longest:], base + len(held) - longest
            try:
                chunk = read1(CHUNK)  # what there is: `read` would lose it all where an archive is torn off
            except (EOFError, OSError, zlib.error) as error:
                yield Broken(f"byte {base + len(held)}", f"the file is damaged from here on: {error}")
                chunk = b""
            ended = not chunk
            held += chunk


def _end(held: bytes, match: re.Match[bytes], start: re.Pattern[bytes], ended: bool) -> tuple[int, str]:
    """Where the record ends and its fault; (-1, "") while more must be read."""
    close = b"</" + match.group(1) + b">"
    end = held.find(close, match.end())
    following = start.search(held, match.end(), end if end >= 0 else len(held))
    # An opening tag inside a record of another kind is fine; of the same kind, the first was never closed.
    while following and following.group(1) != match.group(1):
        following = start.search(held, following.end(), end if end >= 0 else len(held))
    if following:
        return following.start(), "the record is not closed before the next begins"
    if end >= 0:
        return end + len(close), ""
    if ended:
        return len(held), "the file ends inside the record"
    if len(held) - match.start() > MAX_RECORD:
        return len(held), f"the record is larger than {MAX_RECORD >> 20} MiB"
    return -1, ""


class Refused(ValueError):
    """XML that declares a document type or uses an entity of its own."""


def parse(data: bytes) -> Element:
    """The tree of one record; raises Refused, or expat.ExpatError where it is not well-formed."""
    builder = TreeBuilder()
    parser = expat.ParserCreate(encoding="utf-8")
    parser.buffer_text = True

    def refuse(*_args: object) -> int:
        raise Refused("document types and entities are not read")

    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.Parse(data, True)
    return builder.close()


def text_of(element: Element | None) -> str:
    """All text of an element, white space joined."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def child(element: Element, path: str) -> str:
    """Text of the first element at ``path``; "" where there is none."""
    return text_of(element.find(path))
