"""What a patient does with a photo or document: bring it, send its words, remove it. Reading it is in intake.py."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import AuditEntry, User
from consult.chat import access, dispatch, files
from consult.chat.actions import Posted, Refused, post_patient_message
from consult.chat.models import Attachment
from consult.documents import kinds
from consult.documents.types import Reason
from consult.documents.types import Refused as FileRefused

ATTACHED = "document.attached"


def attach(patient: User, conversation_id: UUID, data: bytes, name: str) -> Attachment:
    """Keep what the patient brings, sealed, and see that it is read. ``name`` is looked at and forgotten.

    Only its first look happens here; a child of the worker does all that parses (promise: no bomb reaches the web).
    """
    conversation = access.conversation_for(patient, conversation_id)
    if conversation.patient_id != patient.pk:
        raise access.NotFound
    check_quota(patient)
    if len(data) > settings.ATTACHMENT_MAX_BYTES:
        raise Refused("too_long", sentence(Reason.TOO_LARGE))
    try:
        kind = kinds.check(data, name)
    except FileRefused as refused:
        audit.record(patient, "document.refused", conversation, patient=patient.pk, reason=refused.reason)
        raise Refused("bad_frame", sentence(refused.reason)) from refused
    digest = hashlib.sha256(data).hexdigest()
    with transaction.atomic():
        attachment = Attachment.objects.create(conversation=conversation, kind=kind, size=len(data), sha256=digest)
        files.write(attachment.pk, data)
        audit.record(patient, ATTACHED, attachment, patient=patient.pk, kind=kind, size=len(data))
        dispatch.document_after_commit(attachment.pk)
    return attachment


def check_quota(patient: User) -> None:
    """Counted in the audit, which forgets nothing: removing a document does not make room for another."""
    since = timezone.now() - timedelta(days=1)
    brought = AuditEntry.objects.filter(actor=patient.pk, action__in=(ATTACHED, "document.refused"), at__gt=since)
    if brought.count() >= settings.ATTACHMENTS_PER_DAY:
        raise Refused("too_many", _("That is enough documents for one day. Please try again tomorrow."))


def use(patient: User, conversation_id: UUID, pk: UUID, text: str) -> Posted:
    """Send the words, as the patient corrected them, as a message. Sending again gives the first message back."""
    with transaction.atomic():
        access.locked_conversation_for(patient, conversation_id)
        attachment = access.attachment_for(patient, conversation_id, pk)
        if attachment.message is not None:
            return Posted(attachment.message, created=False)
        if attachment.state not in Attachment.KEPT:
            raise Refused("not_allowed", _("This document is not ready yet. Please wait a moment."))
        # The row's own id: a second press of the button finds the first message.
        posted = post_patient_message(patient, conversation_id, pk, text)
        attachment.message = posted.message
        attachment.corrected = _words(posted.message.body) != _words(first_part(attachment.text))
        attachment.save(update_fields=["message", "corrected"])
        audit.record(patient, "document.sent", attachment, patient=patient.pk, corrected=attachment.corrected)
    return posted


def _words(text: str) -> list[str]:
    """Line ends and spaces are the browser's, not the patient's."""
    return text.split()


def first_part(text: str) -> str:
    """As much as one message holds, to the end of a line where that is near."""
    limit = settings.MESSAGE_MAX_CHARS
    if len(text) <= limit:
        return text
    cut = text.rfind("\n", limit // 2, limit)
    return text[: cut if cut > 0 else limit].rstrip()


def remove(patient: User, conversation_id: UUID, pk: UUID) -> None:
    """Row and file go, as long as nothing was sent of it; what was sent is part of the conversation."""
    with transaction.atomic():
        access.locked_conversation_for(patient, conversation_id)
        attachment = access.attachment_for(patient, conversation_id, pk)
        if attachment.message_id is not None:
            raise Refused("not_allowed", _("You have sent this document already. It stays in the conversation."))
        audit.record(patient, "document.removed", attachment, patient=patient.pk)
        attachment.delete()


def sentence(reason: str) -> str:
    """Why a file is not taken, for the patient."""
    mib = settings.ATTACHMENT_MAX_BYTES // 2**20
    said: dict[str, str] = {
        Reason.EMPTY: _("Please choose a photo or a PDF first."),
        Reason.TOO_LARGE: _("This file is too large. The limit is %(n)d MB.") % {"n": mib},
        Reason.KIND: _("This is not a photo or a PDF. Please use a JPEG, PNG or WebP photo, or a PDF."),
        Reason.HEIC: _("This photo is in a format that we cannot read (HEIC). Please send a screenshot of it."),
        Reason.MIXED: _("This file has something else inside it. Please take a new photo of the page."),
        Reason.MOVING: _("This is a moving picture. Please send a still photo."),
        Reason.PIXELS: _("This picture has too many pixels. Please take a smaller photo."),
        Reason.PAGES: _("This PDF is too long. The limit is %(n)d pages.") % {"n": settings.ATTACHMENT_MAX_PAGES},
        Reason.LOCKED: _("This PDF is locked with a password. Please take a photo of the page."),
        Reason.ACTIVE: _("This PDF holds scripts or other files. Please take a photo of the page."),
        Reason.HEAVY: _("This file takes too much to open. Please take a photo of the page."),
        Reason.DAMAGED: _("This file is damaged. Please take a new photo of the page."),
    }
    return said.get(reason, "")
