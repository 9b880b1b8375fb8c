"""Signs of life of the background processes, in the database: readable with the broker down."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from consult.chat.models import Heartbeat

log = logging.getLogger(__name__)
EVERY_S = 3.0
ALIVE = timedelta(seconds=12)


def beat(name: str, kind: str, *, ready: bool, info: dict[str, Any] | None = None) -> None:
    """Write one sign of life."""
    now = timezone.now()
    fields = {"kind": kind, "pid": os.getpid(), "seen_at": now, "ready": ready, "info": info or {}}
    Heartbeat.objects.update_or_create(name=name, defaults=fields, create_defaults={**fields, "started_at": now})


def alive(kind: str) -> bool:
    """Whether a process of that kind said "ready" lately."""
    return Heartbeat.objects.filter(kind=kind, ready=True, seen_at__gt=timezone.now() - ALIVE).exists()


def forget_old() -> None:
    """Drop processes that have been gone for a day."""
    Heartbeat.objects.filter(seen_at__lt=timezone.now() - timedelta(days=1)).delete()


def memory_mib() -> float:
    """Resident memory of this process in MiB; 0 where /proc is not there."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def start_thread(step: Callable[[], None]) -> threading.Event:
    """Call ``step`` every few seconds until the returned event is set. A failed step is logged, not fatal."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            close_old_connections()
            try:
                step()
            except DatabaseError as error:
                log.warning("heartbeat not written: %s", type(error).__name__)
            stop.wait(EVERY_S)

    threading.Thread(target=loop, name="heartbeat", daemon=True).start()
    return stop
