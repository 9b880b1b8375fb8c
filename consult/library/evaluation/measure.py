"""Runs a set through the search that the site uses, each half by itself and both, reduction on and off.

The set gets an index of its own in a temporary folder; the site's index is not touched. Knows nothing of Django.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from consult import encoder
from consult.library import index, retrieval, vectors
from consult.library.evaluation.beir import Set, metrics, percentile
from consult.library.ingest.records import cut

MODES: tuple[retrieval.Mode, ...] = ("lexical", "dense", "hybrid")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: means over the questions, milliseconds a question, and how many found nothing."""

    set: str
    mode: str
    reduced: bool
    floor: bool
    queries: int
    ndcg10: float
    recall10: float
    mrr10: float
    hit3: float
    empty: float
    ms_p50: float
    ms_p95: float


@dataclass(slots=True)
class Built:
    """A set's index and how long it took, in seconds; ``entries`` counts passages and whole documents."""

    reader: index.Reader
    meaning: vectors.Vectors | None
    entries: int
    index_s: float
    encode_s: float


def entries(one: Set) -> Iterator[index.Entry]:
    """The set's documents as the site would index them."""
    for row in one.corpus:
        common = {
            "document": row["_id"], "language": row.get("language", "en"), "kind": row.get("kind", "article"),
            "source": one.name, "title": row.get("title", ""), "names": tuple(row.get("names", ())),
        }  # fmt: skip
        limit = 260 if common["kind"] == "article" else 180
        passages = row.get("passages") or list(cut("text", row["text"] or row.get("title", ""), limit))
        for at, (section, text) in enumerate(passages):
            yield index.Entry(id=f"{row['_id']}#{at}", level="p", section=section, text=text, **common)
        if len(passages) > 1:
            whole = "\n".join(text for _section, text in passages)
            yield index.Entry(id=f"d:{row['_id']}", level="d", text=whole, **common)


def build(one: Set, folder: Path, *, dense: bool = True) -> Built:
    """Index the set in ``folder``; without vectors where there is nothing to encode with."""
    begun = time.perf_counter()
    rows = list(entries(one))
    writer = index.Writer(folder / "lexical")
    writer.add(rows)
    writer.close()
    indexed = time.perf_counter() - begun
    reader = index.Reader(folder / "lexical")
    reader.refresh()
    meaning, begun = None, time.perf_counter()
    if dense and any(row.language == "en" for row in rows):
        meaning = _encode(rows, folder / "vectors")
    return Built(reader, meaning, len(rows), indexed, time.perf_counter() - begun)


def _encode(rows: list[index.Entry], folder: Path) -> vectors.Vectors | None:
    try:
        encoder.folder()
    except encoder.Unavailable:
        return None
    held = vectors.VectorFolder(folder)
    wanted = ((row.id, f"{row.title}. {row.text}") for row in rows if row.level == "p")
    held.encode(wanted)
    held.encode((row.id, ". ".join([row.title, *row.names])) for row in rows if row.level == "d" and row.names)
    held.finish()
    return vectors.Vectors(held)


def run(one: Set, built: Built, *, floors: tuple[bool, ...] = (False,)) -> Iterator[Row]:
    """Every mode that can run, with and without reduction (and, where asked, with the floor)."""
    modes = MODES if built.meaning is not None else ("lexical",)
    for mode in modes:
        for reduced in (True, False):
            for floor in floors:
                yield _row(one, built, mode, reduced, floor)


def _row(one: Set, built: Built, mode: retrieval.Mode, reduced: bool, floor: bool) -> Row:
    sums: dict[str, float] = {}
    took: list[float] = []
    empty = 0
    for query in one.queries:
        language = query.get("language", "en")
        encoder._encode_query.cache_clear()  # every question is new to the site
        begun = time.perf_counter()
        found = retrieval.rank(
            built.reader, query["text"], index.Filters(language=language), limit=10, per_document=1,
            meaning=built.meaning, mode=mode, reduce=reduced, floor=floor,
        )  # fmt: skip
        took.append((time.perf_counter() - begun) * 1000)
        empty += not found
        for name, value in metrics([hit.found.document for hit in found], one.qrels.get(query["_id"], {})).items():
            sums[name] = sums.get(name, 0.0) + value
    count = len(one.queries) or 1
    mean = {name: round(value / count, 4) for name, value in sums.items()}
    return Row(
        one.name, mode, reduced, floor, len(one.queries), mean.get("ndcg@10", 0.0), mean.get("recall@10", 0.0),
        mean.get("mrr@10", 0.0), mean.get("hit@3", 0.0), round(empty / count, 4), round(percentile(took, 0.5), 1),
        round(percentile(took, 0.95), 1),
    )  # fmt: skip


def wrongly_answered(one: Set, built: Built, mode: retrieval.Mode) -> float:
    """Share of the questions that no document answers for which something is returned in spite of the floor."""
    language = one.corpus[0].get("language", "en")
    wrong = sum(
        bool(retrieval.rank(built.reader, row["text"], index.Filters(language=language), meaning=built.meaning,
                            mode=mode))
        for row in one.not_held
    )  # fmt: skip
    return round(wrong / len(one.not_held), 4)


def measure(one: Set, *, dense: bool = True, floors: tuple[bool, ...] = (False,)) -> dict[str, Any]:
    """Index, ask, count; everything of the set as a dictionary for JSON."""
    with tempfile.TemporaryDirectory(prefix="consult-search-") as folder:
        built = build(one, Path(folder), dense=dense)
        rows = [asdict(row) for row in run(one, built, floors=floors)]
        modes = MODES if built.meaning is not None else ("lexical",)
        wrong = {mode: wrongly_answered(one, built, mode) for mode in modes} if one.not_held else {}
        return {
            "set": one.name, "documents": len(one.corpus), "entries": built.entries, "notes": one.notes,
            "wrongly_answered": wrong,
            "index_s": round(built.index_s, 1), "encode_s": round(built.encode_s, 1), "rows": rows,
        }  # fmt: skip
