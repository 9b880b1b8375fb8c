"""The one index folder of this process, and putting database rows into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Prefetch, QuerySet

from consult import encoder
from consult.library import index, vectors
from consult.library.models import Document, Passage

BATCH = 500


_VECTORS = vectors.VectorStore()


@cache
def _at(folder: Path) -> index.Store:
    return index.Store(folder)


def store() -> index.Store:
    """The site's index; kept between calls so that readers stay open."""
    return _at(Path(settings.INDEX_DIR))


def meaning() -> vectors.Vectors | None:
    """The dense half as it now is; None where there are no vectors or nothing to encode a query with."""
    folder = store().current()
    held = _VECTORS.of(folder) if folder is not None else None
    if held is not None:
        try:
            encoder.folder()
        except encoder.Unavailable:
            return None
    return held


def entries(document: Document) -> Iterator[index.Entry]:
    """What the index holds of a document: its passages, and its whole where there are several."""
    rows = [one for one in document.passages.all() if one.current]
    if not document.citable:
        return
    year = document.written.year if document.written else 0
    marks = [f"audience:{one}" for one in document.audience]
    marks += [f"type:{one.lower()}" for one in document.details.get("types", [])]
    marks += [f"species:{one.lower()}" for one in document.details.get("species", [])]

    def entry(id_: str, level: str, section: str, text: str) -> index.Entry:
        return index.Entry(
            id=id_, document=str(document.pk), level=level, language=document.language, kind=document.kind,
            source=document.source.slug, title=document.title, names=tuple(document.names), section=section, text=text,
            year=year, marks=tuple(marks), mesh=tuple(document.details.get("mesh", [])),
        )  # fmt: skip

    for row in rows:
        yield entry(str(row.pk), "p", row.section, row.text)
    if len(rows) > 1:
        yield entry(f"d:{document.pk}", "d", "", "\n".join(row.text for row in rows))


def _with_passages(documents: QuerySet[Document]) -> Iterator[Document]:
    rows = documents.select_related("source").prefetch_related(
        Prefetch("passages", queryset=Passage.objects.filter(current=True).order_by("place"))
    )
    return rows.iterator(chunk_size=BATCH)


def rebuild() -> int:
    """Index everything anew in a new generation; readers turn to it at the end. Returns the documents indexed."""
    older = store().current()
    with store().rebuilding() as folder:
        done = _put(index.Writer(folder / "lexical"), _with_passages(Document.objects.all()), fresh=True)
        if older is not None:
            kept = vectors.VectorFolder(older / "vectors")
            wanted = frozenset(id_ for id_, _text in _texts(frozenset()) if not id_.startswith("d:"))
            vectors.VectorFolder(folder / "vectors").take_from(kept, wanted)
    _mark(done)
    return len(done)


def update() -> int:
    """Index the documents that changed since; one commit. Returns how many. Needs a generation to be there."""
    folder = store().current()
    changed = Document.objects.filter(indexed=False)
    if folder is None:
        return rebuild()
    if not changed.exists():
        return 0
    done = _put(index.Writer(folder / "lexical"), _with_passages(changed), fresh=False)
    _mark(done)
    return len(done)


def encode(progress: Callable[[int], None] = lambda done: None) -> int:
    """Give every English passage that lacks one a vector; Unavailable where there is nothing to encode with.

    Also a vector of each topic's title and other names: patients ask in those words.
    """
    folder = store().current()
    if folder is None:
        return 0
    held = vectors.VectorFolder(folder / "vectors")
    missing = _texts(frozenset(held.ids()))
    encoder.folder()
    done = held.encode(missing, progress)
    held.finish()
    return done


def encode_few(most: int = 40) -> int:
    """Vectors of a few fresh passages by NumPy alone, so that an edit needs no torch; more wait for ``encode``."""
    folder = store().current()
    if folder is None or meaning() is None:
        return 0
    held = vectors.VectorFolder(folder / "vectors")
    missing = list(itertools.islice(_texts(frozenset(held.ids())), most))
    if missing:
        held.add([one for one, _text in missing], np.stack([encoder.encode_query(text) for _one, text in missing]))
    return len(missing)


def _texts(held: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Id and text of what is encoded, without the ids in ``held``."""
    shown = Document.objects.filter(language="en", withdrawn=False, retracted=False)
    for pk, title, names in shown.filter(kind=Document.Kind.TOPIC).values_list("pk", "title", "names"):
        # A name that changed keeps its old vector until the document's version changes the id of its passages too.
        if f"d:{pk}" not in held:
            yield f"d:{pk}", ". ".join([title, *names])
    rows = Passage.objects.filter(current=True, document__in=shown).order_by("document", "place")
    for pk, title, text in rows.values_list("pk", "document__title", "text").iterator(chunk_size=2000):
        if str(pk) not in held:
            yield str(pk), f"{title}. {text}"


def _put(writer: index.Writer, documents: Iterable[Document], *, fresh: bool) -> list[tuple[str, int]]:
    done = []
    try:
        for document in documents:
            if not fresh:
                writer.remove(str(document.pk))
            writer.add(entries(document))
            done.append((str(document.pk), document.version))
    finally:
        writer.close()
    return done


def _mark(done: list[tuple[str, int]]) -> None:
    """Note what the index holds now; a document that changed meanwhile has another version and stays unmarked."""
    by_version: dict[int, list[str]] = {}
    for pk, version in done:
        by_version.setdefault(version, []).append(pk)
    for version, pks in by_version.items():
        for at in range(0, len(pks), BATCH):
            Document.objects.filter(pk__in=pks[at : at + BATCH], version=version).update(indexed=True)
