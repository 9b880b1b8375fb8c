"""The one door to conversations. Missing and forbidden look the same: NotFound."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.consent import has_consented
from accounts.models import User
from consult.chat.models import Attachment, Case, Conversation, Message, Reply


class NotFound(Http404):
    """There is no such thing, or it is not yours; nobody learns which."""


def conversations_for(user: User) -> QuerySet[Conversation]:
    """What ``user`` may open: a patient's own; for a clinician those with an open case, or that they hold."""
    if not user.is_active:
        return Conversation.objects.none()
    if user.is_patient:
        return Conversation.objects.filter(patient=user)
    if user.is_clinician:
        return Conversation.objects.filter(Q(cases__state__in=Case.OPEN) | Q(holder=user)).distinct()
    return Conversation.objects.none()


def conversation_for(user: User, pk: UUID) -> Conversation:
    """That conversation, if ``user`` may open it."""
    conversation = conversations_for(user).select_related("patient", "holder").filter(pk=pk).first()
    if conversation is None or (user.is_patient and not has_consented(user)):
        raise NotFound
    return conversation


def locked_conversation_for(user: User, pk: UUID) -> Conversation:
    """As ``conversation_for``, and nobody else changes it until this transaction ends."""
    conversation_for(user, pk)
    return lock(pk)


def lock(pk: UUID) -> Conversation:
    """The row, locked for this transaction. For code that acts for nobody, or has asked ``conversation_for``."""
    return Conversation.objects.select_for_update().get(pk=pk)


def messages_after(conversation: Conversation, seq: int) -> list[Message]:
    """Messages newer than ``seq``, oldest first."""
    rows = conversation.messages.filter(seq__gt=seq).select_related(
        "author", "reply", "reply__approved_by", "reply__question", "attachment"
    )
    return list(rows)


def open_reply(conversation: Conversation) -> Reply | None:
    """The answer that is in line or being written, if any."""
    return conversation.replies.filter(state__in=Reply.OPEN).order_by("queued_at").first()


def reply_for(user: User, conversation: Conversation, pk: UUID) -> Reply:
    """A reply of that conversation: the parent is checked as well as the child."""
    reply = conversation_for(user, conversation.pk).replies.filter(pk=pk).first()
    if reply is None:
        raise NotFound
    return reply


def attachment_for(patient: User, conversation_pk: UUID, pk: UUID) -> Attachment:
    """A file of that patient's own conversation; clinicians have their own door, in the review room."""
    conversation = conversation_for(patient, conversation_pk)
    attachment = conversation.attachments.select_related("conversation", "message").filter(pk=pk).first()
    if attachment is None or conversation.patient_id != patient.pk:
        raise NotFound
    return attachment


def unsent_attachments(conversation: Conversation) -> list[Attachment]:
    """Files that the patient has brought and not yet sent or removed, newest first."""
    return list(conversation.attachments.filter(message=None).order_by("-created_at"))


def open_cases_for(user: User) -> QuerySet[Case]:
    """The queue as ``user`` sees it, most urgent first."""
    if not (user.is_active and user.is_clinician):
        return Case.objects.none()
    rows = Case.objects.filter(state__in=Case.OPEN).select_related("conversation__patient", "claimed_by")
    return rows.order_by("-rank", "due_at")


def case_for(user: User, pk: UUID) -> Case:
    """That case, open or closed, if ``user`` is a clinician who may see it."""
    if user.is_active and user.is_clinician:
        rows = Case.objects.filter(Q(state__in=Case.OPEN) | Q(claimed_by=user) | Q(closed_by=user))
        case = rows.select_related("conversation__patient", "conversation__holder", "claimed_by").filter(pk=pk).first()
        if case is not None:
            return case
    raise NotFound
