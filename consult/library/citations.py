"""The sources list under an answer: every passage that was cited, as it read then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from consult.library.models import Document, Passage
from consult.library.wording import address_of, review_words, section_title


@dataclass(frozen=True, slots=True)
class CitationView:
    """One numbered source, in the reader's language. ``text`` is plain, with the words that the answer rested on."""

    number: int
    passage_id: UUID
    key: str
    title: str
    section: str
    source: str
    reviewed: str
    date: dt.date | None
    text: str
    url: str
    notice: str = ""  # what has happened to the document since, or "" where nothing has


def describe(passage_ids: Iterable[UUID | str]) -> list[CitationView]:
    """Views in the order of ``passage_ids``, numbered from 1; an unknown id becomes an empty view, so numbers hold."""
    ids = [_uuid(one) for one in passage_ids]
    rows = Passage.objects.select_related("document", "document__source").in_bulk([one for one in ids if one])
    return [_view(number, one, rows.get(one) if one else None) for number, one in enumerate(ids, start=1)]


def _uuid(value: UUID | str) -> UUID | None:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        return None


def _view(number: int, id_: UUID | None, row: Passage | None) -> CitationView:
    if row is None:
        missing = _("This source is no longer held.")
        return CitationView(number, id_ or UUID(int=0), "", missing, "", "", "", None, "", "", missing)
    document = row.document
    return CitationView(
        number=number, passage_id=row.pk, key=row.key, title=document.title,
        section=section_title(row.section, document.language), source=str(document.source),
        reviewed=review_words(document), date=document.written, text=row.text,
        url=address_of(document, row.anchor if row.current else ""), notice=notice_of(document, row),
    )  # fmt: skip


def notice_of(document: Document, row: Passage | None = None) -> str:
    """What a reader of an older citation must know of its document."""
    if document.retracted:
        return _("This article has since been retracted.")
    if document.concern:
        return _("The journal has expressed concern about this article.")
    if document.withdrawn:
        return _("This page is no longer part of the library.")
    if row is not None and not row.current:
        return _("This page has been revised since.")
    return ""
