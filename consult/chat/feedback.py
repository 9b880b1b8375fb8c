"""Whether an answer helped. Codes only, kept in the audit: the newest word of a patient on an answer counts."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.models import User
from consult.chat import access
from consult.chat.models import Message

REASONS = ("", "not_my_question", "hard_to_understand", "nothing_new", "seems_wrong")


@transaction.atomic
def rate(user: User, pk: UUID, message: UUID, *, helpful: bool, reason: str = "") -> None:
    """Record it. NotFound for what is not an answer of the user's own; ValueError for an unknown reason."""
    if reason not in REASONS:
        raise ValueError(reason)
    conversation = access.conversation_for(user, pk)
    row = conversation.messages.filter(pk=message).exclude(author_kind=Message.Author.PATIENT).first()
    if row is None or conversation.patient_id != user.pk:
        raise access.NotFound
    audit.record(user, "answer.rated", row, patient=user.pk, helpful=helpful, reason=reason)
