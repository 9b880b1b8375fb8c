"""The clinician's door to cases. Every read of health data through it is an audit entry (promise P7)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from accounts import audit
from accounts.models import Role, User
from consult.chat import access as chat
from consult.chat.models import Attachment, Case, Message, Reply

NotFound = chat.NotFound


def queue_for(clinician: User) -> list[Case]:
    """The open cases, most urgent first. Without an audit entry: the caller records what was shown."""
    return list(chat.open_cases_for(clinician))


def read_queue(clinician: User) -> list[Case]:
    """As ``queue_for``, on record."""
    cases = queue_for(clinician)
    audit.record(clinician, "queue.read", cases=len(cases))
    return cases


def case_for(clinician: User, pk: UUID) -> Case:
    """That case, where ``clinician`` may see it; nothing of it has been shown yet."""
    return chat.case_for(clinician, pk)


def read_case(clinician: User, pk: UUID, *, via: str = "page") -> Case:
    """That case, on record."""
    case = case_for(clinician, pk)
    audit.record(clinician, "case.read", case, patient=case.conversation.patient_id, via=via)
    return case


def messages_of(case: Case) -> list[Message]:
    """What the conversation held while the case was open: a closed case shows nothing that came later."""
    rows = case.conversation.messages.select_related("author", "assessment", "reply__approved_by", "attachment")
    if case.closed_at is not None:
        rows = rows.filter(created_at__lte=case.closed_at)
    return list(rows.order_by("seq"))


def read_document(clinician: User, case_pk: UUID, pk: UUID, *, via: str) -> Attachment:
    """A photo or PDF that the patient sent while the case was open, on record; what was not sent stays theirs."""
    case = case_for(clinician, case_pk)
    shown = {message.pk for message in messages_of(case)}
    attachment = case.conversation.attachments.select_related("message").filter(pk=pk).first()
    if attachment is None or attachment.message_id not in shown:
        raise NotFound
    audit.record(clinician, "document.viewed", attachment, patient=case.conversation.patient_id, via=via)
    return attachment


def replies_of(case: Case) -> QuerySet[Reply]:
    """The software's answers in that conversation, oldest first, with the guard's word on each sentence."""
    rows = case.conversation.replies.select_related("question", "approved_by").prefetch_related("sentences")
    if case.closed_at is not None:
        rows = rows.filter(queued_at__lte=case.closed_at)
    return rows.order_by("queued_at")


def colleagues_of(clinician: User) -> QuerySet[User]:
    """The other clinicians, to whom a case can be handed."""
    others = User.objects.filter(role=Role.CLINICIAN, is_active=True).exclude(pk=clinician.pk)
    return others.order_by("-on_duty", "display_name", "username")
