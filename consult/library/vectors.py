"""The dense half of search: vectors beside the lexical index, exact below 50,000, usearch's HNSW graph above.

Vectors are only ever added, in segments; the manifest names them and is replaced in one step. A vector whose entry
has left the index stays until a rebuild and is never shown, because search takes the entry from the index.
Knows nothing of Django.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consult import encoder

EXACT = 50_000  # up to here every vector is compared; above, a graph is searched
SEED = 1_000  # the graph's first vectors go in one by one: threads on a tiny graph can leave one that nothing leads to
BATCH = 1024


class VectorFolder:
    """The vectors of one generation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self) -> dict[str, Any]:
        """Segments and graph as last written; empty where none, or where another encoder wrote them."""
        try:
            held: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        except OSError:
            held = {}
        return held if held.get("encoder") == encoder.NAME else {"encoder": encoder.NAME, "segments": [], "graph": ""}

    def ids(self) -> list[str]:
        """Ids in the order of their rows."""
        return [
            one for name in self.manifest()["segments"] for one in (self.folder / f"{name}.ids").read_text().split()
        ]

    def rows(self) -> list[NDArray[np.float16]]:
        """One array (n, 384) a segment, read from disk as needed."""
        return [np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in self.manifest()["segments"]]

    def add(self, ids: Sequence[str], vectors: NDArray[Any]) -> None:
        """Append a segment; readers see it when the manifest names it."""
        if not ids:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        name = secrets.token_hex(6)
        np.save(self.folder / f"{name}.npy", vectors.astype(np.float16))
        (self.folder / f"{name}.ids").write_text("\n".join(ids))
        manifest = self.manifest()
        manifest["segments"] = [*manifest["segments"], name]
        self._replace(manifest)

    def finish(self) -> None:
        """Build the graph where there are many vectors and it does not cover them all."""
        ids, manifest = self.ids(), self.manifest()
        if len(ids) < EXACT or manifest["graph"].endswith(f".{len(ids)}.usearch"):
            return
        from usearch.index import Index

        graph = Index(ndim=encoder.WIDTH, metric="ip", dtype="f16", connectivity=16, expansion_search=128)
        at = 0
        for rows in self.rows():
            alone = min(len(rows), max(0, SEED - at))
            for part, threads in ((rows[:alone], 1), (rows[alone:], os.cpu_count() or 1)):
                if len(part):
                    graph.add(np.arange(at, at + len(part)), np.asarray(part), threads=threads)
                    at += len(part)
        manifest["graph"] = f"{secrets.token_hex(6)}.{len(ids)}.usearch"
        graph.save(str(self.folder / manifest["graph"]))
        self._replace(manifest)

    def _replace(self, manifest: dict[str, Any]) -> None:
        fresh = self.folder / f"manifest.{secrets.token_hex(4)}"
        fresh.write_text(json.dumps(manifest))
        os.replace(fresh, self.folder / "manifest.json")

    def take_from(self, older: VectorFolder, wanted: frozenset[str]) -> None:
        """Copy the vectors of a former generation that are still wanted: encoding them again would take long."""
        keep = [(at, one) for at, one in enumerate(older.ids()) if one in wanted]
        if keep:
            rows = np.concatenate(older.rows())
            self.add([one for _at, one in keep], rows[[at for at, _one in keep]])

    def encode(self, entries: Iterable[tuple[str, str]], progress: Callable[[int], None] = lambda done: None) -> int:
        """Encode and add (id, text) pairs; every batch is kept at once, so an interrupted run goes on from there."""
        done, batch = 0, []
        for pair in entries:
            batch.append(pair)
            if len(batch) == BATCH:
                done += self._encode(batch)
                batch = []
                progress(done)
        return done + (self._encode(batch) if batch else 0)

    def _encode(self, batch: Sequence[tuple[str, str]]) -> int:
        self.add([one for one, _text in batch], encoder.encode_many([text for _one, text in batch]))
        return len(batch)


class Vectors:
    """Nearest entries by meaning, for one state of a folder. Threads may share it."""

    def __init__(self, folder: VectorFolder) -> None:
        manifest = folder.manifest()
        self._ids = folder.ids()
        self._row = {one: row for row, one in enumerate(self._ids)}
        self._graph: Any = None
        self._exact = np.zeros((0, encoder.WIDTH), np.float32)
        parts = folder.rows()
        if manifest["graph"]:
            from usearch.index import Index

            self._graph = Index.restore(str(folder.folder / manifest["graph"]), view=True)
        if len(self._ids) < EXACT or self._graph is None:
            self._exact = np.concatenate(parts).astype(np.float32) if parts else self._exact
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return len(self._ids)

    def nearest(self, text: str, limit: int) -> dict[str, float]:
        """The entries nearest in meaning and their cosines, best first."""
        if not self._ids:
            return {}
        vector = encoder.encode_query(text)
        if self._graph is not None and not len(self._exact):
            found = self._graph.search(vector, limit)
            return {self._ids[int(key)]: 1 - float(far) for key, far in zip(found.keys, found.distances, strict=True)}
        scores = self._exact @ vector
        best = np.argpartition(-scores, min(limit, len(scores) - 1))[:limit]
        return {self._ids[row]: float(scores[row]) for row in best[np.argsort(-scores[best])]}

    def cosines(self, text: str, ids: Iterable[str]) -> dict[str, float]:
        """Cosines of those ``ids`` that have a vector."""
        rows = [(one, self._row[one]) for one in ids if one in self._row]
        if not rows:
            return {}
        vector = encoder.encode_query(text)
        return {one: float(self._vector(row) @ vector) for one, row in rows}

    def similar(self, id_: str, limit: int) -> dict[str, float]:
        """Entries near another entry, without itself."""
        row = self._row.get(id_)
        if row is None:
            return {}
        vector = self._vector(row)
        if self._graph is not None and not len(self._exact):
            found = self._graph.search(vector, limit + 1)
            pairs = [
                (self._ids[int(key)], 1 - float(far)) for key, far in zip(found.keys, found.distances, strict=True)
            ]
        else:
            scores = self._exact @ vector
            pairs = [(self._ids[at], float(scores[at])) for at in np.argsort(-scores)[: limit + 1]]
        return dict([pair for pair in pairs if pair[0] != id_][:limit])

    def _vector(self, row: int) -> NDArray[np.float32]:
        if len(self._exact):
            vector: NDArray[np.float32] = self._exact[row]
            return vector
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return np.asarray(self._parts[part][row - self._starts[part]], np.float32)


class VectorStore:
    """Vectors of whichever generation is current, opened once and again when the manifest changes."""

    def __init__(self) -> None:
        self._held: tuple[Path, int, Vectors] | None = None
        self._lock = threading.Lock()

    def of(self, generation: Path) -> Vectors | None:
        """None where the generation has no vectors."""
        folder = generation / "vectors"
        try:
            stamp = (folder / "manifest.json").stat().st_mtime_ns
        except OSError:
            return None
        with self._lock:
            if self._held is None or self._held[:2] != (folder, stamp):
                self._held = (folder, stamp, Vectors(VectorFolder(folder)))
            return self._held[2] if len(self._held[2]) else None
