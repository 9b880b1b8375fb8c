"""PDFs: looked through for what can do something, their words, their pages as pictures. Only in the child process."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.errors import LimitReachedError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

from consult.documents.types import Clean, Kind, Limits, Reason, Refused

OBJECTS_MAX = 50_000
DPI = 150
READABLE = 0.7  # share of a page's text layer that must be letters, digits and common marks
# Keys and names by which a PDF runs something, carries files, or sends what is typed into it.
ACTIVE = {
    "/JS", "/JavaScript", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/EF", "/FileAttachment", "/RichMedia",
    "/Rendition", "/Movie", "/Sound", "/Screen", "/3D", "/XFA", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR",
}  # fmt: skip
# The same in the raw bytes: an object that the table of contents leaves out may be found by another reader.
ACTIVE_BYTES = re.compile(rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm)\b")
GARBLED = re.compile(r"[\ue000-\uf8ff\ufffd\x00-\x08\x0e-\x1f]|\(cid:\d+\)|/g\d+")
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def clean(data: bytes, limits: Limits) -> Clean:
    """The PDF as it is, where it only shows pages and few enough of them."""
    try:
        reader = _opened(data, limits)
        pages = _page_count(reader, limits)
        _look_through(reader, limits)
        if ACTIVE_BYTES.search(data):
            raise Refused(Reason.ACTIVE)
        if len(reader.pages) != pages:
            raise Refused(Reason.DAMAGED)
    except LimitReachedError as error:
        raise Refused(Reason.HEAVY) from error
    except (PyPdfError, RecursionError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Refused(Reason.DAMAGED) from error  # pypdf raises many kinds on damaged files
    return Clean(Kind.PDF, pages, data)


def _opened(data: bytes, limits: Limits) -> pypdf.PdfReader:
    pypdf.overwrite_configuration(zlib_maximum_output_length=limits.unpacked, jbig2dec_binary=None)
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        raise Refused(Reason.LOCKED)
    return reader


def _page_count(reader: pypdf.PdfReader, limits: Limits) -> int:
    """As the document itself says: walking ten thousand pages would take too long."""
    pages: Any = reader.root_object["/Pages"].get_object()
    count = int(pages.get("/Count", 0))
    if count > limits.pages:
        raise Refused(Reason.PAGES)
    if count < 1:
        raise Refused(Reason.DAMAGED)
    return count


def _look_through(reader: pypdf.PdfReader, limits: Limits) -> None:
    """Every object of the file, reachable or not."""
    room = limits.unpacked
    for one in _objects(reader):
        if _is_active(one):
            raise Refused(Reason.ACTIVE)
        if not isinstance(one, StreamObject):
            continue
        if one.get("/Subtype") == "/Image":
            _check_picture(one, limits)
        else:
            room -= len(one.get_data())
        if room < 0:
            raise Refused(Reason.HEAVY)


def _objects(reader: pypdf.PdfReader) -> Iterator[Any]:
    places = [(number, generation) for generation, rows in reader.xref.items() for number in rows]
    places += [(number, 0) for number in reader.xref_objStm]
    if len(places) > OBJECTS_MAX:
        raise Refused(Reason.HEAVY)
    yield reader.trailer
    for number, generation in places:
        yield reader.get_object(IndirectObject(number, generation, reader))


def _is_active(one: Any) -> bool:
    """Whether it, or what is written inside it, can do something. What it points to has its own turn."""
    waiting, seen = [one], 0
    while waiting:
        here = waiting.pop()
        seen += 1
        if seen > OBJECTS_MAX:
            raise Refused(Reason.HEAVY)
        if isinstance(here, DictionaryObject):
            if not ACTIVE.isdisjoint(here.keys()):
                return True
            waiting += here.values()
        elif isinstance(here, ArrayObject):
            waiting += here
        elif isinstance(here, str) and here in ACTIVE:
            return True
    return False


def _check_picture(stream: StreamObject, limits: Limits) -> None:
    width, height = int(stream.get("/Width", 0)), int(stream.get("/Height", 0))
    if width * height > limits.pixels:
        raise Refused(Reason.PIXELS)


def text_layers(data: bytes, limits: Limits) -> Iterator[str]:
    """Each page's own words; "" for one that has none, or whose letters mean nothing."""
    for page in _opened(data, limits).pages:
        try:
            text = page.extract_text()
        except Exception:  # pypdf raises many kinds on fonts it does not know: the page is read as a picture then
            text = ""
        yield text if _is_readable(text) else ""


def _is_readable(text: str) -> bool:
    solid = [one for one in GARBLED.sub("\x00", text) if not one.isspace()]
    good = sum(one.isalnum() or one in ".,;:!?()/%+-–—'\"<>=°·•，。；：！？（）、“”" for one in solid)
    return len(solid) >= 8 and good / len(solid) >= READABLE


def picture_of(data: bytes, number: int, limits: Limits) -> Any:
    """Page ``number`` (from 0) as a Pillow image of a size that can be read."""
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        page = document[number]
        width, height = page.get_size()
        scale = min(DPI / 72, (limits.pixels / max(1.0, width * height)) ** 0.5, 3200 / max(width, height, 1.0))
        return page.render(scale=scale).to_pil().convert("RGB")
    finally:
        document.close()
