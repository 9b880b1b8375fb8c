"""Putting records into the database: in batches, each with its progress, so that a stopped run goes on where it was.

The same file again does nothing; a changed record makes a new version; an older version never replaces a newer one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from consult.library.ingest import files, medlineplus, pubmed, questions
from consult.library.ingest.records import Broken, Deleted, Item, Record
from consult.library.loading import NewPassage, keep_passages
from consult.library.models import Document, Ingestion, Passage, Source

BATCH = 500
KEPT_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Format:
    """How a kind of file is read, and the source that it belongs to unless another is named."""

    read: Callable[[Path], Iterator[Item]]
    slug: str
    name: str
    licence: str = ""


FORMATS = {
    "pubmed": Format(pubmed.read, "pubmed", "PubMed", pubmed.LICENCE),
    "medlineplus": Format(medlineplus.read, "medlineplus", "MedlinePlus", medlineplus.LICENCE),
    "pdf": Format(files.read_pdf, "guidelines", "Guidelines"),
    "html": Format(files.read_html, "guidelines", "Guidelines"),
    "questions": Format(questions.read, "questions", "Questions and answers"),
}


def start(path: Path, format_: str, source: Source, *, again: bool = False) -> Ingestion:
    """The ingestion of this file's content: a new one, or the one that was stopped or is done."""
    run, _made = Ingestion.objects.get_or_create(
        source=source, format=format_, digest=digest(path), defaults={"file": path.name[:300]}
    )
    if again:
        fresh = {"read": 0, "new": 0, "revised": 0, "same": 0, "removed": 0, "broken": [], "broken_count": 0}
        Ingestion.objects.filter(pk=run.pk).update(**fresh, finished_at=None)
        run.refresh_from_db()
    return run


def digest(path: Path) -> str:
    """Of the file's bytes: the same content is the same ingestion, whatever its name."""
    with path.open("rb") as stream:
        found = sha256()
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def go_on(run: Ingestion, path: Path) -> Iterator[Ingestion]:
    """Read on from where the run is; yields it after every batch. Nothing where it is finished."""
    if run.finished_at:
        return
    items = FORMATS[run.format].read(path)
    rest = itertools.islice(items, run.read, None)
    while batch := list(itertools.islice(rest, BATCH)):
        _store(run, batch)
        yield run
    run.finished_at = timezone.now()
    run.save(update_fields=["finished_at", "updated_at"])
    yield run


@transaction.atomic
def _store(run: Ingestion, batch: Sequence[Item]) -> None:
    """One batch and the run's counters, both or neither."""
    records: dict[tuple[str, str], Record] = {}
    for item in batch:
        if isinstance(item, Broken):
            run.broken_count += 1
            if len(run.broken) < KEPT_FAULTS:
                run.broken.append({"position": item.position, "reason": item.reason[:300]})
        elif isinstance(item, Record):
            held = records.get((item.external_id, item.language))
            run.same += held is not None
            if held is None or item.revised >= held.revised:
                records[item.external_id, item.language] = item
    _store_records(run, list(records.values()))
    gone = [item.external_id for item in batch if isinstance(item, Deleted)]
    run.removed += _withdraw(run.source, gone)
    _retract(run.source, [one for record in records.values() for one in record.retracts])
    run.read += len(batch)
    run.save()


def _store_records(run: Ingestion, records: Sequence[Record]) -> None:
    ids = [record.external_id for record in records]
    held = {
        (row.external_id, row.language): row
        for row in Document.objects.filter(source=run.source, external_id__in=ids).defer("text")
    }
    new: list[Document] = []
    passages: list[Passage] = []
    for record in records:
        row = held.get((record.external_id, record.language))
        if row is None:
            row = _filled(Document(source=run.source, external_id=record.external_id, version=1), record)
            new.append(row)
            passages += [_passage(row, place, one) for place, one in enumerate(_pieces(record))]
        elif row.digest == record.digest and not row.withdrawn:
            run.same += 1
        elif record.revised < str(row.details.get("revised", "")):
            run.same += 1  # an older file read after a newer one
        else:
            row.version += 1
            _filled(row, record).save()
            keep_passages(row, _pieces(record))
            run.revised += 1
    Document.objects.bulk_create(new, batch_size=BATCH)
    Passage.objects.bulk_create(passages, batch_size=BATCH)
    run.new += len(new)


def _filled(row: Document, record: Record) -> Document:
    row.kind, row.title, row.language = record.kind, record.title, record.language
    row.names, row.audience, row.codes = list(record.names), list(record.audience), list(record.codes)
    row.address, row.licence, row.written = record.address[:500], record.licence, record.written
    row.details = {**record.details, "revised": record.revised}
    # Once retracted, always: a later file without the mark is not a pardon.
    row.retracted = row.retracted or record.retracted
    row.concern, row.digest, row.withdrawn, row.indexed = record.concern, record.digest, False, False
    return row


def _pieces(record: Record) -> list[NewPassage]:
    """Passages with keys such as "12345#abstract-1"; positions count within a section."""
    counts: dict[str, int] = {}
    pieces = []
    for section, text in record.passages:
        counts[section] = counts.get(section, 0) + 1
        anchor = f"{'-'.join(section.lower().split())}-{counts[section]}"
        pieces.append(NewPassage(section[:64], counts[section], f"{record.external_id}#{anchor}"[:300], text))
    return pieces


def _passage(row: Document, place: int, new: NewPassage) -> Passage:
    return Passage(
        document=row, section=new.section, position=new.position, place=place, key=new.key, text=new.text,
        digest=new.digest, version=row.version,
    )  # fmt: skip


def _withdraw(source: Source, ids: Sequence[str]) -> int:
    rows = Document.objects.filter(source=source, external_id__in=list(ids), withdrawn=False)
    return rows.update(withdrawn=True, indexed=False)


def _retract(source: Source, ids: Sequence[str]) -> None:
    """A notice of retraction names the article that it takes back."""
    rows = Document.objects.filter(source=source, external_id__in=[one for one in ids if one], retracted=False)
    rows.update(retracted=True, indexed=False)
