"""Search for the chat path and the pages: from a message to passages that may be cited.

The database has the last word: what is withdrawn or retracted is not returned, whatever the index still holds.
Imports no torch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.utils.translation import gettext as _

from consult.library import query as queries
from consult.library import retrieval
from consult.library.index import Filters
from consult.library.models import Document, Passage, Source
from consult.library.store import meaning, store
from consult.library.wording import address_of, section_title

MEDICINES = "medicines"  # the part of the body under which pages about medicines stand
MAX_CHARS = 20_000  # of a message; what follows is not searched


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found. ``score`` is 0 to about 1.2, for one list only; ``highlights`` are places in ``text``."""

    passage_id: UUID
    key: str
    document_title: str
    section: str
    text: str
    source: str
    reviewed: str
    written: dt.date | None
    url: str
    score: float
    why: tuple[str, ...]
    highlights: tuple[tuple[int, int], ...] = ()
    audience: tuple[str, ...] = ()


def search(
    query: str,
    *,
    language: str,
    limit: int = 4,
    kinds: Collection[str] | None = None,
    audience: str = "",
    since: int = 0,
    until: int = 0,
) -> list[Hit]:
    """Passages that answer ``query``, from sources that may speak to patients; [] where the library has none.

    ``language`` is "en" or "zh"; ``kinds`` are Document kinds, None for all; ``audience`` narrows to topics for
    "child", "older", "pregnant" and so on; ``since`` and ``until`` are years of writing, 0 for any.
    """
    speaking = tuple(Source.objects.filter(speaks_to_patients=True).values_list("slug", flat=True))
    if not speaking:
        return []
    filters = Filters(
        language=library_language(language), sources=speaking, kinds=tuple(kinds or ()),
        marks=(f"audience:{audience}",) if audience else (), since=since, until=until,
    )  # fmt: skip
    return hits(ranked(query, filters, limit=limit))


def same_pages(found: Sequence[Hit]) -> list[Hit]:
    """The other passages of these hits' pages, in the order of the pages and of their text."""
    known = {one.passage_id for one in found}
    ids = list(Passage.objects.filter(pk__in=known).values_list("document", flat=True))
    rows = Passage.objects.filter(document__in=ids, current=True).exclude(pk__in=known)
    rows = rows.select_related("document", "document__source").order_by("place")
    order = [one.document_title for one in found]
    held = [_hit(row) for row in rows if row.document.citable]
    return sorted(held, key=lambda one: order.index(one.document_title))


def medicine_pages(language: str) -> list[tuple[UUID, str, list[str]]]:
    """Id, title and other names of the pages about medicines that may speak to patients."""
    rows = Document.objects.filter(
        kind=Document.Kind.TOPIC, language=library_language(language), withdrawn=False, retracted=False,
        source__speaks_to_patients=True,
    ).order_by("external_id")  # fmt: skip
    held = rows.values_list("pk", "title", "names", "body")
    return [(pk, title, names) for pk, title, names, body in held if MEDICINES in body]


def passages_of(documents: Sequence[UUID]) -> list[Hit]:
    """All passages of these pages, in the order of the pages and of their text."""
    rows = Passage.objects.filter(document__in=documents, current=True).select_related("document", "document__source")
    held = [row for row in rows.order_by("place") if row.document.citable]
    return [_hit(row) for row in sorted(held, key=lambda row: documents.index(row.document_id))]


def has_subject(message: str, language: str) -> bool:
    """Whether the message names anything that could be looked up, or only asks ("does it have side effects?")."""
    reader = store().reader()
    if reader is None:
        return True
    return queries.read(_clean(message), library_language(language), reader.frequency, reader.total).has_subject


def _clean(message: str) -> str:
    return message[:MAX_CHARS].encode("utf-8", "ignore").decode()  # half a surrogate pair is no character


def library_language(language: str) -> str:
    """The library's name of a language code: "zh" for every Chinese, otherwise "en"."""
    return "zh" if language.lower().startswith("zh") else "en"


def ranked(
    query: str, filters: Filters, *, limit: int, per_document: int = 3, floor: bool = True
) -> list[retrieval.Ranked]:
    """Ranked index entries; [] before the first build of the index."""
    reader = store().reader()
    query = _clean(query)
    if reader is None or not query.strip():
        return []
    half = meaning() if filters.language != "zh" else None
    return retrieval.rank(reader, query, filters, limit=limit, per_document=per_document, meaning=half, floor=floor)


def hits(found: Sequence[retrieval.Ranked]) -> list[Hit]:
    """The rows of ranked entries, without those that may not be cited now."""
    rows = Passage.objects.filter(
        pk__in=[one.found.id for one in found], current=True, document__retracted=False, document__withdrawn=False
    ).select_related("document", "document__source")
    by_id = {str(row.pk): row for row in rows}
    return [_found(by_id[one.found.id], one) for one in found if one.found.id in by_id]


def _found(row: Passage, one: retrieval.Ranked) -> Hit:
    why = tuple(_reason(kind, what, row.document.language) for kind, what in one.why)
    return replace(_hit(row), score=round(one.score, 4), why=why, highlights=one.spans)


def _hit(row: Passage) -> Hit:
    document = row.document
    return Hit(
        passage_id=row.pk, key=row.key, document_title=document.title, section=row.section, text=row.text,
        source=document.source.name, reviewed=document.reviewed, written=document.written,
        url=address_of(document, row.anchor), score=0.0, why=(), audience=tuple(document.audience),
    )  # fmt: skip


def _reason(kind: str, what: str, language: str) -> str:
    """Why a passage was found, as a sentence for staff."""
    if kind == "word":
        return _("has the words “%(words)s”") % {"words": what}
    if kind == "synonym":
        return _("has another name of “%(words)s”") % {"words": what}
    if kind == "near":
        return _("has a word spelt nearly like “%(words)s”") % {"words": what}
    if kind == "section":
        return _("is the part that was asked for: %(section)s") % {"section": section_title(what, language)}
    return _("is near in meaning (%(cosine)s of 1)") % {"cosine": what}
