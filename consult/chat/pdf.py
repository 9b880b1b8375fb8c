"""A conversation as a PDF to read, print and keep: who wrote each message, when, and from which sources.

``document(copy)`` takes what ``copies.contents`` made. Drawn by reportlab with a Chinese font of ours
(``glyphs``); nothing is fetched. That software wrote part of it stands in the pages and in the file's metadata.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime
from threading import Lock
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

from consult.chat import glyphs

FONT = "ConsultText"
CHINESE = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
INK, MUTED = HexColor("#16202a"), HexColor("#4d5b66")
# The colour of the line beside a message, by provenance: the same families as on the pages.
BARS = {
    "patient": HexColor("#7a8a99"),
    "software": HexColor("#0b6e75"),
    "software_checked_by_clinician": HexColor("#0b6e75"),
    "standard_advice": HexColor("#b3261e"),
    "clinician": HexColor("#6a3fa0"),
    "system": HexColor("#c3ccd4"),
}
# reportlab keeps its fonts in one table of the process, so that documents take turns.
_turn = Lock()


class Barred(Paragraph):
    """A paragraph with a line at its side in the colour of who wrote it."""

    def draw(self) -> None:
        """The line, then the text."""
        self.canv.setStrokeColor(self.style.bar)
        self.canv.setLineWidth(2.5)
        self.canv.line(1.5 * mm, -1.5 * mm, 1.5 * mm, self.height + 0.5 * mm)
        super().draw()


Piece = tuple[str, str, str]  # name of a style, provenance ("" for none), text


def document(copy: dict[str, Any]) -> bytes:
    """The PDF."""
    pieces, missing = _drawable(list(_pieces(copy)))
    if missing:
        note = ngettext(
            "%(n)d character cannot be drawn here and is shown as □. The copy as data (JSON) holds it.",
            "%(n)d characters cannot be drawn here and are shown as □. The copy as data (JSON) holds them.",
            missing,
        )
        pieces.append(("small", "", note % {"n": missing}))
    foot = _("Contains text written by software (artificial intelligence). Page %(n)s") % {"n": "{}"}
    with _turn:
        letters = "".join(text for _style, _source, text in pieces) + foot
        font = TTFont(FONT, glyphs.truetype_for(letters))
        pdfmetrics.registerFont(font)
        pdfmetrics._fonts[FONT] = font  # of a name that it knows it keeps the first font for ever
        made = io.BytesIO()
        layout = SimpleDocTemplate(
            made, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=18 * mm, bottomMargin=20 * mm,
            lang=copy["language"], **_metadata(copy),
        )  # fmt: skip

        def paint_foot(canvas: Canvas, _layout: Any) -> None:
            canvas.setFont(FONT, 8)
            canvas.setFillColor(MUTED)
            canvas.drawString(20 * mm, 11 * mm, foot.format(canvas.getPageNumber()))

        layout.build(_flow(pieces), onFirstPage=paint_foot, onLaterPages=paint_foot)
    return made.getvalue()


def _metadata(copy: dict[str, Any]) -> dict[str, Any]:
    """What the file says of itself: readable, and by code for programs."""
    by_source: dict[str, list[str]] = {}
    for message in copy["messages"]:
        by_source.setdefault(message["provenance"], []).append(str(message["seq"]))
    subject = _("A conversation about health. Parts are written by software (artificial intelligence).")
    return {
        "title": copy["title"] or _("Conversation"),
        "author": copy["site"],
        "creator": "Consult",
        "subject": subject,
        "keywords": [f"{source}={'+'.join(numbers)}" for source, numbers in by_source.items()],
    }


def _drawable(pieces: list[Piece]) -> tuple[list[Piece], int]:
    """The pieces with a sign for what the font lacks, and how often it was needed."""
    fitted = [(style, source, glyphs.fitted(text)) for style, source, text in pieces]
    return [(style, source, text) for style, source, (text, _n) in fitted], sum(n for _s, _p, (_t, n) in fitted)


def _pieces(copy: dict[str, Any]) -> Iterator[Piece]:
    """What stands in the document, top to bottom."""
    yield "title", "", copy["title"] or _("Conversation")
    printed, begun = _when(copy["exported_at"]), _when(copy["begun_at"])
    yield "small", "", f"{copy['site']} · " + _("begun %(begun)s · this copy made %(made)s") % {
        "begun": begun, "made": printed,
    }  # fmt: skip
    yield "notice", "", copy["notice"]
    for message in copy["messages"]:
        yield from _message_pieces(message)


def _message_pieces(message: dict[str, Any]) -> Iterator[Piece]:
    source = message["provenance"]
    who = message["label"] or message["author_name"] or _("Notice")
    yield "label", source, f"{message['seq']} · {who} · {_when(message['at'])}"
    yield "body", source, _plain(message["text"])
    if message["advice"]:
        yield "body", source, message["advice"]
    for one in message["citations"]:
        facts = " · ".join(part for part in (one["title"], one["source"], one["reviewed"], one["date"]) if part)
        yield "source", source, f"[{one['number']}] {facts}"


def _when(iso: str) -> str:
    return date_format(timezone.localtime(datetime.fromisoformat(iso)), "DATETIME_FORMAT")


def _plain(text: str) -> str:
    """Without the marks of lists and emphasis."""
    lines = (re.sub(r"^\s*[-*] ", "• ", line) for line in text.split("\n"))
    return re.sub(r"\*\*(.+?)\*\*", r"\1", "\n".join(lines))


def _flow(pieces: list[Piece]) -> list[Flowable]:
    made: list[Flowable] = []
    for style, source, text in pieces:
        if style == "label":
            made.append(Spacer(1, 4 * mm))
        paragraphs = [part for part in text.split("\n") if part.strip()]
        kind = Barred if source else Paragraph
        made += [kind(_marked_up(part), _style(style, source, part)) for part in paragraphs]
    return made


def _marked_up(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _style(name: str, source: str, text: str) -> ParagraphStyle:
    """The look of a piece; Chinese may break between any two characters, other text only between words."""
    size = {"title": 16, "label": 8.5, "small": 8.5, "source": 8.5}.get(name, 10.5)
    look = ParagraphStyle(
        name, fontName=FONT, fontSize=size, leading=size * 1.5, spaceAfter=1.2 * mm,
        textColor=MUTED if size < 10 else INK, wordWrap="CJK" if CHINESE.search(text) else None,
        keepWithNext=name == "label",
    )  # fmt: skip
    if source:
        look.leftIndent, look.bar = 5 * mm, BARS[source]
    if name == "notice":
        look.backColor, look.borderPadding, look.spaceBefore = HexColor("#eef2f5"), 6, 3 * mm
    return look
