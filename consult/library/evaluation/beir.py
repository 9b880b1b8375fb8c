"""Sets in BEIR form (corpus.jsonl, queries.jsonl, qrels.tsv), and the metrics. Knows nothing of Django.

corpus: {"_id", "title", "text"} and optionally "names" and "language"; queries: {"_id", "text"} and optionally
"language"; qrels: tab-separated query-id, corpus-id, score, with a header line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Set:
    """One set: documents, questions, and which documents answer which question (id to grade above 0)."""

    name: str
    corpus: list[dict[str, Any]]
    queries: list[dict[str, Any]]
    qrels: dict[str, dict[str, int]]
    notes: list[str] = field(default_factory=list)
    not_held: list[dict[str, Any]] = field(default_factory=list)  # questions that no document answers


def read(corpus: Path, queries: Path, qrels: Path) -> Set:
    """A set from its three files; ValueError names the line that cannot be read."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(qrels.read_text(encoding="utf-8").splitlines(), start=1):
        parts = line.split("\t")
        if number == 1 and not parts[-1].strip().lstrip("-").isdigit():
            continue
        if len(parts) != 3:
            raise ValueError(f"{qrels.name}, line {number}: three columns are needed")
        if int(parts[2]) > 0:
            grades.setdefault(parts[0], {})[parts[1]] = int(parts[2])
    return Set(corpus.parent.name or corpus.stem, list(_rows(corpus)), list(_rows(queries)), grades)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                row = json.loads(line)
                if "_id" not in row or "text" not in row:
                    raise ValueError(f"{path.name}, line {number}: _id and text are needed")
                yield row


def write(one: Set, folder: Path) -> None:
    """The three files of a set into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", one.corpus), ("queries", one.queries)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    lines = ["query-id\tcorpus-id\tscore"]
    lines += [f"{query}\t{document}\t{grade}" for query, held in one.qrels.items() for document, grade in held.items()]
    (folder / "qrels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def metrics(ranking: Sequence[str], relevant: Mapping[str, int]) -> dict[str, float]:
    """nDCG@10, recall@10, MRR@10 and hit@3 of one ranking of document ids, best first, each 0 to 1."""
    gains = [relevant.get(one, 0) for one in ranking[:10]]
    ideal = sorted(relevant.values(), reverse=True)[:10]
    first = next((at for at, gain in enumerate(gains, start=1) if gain), 0)
    return {
        "ndcg@10": _dcg(gains) / _dcg(ideal) if ideal else 0.0,
        "recall@10": sum(gain > 0 for gain in gains) / len(relevant) if relevant else 0.0,
        "mrr@10": 1 / first if first else 0.0,
        "hit@3": float(0 < first <= 3),
    }


def _dcg(gains: Sequence[int]) -> float:
    return float(sum((2**gain - 1) / math.log2(at + 1) for at, gain in enumerate(gains, start=1)))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))] if ordered else 0.0
