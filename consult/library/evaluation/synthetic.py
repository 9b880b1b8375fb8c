"""Many made-up abstracts: how fast the lexical index takes them, how large it gets, how long a question takes.

Run: ``python -m consult.library.evaluation.synthetic --documents 1000000``. Prints JSON. Words follow Zipf's law over
a made-up vocabulary, so lists of common words are as long as in real text; nothing is said of quality.
Knows nothing of Django.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from consult.library import index, retrieval
from consult.library.evaluation.beir import percentile

VOCABULARY = 60_000
SENTENCES = 40_000
SYLLABLES = ("ca", "do", "mi", "ren", "tho", "val", "ster", "oph", "lin", "gra", "pul", "ne", "ker", "is", "tum", "bra")
SEED = 7


def _words(rng: random.Random) -> list[str]:
    made: set[str] = set()
    while len(made) < VOCABULARY:
        made.add("".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 5))))
    return sorted(made, key=lambda _word: rng.random())


def entries(count: int) -> Iterator[index.Entry]:
    """``count`` abstracts of eight sentences of twenty words, with a title of twelve."""
    rng = random.Random(SEED)  # noqa: S311 - made-up text
    words = _words(rng)
    weights = [1 / rank for rank in range(1, VOCABULARY + 1)]
    drawn = rng.choices(words, weights, k=SENTENCES * 20)
    pool = [" ".join(drawn[at : at + 20]) + "." for at in range(0, len(drawn), 20)]
    for number in range(count):
        text = " ".join(rng.choices(pool, k=8))
        title = " ".join(rng.choice(pool).split()[:12])
        yield index.Entry(
            id=f"p{number}", document=f"a{number}", level="p", language="en", kind="article", source="synthetic",
            title=title, text=text, year=1980 + number % 46,
        )  # fmt: skip


def questions(count: int) -> list[str]:
    """Questions of three to eight words with the same distribution, from another seed."""
    rng = random.Random(SEED)  # noqa: S311 - made-up text
    words = _words(rng)
    asked = random.Random(SEED + 1)  # noqa: S311 - made-up text
    weights = [1 / rank for rank in range(1, VOCABULARY + 1)]
    return [" ".join(asked.choices(words, weights, k=asked.randint(3, 8))) for _ in range(count)]


def measure(documents: int, asked: int) -> dict[str, float | int]:
    """Seconds, documents a second, bytes on disk, milliseconds a question, peak memory of this process in MiB."""
    with tempfile.TemporaryDirectory(prefix="consult-synthetic-") as name:
        folder = Path(name)
        begun, cpu = time.perf_counter(), time.process_time()
        writer = index.Writer(folder)
        writer.add(entries(documents))
        writer.close()
        took, used = time.perf_counter() - begun, time.process_time() - cpu
        size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        reader = index.Reader(folder)
        reader.refresh()
        times, cpus = [], []
        for question in questions(asked):
            begun, cpu = time.perf_counter(), time.process_time()
            retrieval.rank(reader, question, index.Filters(language="en"), limit=10, per_document=1, floor=False)
            times.append((time.perf_counter() - begun) * 1000)
            cpus.append((time.process_time() - cpu) * 1000)
    return {
        "documents": documents, "seconds": round(took, 1), "cpu_seconds": round(used, 1),
        "documents_per_s": round(documents / took), "bytes": size, "questions": asked,
        "ms_p50": round(percentile(times, 0.5), 1), "ms_p95": round(percentile(times, 0.95), 1),
        "cpu_ms_p50": round(percentile(cpus, 0.5), 1), "cpu_ms_p95": round(percentile(cpus, 0.95), 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    print(json.dumps(measure(options.documents, options.questions)))


if __name__ == "__main__":
    main()
