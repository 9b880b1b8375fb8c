"""Ingestions that a worker does: the row first, then a task with its id; a while of it at a time.

Each task reads on from where the row says and puts the row back in line, so a worker that dies loses one batch, and
documents of patients wait a minute at most. The sweeper sends again what got lost. Files lie in ``INGEST_DIR``: no page
takes them in, and no task carries them.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from consult.celery_app import app
from consult.library import store
from consult.library.ingest import run as ingestion
from consult.library.models import Ingestion, Source

log = logging.getLogger(__name__)
State = Ingestion.State
TASK = "consult.library.tasks.ingest"
SLICE_S = 45.0  # of one task
LEASE = timedelta(seconds=30)  # renewed by each batch and by each sign of life of the process that reads
RESEND = timedelta(seconds=15)
ENCODED = 100  # passages between two looks at the clock
_held: set[UUID] = set()  # what this process is reading


class NotThere(Exception):
    """No file of that name lies in the folder."""


def files() -> list[str]:
    """The names of what lies in the folder."""
    folder = Path(settings.INGEST_DIR)
    return sorted(one.name for one in folder.iterdir() if one.is_file()) if folder.is_dir() else []


def queue(name: str, format_: str, source: Source) -> Ingestion:
    """Put the file in line; what is done already stays done, what was stopped goes on. Raises NotThere."""
    if name not in files():
        raise NotThere(name)
    run = ingestion.start(Path(settings.INGEST_DIR) / name, format_, source)
    stopped = Q(state=State.COMMAND, finished_at=None) | Q(state=State.FAILED)
    Ingestion.objects.filter(stopped, pk=run.pk).update(state=State.WAITING, file=name, failure="", sent_at=None)
    transaction.on_commit(lambda: send(run.pk))
    run.refresh_from_db()
    return run


def send(pk: UUID) -> None:
    """Put the task on the broker; where that is away the sweeper tries again."""
    try:
        app.send_task(TASK, args=[str(pk)], queue="default", retry=False, ignore_result=True)
    except Exception as error:  # kombu wraps some transport errors and lets others through
        log.warning("ingestion %s not sent to the queue: %s", pk, type(error).__name__)
        return
    Ingestion.objects.filter(pk=pk, state=State.WAITING).update(sent_at=timezone.now())


def claim(pk: UUID) -> Ingestion | None:
    """Take a waiting one; None where it is taken, done, or another is being read: the index has one writer."""
    if Ingestion.objects.filter(state=State.READING).exists():
        return None
    waiting = Ingestion.objects.filter(pk=pk, state=State.WAITING)
    if not waiting.update(state=State.READING, lease_until=timezone.now() + LEASE):
        return None
    return Ingestion.objects.select_related("source").get(pk=pk)


def work(run: Ingestion, seconds: float = SLICE_S) -> None:
    """A while of a claimed one, then back in line, done, or stopped with a reason that the console shows."""
    end = time.monotonic() + seconds
    _held.add(run.pk)
    try:
        whole = _read(run, end) and _index(end)
    except (OSError, ValueError) as error:
        log.error("ingestion %s stopped: %s", run.pk, type(error).__name__)
        _leave(run, State.FAILED, failure=type(error).__name__)
        return
    finally:
        _held.discard(run.pk)
    _leave(run, State.DONE if whole else State.WAITING)
    if not whole:
        send(run.pk)


def _read(run: Ingestion, end: float) -> bool:
    """Read on until ``end``; whether the file is through."""
    path = Path(settings.INGEST_DIR) / run.file
    if ingestion.digest(path) != run.digest:
        raise ValueError("the file has changed")
    for one in ingestion.go_on(run, path):
        Ingestion.objects.filter(pk=one.pk).update(lease_until=timezone.now() + LEASE)
        if time.monotonic() > end and not one.finished_at:
            return False
    return True


def _index(end: float) -> bool:
    """Words at once, vectors as far as the time goes, by NumPy: this process has no torch. Whether all are there."""
    store.update()
    while store.encode_few(ENCODED):
        if time.monotonic() > end:
            return False
    return True


def _leave(run: Ingestion, state: Ingestion.State, failure: str = "") -> None:
    mine = Ingestion.objects.filter(pk=run.pk, state=State.READING)
    mine.update(state=state, failure=failure, lease_until=None, sent_at=None)


def renew_held() -> None:
    """A sign of life of this process is one for what it reads: updating a large index takes longer than a batch."""
    if _held:
        Ingestion.objects.filter(pk__in=_held, state=State.READING).update(lease_until=timezone.now() + LEASE)


def sweep() -> None:
    """Back in line what a dead worker held; sent again what waits and may be lost."""
    now = timezone.now()
    dead = Ingestion.objects.filter(state=State.READING, lease_until__lt=now)
    dead.update(state=State.WAITING, lease_until=None, sent_at=None)
    lost = Q(sent_at=None) | Q(sent_at__lt=now - RESEND)
    for pk in Ingestion.objects.filter(lost, state=State.WAITING).values_list("pk", flat=True):
        send(pk)
