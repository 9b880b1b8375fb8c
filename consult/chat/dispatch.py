"""Putting tasks on the broker: a reply to write, a document to read. The row is the record; the task only a nudge."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consult.celery_app import app
from consult.chat.models import Attachment, Reply

log = logging.getLogger(__name__)
TASK = "consult.chat.tasks.generate_reply"
DOCUMENT_TASK = "consult.chat.tasks.read_document"


def after_commit(reply: UUID) -> None:
    """Send once the row is there to be claimed."""
    transaction.on_commit(lambda: send(reply))


def send(reply: UUID) -> bool:
    """Send now. False where the broker is away: the sweeper tries again."""
    return _put(TASK, reply, "llm") and bool(Reply.objects.filter(pk=reply).update(sent_at=timezone.now()))


def document_after_commit(attachment: UUID) -> None:
    """Send once the row is there to be claimed."""
    transaction.on_commit(lambda: send_document(attachment))


def send_document(attachment: UUID) -> bool:
    """As ``send``, for a file to be read by the default worker."""
    sent = _put(DOCUMENT_TASK, attachment, "default")
    return sent and bool(Attachment.objects.filter(pk=attachment).update(sent_at=timezone.now()))


def _put(task: str, pk: UUID, queue: str) -> bool:
    try:
        app.send_task(task, args=[str(pk)], queue=queue, retry=False, ignore_result=True)
    except Exception as error:  # kombu wraps some transport errors and lets others through
        log.warning("%s %s not sent to the queue: %s", task.rpartition(".")[2], pk, type(error).__name__)
        return False
    return True
