"""A clinician's summaries of articles: asked for, claimed by a worker, kept, stopped, and healed by the sweeper.

The row is the record, the task carries its id alone. Knows nothing of the model or of the guard: who writes
(``consult.chat.summary``) asks here whether it still may. Every write of a worker is conditional on its attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts import audit
from accounts.models import User
from consult.celery_app import app
from consult.library.models import Document, Passage, Summary

log = logging.getLogger(__name__)
State = Summary.State
TASK = "consult.chat.tasks.summarise"
ARTICLES_MAX = 5  # what a small model reads at once
OPEN_MAX = 3  # of one clinician
RESEND = timedelta(seconds=15)
WAIT_MAX = timedelta(minutes=10)


class Refused(Exception):
    """Not begun: ``code`` is "nothing" (no article that can be summarised) or "too_many" (being written already)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def summary_for(user: User, pk: UUID) -> Summary:
    """The summary, if it is this clinician's; missing and forbidden look the same."""
    row = Summary.objects.filter(pk=pk, owner=user.pk).first()
    if row is None or not (user.is_active and user.is_clinician):
        raise Http404
    return row


def ask_for(
    user: User, chosen: Sequence[UUID], question: str, case: UUID | None = None, *, ticked: bool = True
) -> Summary:
    """Put a summary of the first articles of ``chosen`` in line. The same one twice is one. Raises Refused.

    Of those that were ``ticked``, and not only listed, the summary says how many it leaves out.
    """
    if not (user.is_active and user.is_clinician):
        raise Http404
    held = usable(chosen)
    documents = [str(row.pk) for row, _parts in held[:ARTICLES_MAX]]
    if not documents:
        raise Refused("nothing")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two presses of the button take turns
        mine = list(Summary.objects.filter(owner=user.pk, state__in=Summary.OPEN))
        for row in mine:
            if row.documents == documents and row.question == question:
                return row
        if len(mine) >= OPEN_MAX:
            raise Refused("too_many")
        row = Summary.objects.create(
            owner=user.pk, case=case, question=question, documents=documents,
            left_out=(len(chosen) - len(documents)) * ticked,
        )  # fmt: skip
        audit.record(user, "summary.asked", row, articles=len(documents))
        transaction.on_commit(lambda: send(row.pk))
    return row


def usable(ids: Sequence[UUID | str]) -> list[tuple[Document, list[Passage]]]:
    """The articles of ``ids``, in that order, that may be summarised now, with the passages of their abstracts.

    Not those retracted or withdrawn, and not those of which the library holds the title alone.
    """
    rows = Document.objects.select_related("source").in_bulk([UUID(str(one)) for one in ids])
    held = []
    for row in (rows.get(UUID(str(one))) for one in ids):
        if row is None or row.kind != Document.Kind.ARTICLE or not row.citable:
            continue
        parts = list(row.passages.filter(current=True).order_by("place"))
        if any(part.text.rstrip(".") != row.title.rstrip(".") for part in parts):
            held.append((row, parts))
    return held


def stop(user: User, pk: UUID) -> None:
    """The clinician wants it no more; the worker hears of it at its next look. Nothing where it has ended."""
    row = summary_for(user, pk)
    with transaction.atomic():
        if Summary.objects.filter(pk=row.pk, state__in=Summary.OPEN).update(
            state=State.STOPPED, finished_at=timezone.now(), lease_until=None
        ):
            audit.record(user, "summary.stopped", row)


def send(pk: UUID) -> None:
    """Put the task on the broker; where that is away the sweeper tries again."""
    try:
        app.send_task(TASK, args=[str(pk)], queue="llm", retry=False, ignore_result=True)
    except Exception as error:  # kombu wraps some transport errors and lets others through
        log.warning("summary %s not sent to the queue: %s", pk, type(error).__name__)
        return
    Summary.objects.filter(pk=pk, state=State.WAITING).update(sent_at=timezone.now())


