"""The lexical index: tantivy, one folder a generation, written by one process and read by many.

A change goes in by one commit, which tantivy makes visible at once or not at all. A rebuild goes into a new folder
and the file ``current`` is then pointed at it; readers look at that file and never see half an index.
Knows nothing of Django: entries come in, ids and scores go out.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import tantivy

from consult.library import lexicon as words
from consult.library.query import QueryTerm

FORMAT = 4  # raise it when the fields or the analysis change: `build_index` then rebuilds
TEXT_FIELDS = (("title", 3.0), ("names", 2.0), ("text", 1.0))
ALTERNATIVE = 0.7  # a synonym counts a little less than the word itself
NEAR = 0.6  # and a word that is only spelt alike less again
SCATTERED = 0.6  # the words of a known phrase, but not beside each other ("water" and "pill")
TIE = 0.2
HEAP = 128_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage (``level`` "p"), or the whole of a document of several passages (``level`` "d")."""

    id: str
    document: str
    level: str
    language: str
    kind: str
    source: str
    title: str
    names: tuple[str, ...] = ()
    section: str = ""
    text: str = ""
    year: int = 0
    marks: tuple[str, ...] = ()  # audience, publication types, species: "audience:child", "type:review"
    mesh: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries may be found. Empty collections and zeros leave everything in."""

    language: str = ""
    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()  # every one of them
    since: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """An entry as the index returns it; ``score`` is BM25, unbounded."""

    id: str
    document: str
    level: str
    score: float
    title: str
    names: tuple[str, ...]
    section: str
    text: str


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    for name in ("id", "document", "level", "language", "kind", "source", "mark"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", stored=False)
    for name, _boost in TEXT_FIELDS:
        builder.add_text_field(name, tokenizer_name=words.ANALYSER, index_option="position", stored=False)
        builder.add_text_field(f"{name}_zh", tokenizer_name="whitespace", index_option="position", stored=False)
    builder.add_text_field("mesh", tokenizer_name=words.ANALYSER, index_option="position", stored=False)
    builder.add_unsigned_field("year", indexed=True, stored=False)
    builder.add_bytes_field("entry", stored=True, indexed=False)
    return builder.build()


def open_folder(folder: Path) -> Any:
    """A tantivy index in ``folder``, made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    index = tantivy.Index(_schema(), path=str(folder))
    index.register_tokenizer(words.ANALYSER, words.english())
    return index


def _document(entry: Entry) -> Any:
    document = tantivy.Document()
    for name in ("id", "document", "level", "language", "kind", "source"):
        document.add_text(name, getattr(entry, name))
    for mark in entry.marks:
        document.add_text("mark", mark)
    if entry.mesh:
        document.add_text("mesh", " . ".join(entry.mesh))
    document.add_unsigned("year", entry.year)
    for name, text in (("title", entry.title), ("names", " . ".join(entry.names)), ("text", entry.text)):
        if entry.language == "zh":
            document.add_text(f"{name}_zh", " ".join(words.terms(text, "zh")))
        else:
            document.add_text(name, text)
    shown = entry.text if entry.level == "p" else ""  # the whole text is in its passages
    kept = [entry.id, entry.document, entry.level, entry.title, list(entry.names), entry.section, shown]
    document.add_bytes("entry", json.dumps(kept, ensure_ascii=False).encode())
    return document


