"""Starts the child that looks at a file, and believes nothing of it but its answer. The parent never parses the file.

What goes in and comes out lies in memory, never on a disk. The child gets no secret: its environment is made here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

from consult.documents.types import Clean, Kind, Limits, Reading, Reason, Refused

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 2**20
CLEAN = (1024 * MIB, 5, 20.0)  # memory, seconds of CPU, seconds on the clock
READ = (4096 * MIB, 150, 240.0)
PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "CONSULT_TEST_EGRESS_LOG")


class ReadingFailed(Exception):
    """The words could not be read; the file itself is fine."""


def clean(data: bytes, kind: Kind, limits: Limits) -> Clean:
    """The file as it may be kept; Refused for one that may not."""
    try:
        head, body = _ask("clean", data, kind, limits, CLEAN)
    except ReadingFailed as error:  # killed by a limit, or crashed: whichever, it is not kept
        raise Refused(Reason.HEAVY) from error
    return Clean(Kind(head["kind"]), int(head["pages"]), body)


def read(data: bytes, kind: Kind, limits: Limits) -> Reading:
    """The words of a clean file; ReadingFailed where that took too much, or the child died."""
    head, _body = _ask("read", data, kind, limits, READ)
    return Reading(str(head["text"]), int(head["pages"]))


def _ask(
    verb: str, data: bytes, kind: Kind, limits: Limits, allowed: tuple[int, int, float]
) -> tuple[dict[str, Any], bytes]:
    memory, cpu_s, clock_s = allowed
    numbers = map(str, (memory, cpu_s, *astuple(limits)))
    command = [sys.executable, "-m", "consult.documents", verb, kind, *numbers]
    with _in_memory() as given, _in_memory() as answer:
        given.write(data)
        given.seek(0)
        try:
            done = subprocess.run(
                command, stdin=given, stdout=answer, stderr=subprocess.DEVNULL, timeout=clock_s, cwd=ROOT,
                env=_environment(), check=False, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ReadingFailed("clock") from error
        answer.seek(0)
        if done.returncode != 0:
            raise ReadingFailed(f"status {done.returncode}")
        head = json.loads(answer.readline())
        if "refused" in head:
            raise Refused(Reason(head["refused"]))
        return head, answer.read()


def _in_memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("document"), "w+b")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # More threads and arenas only reserve more address space.
    few = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return {**kept, **few, "PYTHONDONTWRITEBYTECODE": "1"}
