"""Who may write a reply: claim, renew, store, finish, give up. Every write is conditional on still being the one.

False (or None) always means the same: the reply belongs to another attempt now, or has ended. Write no more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import audit
from consult.chat import access, cases, events
from consult.chat.actions import append, append_card
from consult.chat.models import Case, Message, Reply, ReplySentence
from consult.safety.types import Card, Level, Verdict, highest

State = Reply.State


def claim(pk: UUID, worker: str = "") -> Reply | None:
    """Take a queued reply for the process named ``worker``; None where another has it."""
    now = timezone.now()
    changed = Reply.objects.filter(pk=pk, state=State.QUEUED, conversation__holder=None).update(
        state=State.RUNNING, attempt=F("attempt") + 1, lease_until=_lease_end(), started_at=now, worker=worker
    )
    if not changed:
        return None
    reply = Reply.objects.select_related("conversation__patient", "question").get(pk=pk)
    events.conversation_changed(reply.conversation_id)
    return reply


def renew_all(worker: str) -> None:
    """A sign of life of that process is one for every reply that it writes."""
    Reply.objects.filter(state=State.RUNNING, worker=worker).update(lease_until=_lease_end())


def take_back_from(worker: str) -> None:
    """A process of that name has just started: what an earlier one of the name was writing, it writes no more."""
    for reply in Reply.objects.filter(state=State.RUNNING, worker=worker):
        give_back(reply, "worker_lost")


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REPLY_LEASE_S)


def _mine(reply: Reply) -> QuerySet[Reply]:
    """The row, as long as this attempt is the one that writes it."""
    return Reply.objects.filter(pk=reply.pk, state=State.RUNNING, attempt=reply.attempt)


def is_mine(reply: Reply) -> bool:
    """Still writing, and still allowed to; renews the lease too."""
    return bool(_mine(reply).update(lease_until=_lease_end()))


def describe(reply: Reply, **fields: object) -> None:
    """Keep with the reply what explains it later: passages, model, prompt version."""
    for name, value in fields.items():
        setattr(reply, name, value)
    reply.save(update_fields=list(fields))


def store_sentence(reply: Reply, position: int, number: int | None, verdict: Verdict, raw: str) -> bool:
    """Keep a judged sentence; one that was let through is announced once it is committed."""
    with transaction.atomic():
        first = {"first_sentence_at": Coalesce(F("first_sentence_at"), timezone.now())} if verdict.allowed else {}
        if not _mine(reply).update(lease_until=_lease_end(), **first):
            return False
        ReplySentence.objects.create(
            reply=reply,
            attempt=reply.attempt,
            position=position,
            number=number,
            text=verdict.text if verdict.allowed else raw,
            citations=list(verdict.citations),
            reasons=[{"code": one.code, "detail": one.detail} for one in verdict.reasons],
        )
        if verdict.allowed and not reply.supervised:
            events.conversation_changed(reply.conversation_id)
    return True


def finish(reply: Reply, *, text: str = "", card: Card | None = None, draft: str = "", composed: str) -> bool:
    """The answer is whole: a message for the patient (or a fixed card), or a draft for the clinician who approves."""
    with transaction.atomic():
        conversation = access.lock(reply.conversation_id)
        waits = reply.supervised and card is None
        end = State.WAITING_APPROVAL if waits else State.DONE
        if not _mine(reply).update(state=end, finished_at=timezone.now(), lease_until=None):
            return False
        reply.refresh_from_db()
        if card is not None:
            reply.message = append_card(conversation, card)
        elif not waits:
            reply.message = append(conversation, Message.Author.SOFTWARE, text)
        reply.final = reply.message.body if reply.message else text
        reply.draft, reply.composed = draft, composed
        reply.save(update_fields=["final", "draft", "composed", "message"])
        audit.record(None, "reply.written", reply, patient=conversation.patient_id, composed=composed)
        events.conversation_changed(conversation.pk)
    return True


def give_back(reply: Reply, reason: str) -> None:
    """This attempt failed: back in line while attempts are left, else failed for all to see."""
    if reply.attempt >= settings.REPLY_MAX_ATTEMPTS:
        fail(reply.pk, reason)
        return
    if _mine(reply).update(state=State.QUEUED, lease_until=None, sent_at=None, failure=reason):
        events.conversation_changed(reply.conversation_id)


def put_back_unharmed(reply: Reply) -> None:
    """The model was busy: back in line, and the attempt does not count."""
    _mine(reply).update(state=State.QUEUED, lease_until=None, attempt=F("attempt") - 1)


def fail(pk: UUID, reason: str) -> bool:
    """No answer will come: say so in the conversation, and open a case. False where it had ended already."""
    with transaction.atomic():
        conversation = access.lock(Reply.objects.values_list("conversation_id", flat=True).get(pk=pk))
        changed = Reply.objects.filter(pk=pk, state__in=Reply.OPEN).update(
            state=State.FAILED, failure=reason, finished_at=timezone.now(), lease_until=None
        )
        if not changed:
            return False
        reply = Reply.objects.select_related("question").get(pk=pk)
        _say_failed(reply)
        level = highest(Level(conversation.level), Level.ROUTINE)
        words = reply.question.body
        cases.open_or_raise(conversation, level, Case.Cause.FAILED, reason="", words=words, message=reply.question)
        audit.record(None, "reply.failed", reply, patient=conversation.patient_id, reason=reason)
        events.conversation_changed(conversation.pk)
    return True


def _say_failed(reply: Reply) -> None:
    conversation = access.lock(reply.conversation_id)
    with override(conversation.language):
        text = _("The answer could not be finished. A clinician has been told and will answer here.")
    append(conversation, Message.Author.SYSTEM, text, kind=Message.Kind.NOTICE)
