"""What the child gives up before it touches a file: memory, time, writing, programs, the network."""

from __future__ import annotations

import resource
import sys
from typing import Any

OUT_MAX = 24 * 2**20  # bytes written: the clean file and its facts
FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "ftplib.")


def confine(memory: int, cpu_s: int) -> None:
    """From here on: at most ``memory`` bytes and ``cpu_s`` seconds, no core file, no socket, no other program."""
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, OUT_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    sys.addaudithook(_forbid)


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    """Python's own doors; native code is held by the limits above and by what the whole service may do."""
    if event.startswith(FORBIDDEN):
        raise PermissionError(f"{event} is forbidden here")
