"""A patient's earlier conversations: searching, naming, taking along. Text lies encrypted, so that searching reads
and compares in Python; a person's own conversations are few.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from consult.chat import access, protocol, views_of
from consult.chat.actions import TITLE_MAX
from consult.chat.models import Conversation

SHOWN_MAX = 50
QUERY_MAX = 100


def find(user: User, query: str = "") -> list[Conversation]:
    """The conversations of ``user``, newest first; with a ``query``, those in which all of its words stand."""
    rows = access.conversations_for(user).order_by("-updated_at")
    words = query[:QUERY_MAX].casefold().split()
    if not words:
        return list(rows[:SHOWN_MAX])
    found = [row for row in rows.prefetch_related("messages") if _holds(row, words)]
    return found[:SHOWN_MAX]


def _holds(row: Conversation, words: list[str]) -> bool:
    text = "\n".join([row.title, *(message.body for message in row.messages.all())]).casefold()
    return all(word in text for word in words)


@transaction.atomic
def rename(user: User, pk: UUID, title: str) -> None:
    """Give it a name of one's own; an empty one leaves the old."""
    conversation = access.locked_conversation_for(user, pk)
    if conversation.patient_id != user.pk:
        raise access.NotFound
    name = " ".join(title.replace("\x00", "").split())[:TITLE_MAX]
    if name and name != conversation.title:
        conversation.title = name
        conversation.save(update_fields=["title"])
        audit.record(user, "conversation.renamed", conversation, patient=user.pk)


def export(user: User, pk: UUID) -> dict[str, Any]:
    """Everything of one conversation that its patient saw, as plain JSON values."""
    conversation = access.conversation_for(user, pk)
    if conversation.patient_id != user.pk:
        raise access.NotFound
    rows = access.messages_after(conversation, 0)
    audit.record(user, "conversation.exported", conversation, patient=user.pk, messages=len(rows))
    kept = {"seq", "author", "author_name", "label", "kind", "level", "text", "at", "citations"}
    return {
        "format": "consult-conversation-1",
        "exported_at": timezone.now().isoformat(),
        "conversation": str(conversation.pk),
        "title": conversation.title,
        "begun_at": conversation.created_at.isoformat(),
        "about": conversation.subject,
        "level": conversation.level,
        "messages": [
            {name: value for name, value in protocol.dump(views_of.message(row, user)).items() if name in kept}
            for row in rows
        ],
    }
