"""A copy of one conversation to take along: as JSON values, as a PDF to read and print, as FHIR for other systems.

Every copy says of each message who wrote it and how it was checked, in words and in data (``provenance``). Each
making is on record. What the copy holds is what its patient saw, no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language

from accounts import audit
from accounts.models import Profile, User
from accounts.profile import facts
from consult.chat import access, fhir, protocol, views_of
from consult.chat.models import Conversation, Message
from consult.safety.messages import standing_notice
from consult.safety.types import language_from

FORMAT = "consult-conversation-2"
FIELDS = {"seq", "author", "author_name", "label", "kind", "level", "text", "at", "citations"}


class File(NamedTuple):
    """Bytes with what a browser must know of them."""

    content: bytes
    media_type: str
    name: str


def contents(user: User, conversation: Conversation) -> dict[str, Any]:
    """Everything of the conversation that its patient saw."""
    now = timezone.now()
    return {
        "format": FORMAT,
        "exported_at": now.isoformat(),
        "conversation": str(conversation.pk),
        "title": conversation.title,
        "language": get_language() or conversation.language,
        "site": settings.SITE_NAME,
        "notice": standing_notice(language_from(get_language()), settings.COUNTRY),
        "begun_at": conversation.created_at.isoformat(),
        "about": conversation.subject,
        "level": conversation.level,
        "state": conversation.state,
        "messages": [_entry(row, user) for row in access.messages_after(conversation, 0)],
    }


def _entry(row: Message, user: User) -> dict[str, Any]:
    view = protocol.dump(views_of.message(row, user))
    kept = {name: value for name, value in view.items() if name in FIELDS}
    reply = getattr(row, "reply", None)
    checked_by = reply.approved_by.name if reply is not None and reply.approved_by else ""
    return {**kept, "provenance": provenance(row), "checked_by": checked_by, "advice": views_of.advice(row)}


def provenance(row: Message) -> str:
    """Who wrote it and whether a person checked it, as a code."""
    if row.author_kind != Message.Author.SOFTWARE:
        return str(row.author_kind)
    if row.kind == Message.Kind.CARD:
        return "standard_advice"
    reply = getattr(row, "reply", None)
    return "software_checked_by_clinician" if reply is not None and reply.approved_by_id else "software"


def make(user: User, pk: UUID, kind: str) -> File:
    """The copy of a conversation of ``user``'s own. NotFound for any other conversation or kind."""
    conversation = access.conversation_for(user, pk)
    if conversation.patient_id != user.pk or kind not in KINDS:
        raise access.NotFound
    copy = contents(user, conversation)
    media_type, ending, write = KINDS[kind]
    content = write(copy, user)
    audit.record(
        user, "conversation.exported", conversation, patient=user.pk, messages=len(copy["messages"]), kind=kind
    )
    return File(content, media_type, f"conversation-{str(pk)[:8]}.{ending}")


def _json(copy: dict[str, Any], user: User) -> bytes:
    return json.dumps(copy, ensure_ascii=False, indent=1).encode()


def _fhir(copy: dict[str, Any], user: User) -> bytes:
    told = facts(Profile.objects.filter(user=user).first())
    birth_year = str(told.get("birth_year") or "")
    return fhir.bundle(copy, fhir.Person(str(user.pk), user.name, told.get("sex") or "", birth_year))


def _pdf(copy: dict[str, Any], user: User) -> bytes:
    from consult.chat import pdf  # only when asked: drawing and fonts take a while to load

    return pdf.document(copy)


KINDS: dict[str, tuple[str, str, Callable[[dict[str, Any], User], bytes]]] = {
    "json": ("application/json", "json", _json),
    "fhir": ("application/fhir+json", "fhir.json", _fhir),
    "pdf": ("application/pdf", "pdf", _pdf),
}
