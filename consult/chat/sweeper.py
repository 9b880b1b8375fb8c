"""Heals what was lost: dead workers' replies and documents, unsent tasks, unseen emergencies.

Any process may run it, often. Every step is a conditional UPDATE, so that two sweepers at once do no harm.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from consult.chat import dispatch, events, followup, intake, lease
from consult.chat.models import Attachment, Case, Reply
from consult.library import summaries
from consult.library.ingest import line as ingestions

log = logging.getLogger(__name__)
RESEND = timedelta(seconds=15)
WAIT_MAX = timedelta(minutes=10)
REMIND = timedelta(minutes=1)


def sweep() -> None:
    """One round."""
    _take_from_the_dead()
    _give_up_on_the_old()
    _send_again()
    intake.take_from_the_dead()
    _send_documents_again()
    _remind_of_emergencies()
    followup.ask_those_due()
    ingestions.sweep()
    summaries.sweep()


def _take_from_the_dead() -> None:
    """Running, but nobody renewed the lease: the next attempt, or the visible end."""
    for reply in Reply.objects.filter(state=Reply.State.RUNNING, lease_until__lt=timezone.now()):
        log.warning("reply %s: attempt %d stopped without a word", reply.pk, reply.attempt)
        lease.give_back(reply, "worker_lost")


def _give_up_on_the_old() -> None:
    for pk in _queued().filter(queued_at__lt=timezone.now() - WAIT_MAX).values_list("pk", flat=True):
        lease.fail(pk, "waited_too_long")


def _send_again() -> None:
    """In line, but the task may be lost: a second task for the same row finds it claimed and does nothing."""
    now = timezone.now()
    for pk in _queued().filter(sent_at=None, queued_at__lt=now - timedelta(seconds=1)).values_list("pk", flat=True):
        dispatch.send(pk)
    for pk in _queued().filter(sent_at__lt=now - RESEND).values_list("pk", flat=True):
        dispatch.send(pk)


def _queued() -> QuerySet[Reply]:
    return Reply.objects.filter(state=Reply.State.QUEUED)


def _send_documents_again() -> None:
    """As replies: waiting, and its task never went out or got lost."""
    now = timezone.now()
    waiting = Attachment.objects.filter(state=Attachment.State.WAITING, created_at__lt=now - timedelta(seconds=1))
    for pk in waiting.filter(Q(sent_at=None) | Q(sent_at__lt=now - RESEND)).values_list("pk", flat=True):
        dispatch.send_document(pk)


def _remind_of_emergencies() -> None:
    """An emergency that no clinician's queue has shown yet is announced again, once a minute."""
    now = timezone.now()
    unseen = Case.objects.filter(state=Case.State.WAITING, rank__gte=3, seen_at=None, changed_at__lt=now - REMIND)
    for case in unseen:
        if Case.objects.filter(pk=case.pk, changed_at=case.changed_at).update(changed_at=now):
            events.case_changed(case)
