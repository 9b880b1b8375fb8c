"""What a file is, by its bytes. Parses nothing, so that the web process may ask; names and declared types are not
believed, but a name that says something else is refused.
"""

from __future__ import annotations

import io
import re
import zipfile

from consult.documents.types import Kind, Reason, Refused

HEAD = 1024
TAIL = 4096
SUFFIXES = {"", "jpg", "jpeg", "jpe", "jfif", "png", "webp", "pdf"}
HEIC = re.compile(rb"^....ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", re.S)
# What a browser or a shell would take a file for, wherever else it is a picture.
MARKUP = re.compile(rb"<(?:!doctype|html|head|body|script|svg|iframe|\?xml|\?php)", re.I)


def check(data: bytes, name: str = "") -> Kind:
    """The kind of ``data``; Refused for what is none of ours, or two things at once."""
    if not data:
        raise Refused(Reason.EMPTY)
    kind = _by_first_bytes(data)
    if kind is None:
        raise Refused(Reason.HEIC if HEIC.match(data) else Reason.KIND)
    if _suffix(name) not in SUFFIXES:
        raise Refused(Reason.KIND)
    if _is_mixed(data, kind):
        raise Refused(Reason.MIXED)
    return kind


def _by_first_bytes(data: bytes) -> Kind | None:
    if data.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind.WEBP
    return Kind.PDF if data.startswith(b"%PDF-") else None


def _suffix(name: str) -> str:
    base = name.replace("\\", "/").rpartition("/")[2]
    return base.rpartition(".")[2].strip().lower() if "." in base else ""


def _is_mixed(data: bytes, kind: Kind) -> bool:
    """A second format in the same file. A telephone's JPEG may have more behind its end (a short film, a second
    picture): that is dropped when the picture is made anew, and only what could be opened as something else counts.
    """
    if zipfile.is_zipfile(io.BytesIO(data)):
        return True
    if kind == Kind.PDF:
        return bool(data[data.rfind(b"%%EOF") + 5 :].strip(b"\r\n\t \x00"))
    if b"%PDF-" in data[:HEAD] or MARKUP.search(data[:HEAD]) or MARKUP.search(data[-TAIL:]):
        return True
    if kind == Kind.PNG:
        return not data.endswith(b"IEND\xaeB`\x82")
    return kind == Kind.WEBP and int.from_bytes(data[4:8], "little") + 8 not in (len(data), len(data) - 1)