def claim(pk: UUID, worker: str = "") -> Summary | None:
    """Take a waiting one for the process named ``worker``; None where another has it or it has ended."""
    changed = Summary.objects.filter(pk=pk, state=State.WAITING).update(
        state=State.RUNNING, attempt=F("attempt") + 1, lease_until=_lease_end(), worker=worker, failure=""
    )
    return Summary.objects.get(pk=pk) if changed else None


def next_waiting() -> UUID | None:
    """The one that has waited longest."""
    return Summary.objects.filter(state=State.WAITING).order_by("at").values_list("pk", flat=True).first()


def renew_all(worker: str) -> None:
    """A sign of life of that process is one for every summary that it writes."""
    Summary.objects.filter(state=State.RUNNING, worker=worker).update(lease_until=_lease_end())


def take_back_from(worker: str) -> None:
    """A process of that name has just started: what an earlier one of the name was writing, it writes no more."""
    for row in Summary.objects.filter(state=State.RUNNING, worker=worker):
        give_back(row, "worker_lost")


def is_mine(row: Summary) -> bool:
    """Still writing, and still wanted; renews the lease too."""
    return bool(_mine(row).update(lease_until=_lease_end()))


def finish(row: Summary, **written: Any) -> bool:
    """Keep what was written, with what explains it later. False where it is not wanted any more."""
    with transaction.atomic():
        end = {"state": State.DONE, "finished_at": timezone.now(), "lease_until": None, "failure": ""}
        if not _mine(row).update(**end, **written):
            return False
        row.refresh_from_db(fields=["composed", "lines", "refused"])
        audit.record(
            None, "summary.written", row, composed=row.composed, shown=len(row.lines), refused=len(row.refused)
        )  # fmt: skip
    return True


def give_back(row: Summary, reason: str) -> None:
    """This attempt failed: back in line while attempts are left, else failed for its clinician to see."""
    if row.attempt >= settings.REPLY_MAX_ATTEMPTS:
        fail(row.pk, reason)
        return
    _mine(row).update(state=State.WAITING, lease_until=None, sent_at=None, failure=reason)


def put_back_unharmed(row: Summary) -> None:
    """The model was busy: back in line, and the attempt does not count. The sweeper sends it again."""
    now = timezone.now()
    _mine(row).update(
        state=State.WAITING, lease_until=None, sent_at=now, attempt=F("attempt") - 1, failure="busy"
    )  # fmt: skip


def wait_for_patients(pk: UUID) -> None:
    """Not taken, for patients' answers are in line: the page says so, and the sweeper sends it again."""
    Summary.objects.filter(pk=pk, state=State.WAITING).update(sent_at=timezone.now(), failure="busy")


def fail(pk: UUID, reason: str) -> None:
    """None will come."""
    with transaction.atomic():
        if Summary.objects.filter(pk=pk, state__in=Summary.OPEN).update(
            state=State.FAILED, failure=reason, finished_at=timezone.now(), lease_until=None
        ):
            audit.record(None, "summary.failed", Summary.objects.get(pk=pk), reason=reason)


def sweep() -> None:
    """Dead workers' summaries back in line; sent again what may be lost; given up what waited too long."""
    now = timezone.now()
    for row in Summary.objects.filter(state=State.RUNNING, lease_until__lt=now):
        log.warning("summary %s: attempt %d stopped without a word", row.pk, row.attempt)
        give_back(row, "worker_lost")
    waiting = Summary.objects.filter(state=State.WAITING)
    for pk in waiting.filter(at__lt=now - WAIT_MAX).values_list("pk", flat=True):
        fail(pk, "waited_too_long")
    lost = Q(sent_at=None, at__lt=now - timedelta(seconds=1)) | Q(sent_at__lt=now - RESEND)
    for pk in waiting.filter(lost).values_list("pk", flat=True):
        send(pk)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REPLY_LEASE_S)


def _mine(row: Summary) -> QuerySet[Summary]:
    """The row, as long as this attempt is the one that writes it."""
    return Summary.objects.filter(pk=row.pk, state=State.RUNNING, attempt=row.attempt)
