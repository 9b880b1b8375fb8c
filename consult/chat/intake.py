"""Reading what a patient brought: claim the row, clean the file, read its words. The worker's side.

Knows nothing of Celery. All that parses runs in a child process (consult.documents.sandbox).
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.crypto import DecryptionError
from consult.chat import events, files
from consult.chat.models import Attachment
from consult.documents import sandbox
from consult.documents.types import Clean, Kind, Limits, Reading, Refused

log = logging.getLogger(__name__)
State = Attachment.State


def claim(pk: UUID) -> Attachment | None:
    """Take a waiting file; None where another process has it, or it is gone."""
    end = timezone.now() + timedelta(seconds=settings.ATTACHMENT_LEASE_S)
    changed = Attachment.objects.filter(pk=pk, state=State.WAITING).update(
        state=State.READING, attempt=F("attempt") + 1, lease_until=end
    )
    if not changed:
        return None
    return Attachment.objects.select_related("conversation").get(pk=pk)


def take_in(attachment: Attachment) -> None:
    """Bring a claimed file to its end: refused, read, or kept without its words."""
    limits = Limits(pixels=settings.ATTACHMENT_MAX_PIXELS, pages=settings.ATTACHMENT_MAX_PAGES)
    try:
        clean = sandbox.clean(files.read(attachment.pk), Kind(attachment.kind), limits)
    except Refused as refused:
        _refuse(attachment, refused.reason)
        return
    except (FileNotFoundError, DecryptionError) as error:
        log.error("attachment %s: %s", attachment.pk, type(error).__name__)
        _end(attachment, State.REFUSED, reason="damaged")
        return
    if not _keep(attachment, clean):
        return
    try:
        reading = sandbox.read(clean.data, clean.kind, limits)
    except (sandbox.ReadingFailed, Refused) as error:
        log.warning("attachment %s: not read: %s", attachment.pk, type(error).__name__)
        _end(attachment, State.FAILED, reason="unread")
        return
    _finish(attachment, reading)


def _mine(attachment: Attachment) -> QuerySet[Attachment]:
    """The row, as long as this attempt is the one that works on it; a patient may have removed it meanwhile."""
    return Attachment.objects.filter(pk=attachment.pk, state=State.READING, attempt=attachment.attempt)


def _keep(attachment: Attachment, clean: Clean) -> bool:
    """The cleaned file takes the place of what was sent; False where nobody wants it any more."""
    digest = hashlib.sha256(clean.data).hexdigest()
    with transaction.atomic():
        if not _mine(attachment).update(pages=clean.pages, size=len(clean.data), sha256=digest):
            return False
        files.write(attachment.pk, clean.data)
    return True


def _refuse(attachment: Attachment, reason: str) -> None:
    """Say why, and keep nothing of it."""
    with transaction.atomic():
        if _end(attachment, State.REFUSED, reason=reason):
            transaction.on_commit(lambda: files.delete(attachment.pk))


def _finish(attachment: Attachment, reading: Reading) -> None:
    with transaction.atomic():
        if _end(attachment, State.READ, pages_read=reading.pages):
            attachment.text = reading.text
            attachment.save(update_fields=["text"])


def _end(attachment: Attachment, state: State, **fields: object) -> bool:
    """The end of this attempt, on record; False where it is not the one that counts any more."""
    with transaction.atomic():
        now = timezone.now()
        if not _mine(attachment).update(state=state, lease_until=None, finished_at=now, **fields):
            return False
        patient = attachment.conversation.patient_id
        audit.record(None, f"document.{state.value}", attachment, patient=patient, reason=str(fields.get("reason", "")))
        events.conversation_changed(attachment.conversation_id)
    return True


def take_from_the_dead() -> None:
    """Being read, but nobody does: back in line while attempts are left, else kept without its words.

    A file that was not cleaned yet when its last attempt died is the likely cause, and is refused.
    """
    for attachment in Attachment.objects.filter(state=State.READING, lease_until__lt=timezone.now()):
        log.warning("attachment %s: attempt %d stopped without a word", attachment.pk, attachment.attempt)
        if attachment.attempt < settings.ATTACHMENT_MAX_ATTEMPTS:
            _mine(attachment).update(state=State.WAITING, lease_until=None, sent_at=None)
        elif attachment.pages:
            _end(attachment, State.FAILED, reason="unread")
        else:
            _refuse(attachment, "heavy")


def next_waiting() -> UUID | None:
    """The file that waits longest."""
    return Attachment.objects.filter(state=State.WAITING).order_by("created_at").values_list("pk", flat=True).first()


def forget_unsent() -> None:
    """What a patient brought and never sent is not kept for ever; nor is a file without a row."""
    old = timezone.now() - timedelta(days=settings.ATTACHMENT_UNSENT_DAYS)
    for attachment in Attachment.objects.filter(message=None, created_at__lt=old).select_related("conversation"):
        patient = attachment.conversation.patient_id
        audit.record(None, "document.forgotten", attachment, patient=patient)
        attachment.delete()
    files.delete_strays()
