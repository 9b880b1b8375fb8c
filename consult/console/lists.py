"""Rows for the administrator's tables: named columns only, so that no encrypted text is even fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.models import AuditEntry, Role, User
from consult.chat.models import Case, Conversation, Reply
from consult.library.models import Ingestion

CONVERSATION_COLUMNS = (
    "id", "created_at", "updated_at", "language", "subject", "state", "level", "last_seq",
    "patient__username", "patient_id", "holder__display_name", "holder__username",
)  # fmt: skip
CASE_COLUMNS = (
    "id", "conversation_id", "state", "level", "cause", "opened_at", "due_at", "seen_at", "claimed_at", "closed_at",
    "outcome", "claimed_by__display_name", "claimed_by__username", "closed_by__display_name", "closed_by__username",
)  # fmt: skip
REPLY_COLUMNS = (
    "id", "conversation_id", "state", "attempt", "failure", "composed", "supervised", "queued_at",
    "first_sentence_at", "finished_at", "base_model", "adapter", "prompt_version", "guard_version",
)  # fmt: skip
Rows = QuerySet[Any, dict[str, Any]]


def conversations() -> Rows:
    """Newest first."""
    rows: Rows = Conversation.objects.order_by("-updated_at").values(*CONVERSATION_COLUMNS)
    return rows


def cases(state: str = "", level: str = "") -> Rows:
    """Newest first; open ones only with ``state`` "waiting" or "claimed"."""
    rows = Case.objects.order_by("-opened_at")
    if state in Case.State.values:
        rows = rows.filter(state=state)
    if level:
        rows = rows.filter(level=level)
    named: Rows = rows.values(*CASE_COLUMNS)
    return named


def replies() -> Rows:
    """The software's answers, newest first, with how many sentences the guard judged and refused."""
    refused = Count("sentences", Q(sentences__isnull=False, sentences__number=None))
    named = Reply.objects.values(*REPLY_COLUMNS)  # first: else the texts stand in GROUP BY
    rows: Rows = named.annotate(judged=Count("sentences"), refused=refused).order_by("-queued_at")
    return rows


def ingestions() -> QuerySet[Ingestion]:
    """Newest first, with their source."""
    return Ingestion.objects.select_related("source").order_by("-updated_at")


def people(search: str = "", role: str = "") -> QuerySet[User]:
    """Staff first, then by name."""
    rows = User.objects.order_by("role", "username")
    if search:
        rows = rows.filter(Q(username__icontains=search) | Q(display_name__icontains=search))
    if role in Role.values:
        rows = rows.filter(role=role)
    return rows


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to show of the audit; empty strings leave a thing open."""

    action: str = ""
    actor: str = ""
    patient: str = ""
    before: int = 0


def audit_entries(wanted: AuditFilter, count: int) -> list[AuditEntry]:
    """Newest first, at most ``count``; an actor or patient is named by id or user name."""
    rows = AuditEntry.objects.order_by("-id")
    if wanted.action:
        rows = rows.filter(action__startswith=wanted.action)
    if wanted.actor == "system":
        rows = rows.filter(actor=None)
    elif wanted.actor:
        rows = rows.filter(actor=person_id(wanted.actor))
    if wanted.patient:
        rows = rows.filter(patient=person_id(wanted.patient))
    if wanted.before:
        rows = rows.filter(id__lt=wanted.before)
    return list(rows[:count])


NOBODY = UUID(int=0)


def person_id(text: str) -> UUID:
    """The id that ``text`` is, or of the person of that user name; NOBODY where there is none."""
    try:
        return UUID(text)
    except ValueError:
        return User.objects.filter(username=text).values_list("pk", flat=True).first() or NOBODY


def audit_actions() -> list[str]:
    """Every action that occurs."""
    return sorted(AuditEntry.objects.order_by().values_list("action", flat=True).distinct())


def names_of(entries: list[AuditEntry]) -> dict[UUID, str]:
    """User names of everyone in these entries; the erased are missing."""
    ids = {one for entry in entries for one in (entry.actor, entry.patient) if one}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))
