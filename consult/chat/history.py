"""A patient's earlier conversations: searching and naming. Text lies encrypted, so that searching reads
and compares in Python; a person's own conversations are few.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.models import User
from consult.chat import access
from consult.chat.actions import TITLE_MAX
from consult.chat.models import Conversation

SHOWN_MAX = 50
QUERY_MAX = 100


def find(user: User, query: str = "") -> list[Conversation]:
    """The conversations of ``user``, newest first; with a ``query``, those in which all of its words stand."""
    rows = access.conversations_for(user).order_by("-updated_at")
    words = query.casefold().split()
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
