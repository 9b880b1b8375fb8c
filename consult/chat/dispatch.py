"""Putting a reply's task on the broker. The row is the record; the task is only a nudge to a worker."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consult.celery_app import app
from consult.chat.models import Reply

log = logging.getLogger(__name__)
TASK = "consult.chat.tasks.generate_reply"


def after_commit(reply: UUID) -> None:
    """Send once the row is there to be claimed."""
    transaction.on_commit(lambda: send(reply))


def send(reply: UUID) -> bool:
    """Send now. False where the broker is away: the sweeper tries again."""
    try:
        app.send_task(TASK, args=[str(reply)], queue="llm", retry=False, ignore_result=True)
    except Exception as error:  # kombu wraps some transport errors and lets others through
        log.warning("reply %s not sent to the queue: %s", reply, type(error).__name__)
        return False
    Reply.objects.filter(pk=reply).update(sent_at=timezone.now())
    return True