class Writer:
    """The only writer at a time (tantivy holds a lock file). Nothing is visible before ``commit``."""

    def __init__(self, folder: Path) -> None:
        self._index = open_folder(folder)
        self._writer = self._index.writer(HEAP, 1)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries; those of a changed document are removed first by ``remove``."""
        for entry in entries:
            self._writer.add_document(_document(entry))

    def remove(self, document: str) -> None:
        """Take out every entry of a document."""
        self._writer.delete_documents_by_term("document", document)

    def commit(self) -> None:
        """Make what was added and removed visible, all at once."""
        self._writer.commit()

    def close(self) -> None:
        """Commit, wait for merges and give the lock back."""
        self._writer.commit()
        self._writer.wait_merging_threads()


class Reader:
    """Searches one folder; cheap to make, safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._index = open_folder(folder)
        self._index.config_reader("manual", 1)
        self._schema = self._index.schema
        self._stamp = folder / "meta.json"
        self._seen = 0
        self._lock = threading.Lock()
        self._searcher = self._index.searcher()
        self.frequency = lru_cache(maxsize=50_000)(self._frequency)

    def refresh(self) -> None:
        """See the last commit; a look at one file where there is none newer."""
        stamp = self._stamp.stat().st_mtime_ns
        if stamp == self._seen:
            return
        with self._lock:
            self._index.reload()
            self._searcher = self._index.searcher()
            self._seen = stamp
            self.frequency.cache_clear()

    @property
    def total(self) -> int:
        """Entries in the index."""
        return int(self._searcher.num_docs)

    def _frequency(self, term: str) -> tuple[int, int]:
        """Entries that hold the term anywhere, and in their title or names."""
        suffix = "_zh" if words.is_han(term) else ""
        counts = [int(self._searcher.doc_freq(f"{name}{suffix}", term)) for name, _boost in TEXT_FIELDS]
        return max(counts), counts[0] + counts[1]

    def search(
        self, terms: Sequence[QueryTerm], filters: Filters, *, level: str, limit: int, required: Sequence[Any] = ()
    ) -> list[Found]:
        """The best entries of a level ("p", "d" or "" for both)."""
        clauses = [(tantivy.Occur.Should, self.clause(term, filters.language)) for term in terms]
        if not clauses:
            return []
        must = [*self._filter(filters), *required]
        if level:
            must.append(self._is("level", level))
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, tantivy.Query.boolean_query(clauses)),
                *((tantivy.Occur.Must, tantivy.Query.const_score_query(one, 0.0)) for one in must),
            ]
        )
        return list(self._read(query, limit))

    def _read(self, query: Any, limit: int) -> Iterator[Found]:
        searcher = self._searcher
        for score, address in searcher.search(query, limit, count=False).hits:
            id_, document, level, title, names, section, text = json.loads(bytes(searcher.doc(address)["entry"][0]))
            yield Found(id_, document, level, float(score), title, tuple(names), section, text)

    def passages(self, ids: Sequence[str], filters: Filters) -> dict[str, Found]:
        """Entries by id, as far as the filters let them through."""
        if not ids:
            return {}
        wanted = tantivy.Query.term_set_query(self._schema, "id", list(ids))
        parts = [(tantivy.Occur.Must, one) for one in (wanted, *self._filter(filters))]
        found = self._read(tantivy.Query.boolean_query(parts), len(ids) + 8)
        return {one.id: one for one in found}

    def clause(self, term: QueryTerm, language: str) -> Any:
        """One query term: itself or a synonym, in the best of the fields; near spellings only for unknown words."""
        suffix = "_zh" if language == "zh" else ""
        fields = [*((f"{name}{suffix}", boost) for name, boost in TEXT_FIELDS)]
        if not suffix:
            fields.append(("mesh", 1.5))
        scattered = SCATTERED if term.alternatives and len(term.terms) > 1 and not suffix else 1.0
        parts = [tantivy.Query.boost_query(self._all(field, term.terms), boost * scattered) for field, boost in fields]
        if scattered < 1:
            parts += [tantivy.Query.boost_query(self._phrase(field, term.terms), boost) for field, boost in fields]
        for other in term.alternatives:
            parts += [
                tantivy.Query.boost_query(self._phrase(field, other), boost * ALTERNATIVE) for field, boost in fields
            ]
        if term.unknown and len(term.terms) == 1 and len(term.terms[0]) > 3 and not suffix:
            parts += [
                tantivy.Query.boost_query(self._near(field, term.terms[0]), boost * NEAR) for field, boost in fields
            ]
        return tantivy.Query.disjunction_max_query(parts, TIE)

    def _all(self, field: str, terms: tuple[str, ...]) -> Any:
        if len(terms) == 1:
            return tantivy.Query.term_query(self._schema, field, terms[0], "freq")
        return tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, tantivy.Query.term_query(self._schema, field, one, "freq")) for one in terms]
        )

    def _phrase(self, field: str, terms: tuple[str, ...]) -> Any:
        if len(terms) == 1 or field.endswith("_zh"):  # overlapping pairs of characters: all of them is the phrase
            return self._all(field, terms)
        return tantivy.Query.phrase_query(self._schema, field, list(terms))

    def _near(self, field: str, term: str) -> Any:
        return tantivy.Query.fuzzy_term_query(self._schema, field, term, distance=edits(term))

    def _is(self, field: str, value: str) -> Any:
        return tantivy.Query.term_query(self._schema, field, value, "basic")

    def _filter(self, filters: Filters) -> list[Any]:
        must = [self._is("mark", mark) for mark in filters.marks]
        if filters.language:
            must.append(self._is("language", filters.language))
        for field, values in (("kind", filters.kinds), ("source", filters.sources)):
            if values:
                must.append(tantivy.Query.term_set_query(self._schema, field, list(values)))
        if filters.since or filters.until:
            until = filters.until or 9999
            must.append(
                tantivy.Query.range_query(self._schema, "year", tantivy.FieldType.Unsigned, filters.since, until)
            )
        return must


def edits(term: str) -> int:
    """How many letters may be wrong in a word that no document has."""
    return 1 if len(term) < 6 else 2


class Store:
    """The folder of all generations, ``var/index``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._reader: tuple[str, Reader] | None = None
        self._lock = threading.Lock()

    def current(self) -> Path | None:
        """The generation that readers use; None before the first build, or when its format is not ours."""
        try:
            name = (self.root / "current").read_text().strip()
        except OSError:
            return None
        folder = self.root / name
        return folder if name.endswith(f".v{FORMAT}") and (folder / "lexical" / "meta.json").exists() else None

    def reader(self) -> Reader | None:
        """A reader of the present generation as last committed; None before the first build."""
        folder = self.current()
        if folder is None:
            return None
        with self._lock:
            if self._reader is None or self._reader[0] != folder.name:
                self._reader = (folder.name, Reader(folder / "lexical"))
            reader = self._reader[1]
        reader.refresh()
        return reader

    @contextmanager
    def rebuilding(self) -> Iterator[Path]:
        """A new generation's folder; readers turn to it when the block ends well, and older ones are removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        before = self.current()
        folder = self.root / f"{secrets.token_hex(6)}.v{FORMAT}"
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        pointer = self.root / f"current.{secrets.token_hex(4)}"
        pointer.write_text(folder.name)
        os.replace(pointer, self.root / "current")
        for old in self.root.glob("*.v*"):
            # The one just left may still be read by another process for a moment; it goes at the next rebuild.
            if old != folder and old != before:
                shutil.rmtree(old, ignore_errors=True)
