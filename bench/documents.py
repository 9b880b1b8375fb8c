"""``python -m bench.documents``: how well and how fast photos of letters are read here, and how fast bombs are refused.

Five made-up letters in English and five in Chinese, each photographed in five ways, go the whole way of an attachment:
cleaned in one child process, read in another. Prints tables in Markdown. Knows nothing of patients.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from bench.letters import CHINESE, ENGLISH, LATIN_FONT, LOOKS, Look, error_share, photo
from consult.chat.glyphs import font_path
from consult.documents import kinds, sandbox
from consult.documents.types import Kind, Limits, Refused

LIMITS = Limits()


class Seen(NamedTuple):
    """One photo that was read."""

    look: str
    language: str
    correct: float  # share of its characters
    clean_s: float
    read_s: float
    cpu_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=5, help="of each language")
    parser.add_argument("--bombs", action="store_true", help="refusals only")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {datetime.date.today()}\n")
    if not asked.bombs:
        _print_readings(list(_readings(asked.letters)))
    _print_refusals()
    print(f"\nLargest child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")


def _readings(count: int) -> Iterator[Seen]:
    sets = (("English", ENGLISH, LATIN_FONT), ("Chinese", CHINESE, font_path()))
    for language, texts, font in sets:
        for text in texts[:count]:
            for look in LOOKS:
                yield _read(language, text, font, look)


def _read(language: str, text: str, font: Path, look: Look) -> Seen:
    data = photo(text, font, look)
    cpu, began = _cpu_s(), time.monotonic()
    clean = sandbox.clean(data, Kind.JPEG, LIMITS)
    cleaned = time.monotonic()
    read = sandbox.read(clean.data, clean.kind, LIMITS)
    ended = time.monotonic()
    correct = 1 - error_share(read.text, text)
    return Seen(look.name, language, correct, cleaned - began, ended - cleaned, _cpu_s() - cpu)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print_readings(rows: list[Seen]) -> None:
    print("| Photo | Characters right, English | worst | Chinese | worst | Cleaning | Reading | CPU of both |")
    print("|---|---|---|---|---|---|---|---|")
    for name in [*(look.name for look in LOOKS), ""]:
        some = [row for row in rows if row.look == name or not name]
        cells = [name or f"all {len(some)}"]
        for language in ("English", "Chinese"):
            shares = [row.correct for row in some if row.language == language]
            cells += [f"{fmean(shares):.1%}", f"{min(shares):.1%}"]
        cells += [f"{median(getattr(row, which) for row in some):.1f} s" for which in ("clean_s", "read_s", "cpu_s")]
        print(f"| {' | '.join(cells)} |")


def _print_refusals() -> None:
    from tests.documents import samples

    bombs: dict[str, Callable[[], bytes]] = {
        "PNG of 30,000 × 30,000 pixels": samples.huge_png,
        "PDF of 10,000 pages": lambda: samples.pdf(count=10_000),
        "PDF page that unpacks to 200 MiB": samples.flate_bomb,
        "PDF of 51,000 objects": lambda: samples.pdf(more=["null"] * 51_000),
        "PDF with a script": lambda: samples.ACTIVE["a script at opening"],
        "PNG with a zip behind it": lambda: samples.picture() + samples.archive(),
        "GIF animation": lambda: samples.animation("GIF"),
    }
    print("\n| File | Bytes | Refused as | after |\n|---|---|---|---|")
    for name, make in bombs.items():
        data = make()
        began = time.monotonic()
        print(f"| {name} | {len(data):,} | {_refusal(data)} | {time.monotonic() - began:.2f} s |")


def _refusal(data: bytes) -> str:
    try:
        sandbox.clean(data, kinds.check(data), LIMITS)
    except Refused as refused:
        return str(refused.reason.value)
    return "TAKEN"


if __name__ == "__main__":
    main()
