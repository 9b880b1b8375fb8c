"""What is said about a file: its kind, the limits it must keep, why it was refused, what was read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds that are taken."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    PDF = "pdf"


class Reason(StrEnum):
    """Why a file is not taken."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"  # bytes
    KIND = "kind"  # neither a photo nor a PDF
    HEIC = "heic"  # a telephone's own format, for which there is no reader with a licence that fits
    MIXED = "mixed"  # two formats in one file
    MOVING = "moving"  # an animation
    PIXELS = "pixels"
    PAGES = "pages"
    LOCKED = "locked"  # by a password
    ACTIVE = "active"  # a PDF that can do things: scripts, files inside, programs to start
    HEAVY = "heavy"  # unpacks to too much, or takes too long
    DAMAGED = "damaged"


class Refused(Exception):
    """The file is not taken. ``reason`` is for whoever words it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may ask of us."""

    pixels: int = 50_000_000
    pages: int = 20
    unpacked: int = 64 * 2**20  # bytes of all streams of a PDF that are not pictures
    chars: int = 8000  # of the words read: no more is looked for


@dataclass(frozen=True, slots=True)
class Clean:
    """A file that may be kept: a picture made anew, or a PDF that was looked through."""

    kind: Kind
    pages: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of the first ``pages`` pages."""

    text: str
    pages: int
