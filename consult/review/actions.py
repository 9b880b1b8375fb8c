"""What a clinician does with a case. Each action locks the conversation, checks, writes, audits and announces.

The lock is the conversation's, the same as the patient's message and the worker's last step take: while one of
these runs nobody else changes who answers, so that the model and a clinician never both do (promise P5).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.models import User
from consult.chat import access as chat
from consult.chat import actions as chat_actions
from consult.chat import cases, events
from consult.chat.models import Case, Conversation, LevelChoice, Message, Reply
from consult.review import access
from consult.safety.types import Level

Refused = chat_actions.Refused
Posted = chat_actions.Posted
NOTE_MAX = 4000


class Outcome(models.TextChoices):
    """How a case ended."""

    ADVISED = "advised", gettext_lazy("Advice given here")
    CARE_TODAY = "care_today", gettext_lazy("Sent to be seen today")
    CARE_SOON = "care_soon", gettext_lazy("To see a clinician in the next days")
    AMBULANCE = "ambulance", gettext_lazy("Ambulance or emergency department")
    NO_ANSWER = "no_answer", gettext_lazy("Patient did not answer")
    FALSE_ALARM = "false_alarm", gettext_lazy("Not as serious as the rule assumed")


class Taken(Refused):
    """Somebody else was first; ``holder`` is their name."""

    def __init__(self, holder: str) -> None:
        super().__init__("not_allowed", _("%(name)s has this case.") % {"name": holder})
        self.holder = holder


def mark_seen(shown: Iterable[Case]) -> None:
    """These cases stood on a clinician's screen: the sweeper need not announce them again."""
    Case.objects.filter(pk__in=[case.pk for case in shown], seen_at=None).update(seen_at=timezone.now())


def claim(clinician: User, pk: UUID) -> Case:
    """Take the case: from now on ``clinician`` answers, and the model is silent. Taken where another was first."""
    with transaction.atomic():
        case = _locked(clinician, pk)
        if _mine(case, clinician):
            return case
        now = timezone.now()
        won = Case.objects.filter(pk=pk, state=Case.State.WAITING).update(
            state=Case.State.CLAIMED, claimed_by=clinician, claimed_at=now, changed_at=now
        )
        if won:
            _silence_model(case.conversation)
            _set_holder(case.conversation, clinician)
            case.refresh_from_db(fields=["state", "claimed_by", "claimed_at", "changed_at"])
            _done(clinician, "case.claimed", case)
        else:
            patient = case.conversation.patient_id
            audit.record(clinician, "case.claimed", case, patient=patient, result="refused")
    if not won:
        _refuse(case)
    return case


def reply(clinician: User, pk: UUID, client_id: UUID, text: str) -> Posted:
    """The clinician's words to the patient; Refused for one who does not hold the case."""
    case = access.case_for(clinician, pk)
    if case.state == Case.State.CLOSED:
        raise Refused("closed", _("This case is closed."))
    return chat_actions.post_clinician_message(clinician, case.conversation_id, client_id, text)


def release(clinician: User, pk: UUID) -> Case:
    """Give the case back to the queue; the model may answer the next message."""
    with transaction.atomic():
        case = _held(clinician, pk)
        _let_go(case)
        _done(clinician, "case.released", case)
    return case


def release_all_of(holder: User, by: User) -> int:
    """Give back every case of a clinician who leaves, so that no patient waits for them; returns how many."""
    mine = Case.objects.filter(claimed_by=holder, state=Case.State.CLAIMED)
    with transaction.atomic():
        released = 0
        for pk, conversation in mine.values_list("pk", "conversation_id"):
            locked = chat.lock(conversation)
            case = Case.objects.get(pk=pk)
            if not _mine(case, holder):
                continue
            case.conversation = locked
            _let_go(case)
            _done(by, "case.released", case, holder=str(holder.pk))
            released += 1
    return released


def hand_over(clinician: User, pk: UUID, to: UUID) -> Case:
    """Give the case to a colleague, who has it from now on."""
    with transaction.atomic():
        case = _held(clinician, pk)
        colleague = access.colleagues_of(clinician).filter(pk=to).first()
        if colleague is None:
            raise Refused("not_found", _("Choose a colleague."))
        now = timezone.now()
        case.claimed_by, case.claimed_at, case.changed_at = colleague, now, now
        case.save(update_fields=["claimed_by", "claimed_at", "changed_at"])
        _set_holder(case.conversation, colleague)
        _done(clinician, "case.handed_over", case, to=str(colleague.pk))
    return case


def close(clinician: User, pk: UUID, outcome: str, note: str) -> Case:
    """End the case with its outcome and the reason in ``note``; the conversation goes back to the model.

    A clinician has dealt with all signs so far: they are settled, and the level falls to self-care (promise P4).
    """
    if outcome not in Outcome.values:
        raise Refused("bad_frame", _("Choose how it ended."))
    note = _checked_note(note, _("Write down what was done and why."))
    with transaction.atomic():
        case = _held(clinician, pk)
        now = timezone.now()
        before = case.conversation.level
        case.state, case.closed_at, case.closed_by, case.changed_at = Case.State.CLOSED, now, clinician, now
        case.outcome, case.note = outcome, _added(case.note, note)
        case.save(update_fields=["state", "closed_at", "closed_by", "changed_at", "outcome", "note"])
        _withdraw_drafts(case.conversation, now)
        _settle(case.conversation, Level.SELF_CARE)
        _end_request(case.conversation)
        _done(clinician, "case.closed", case, outcome=outcome, level_before=before)
    return case


def lower(clinician: User, pk: UUID, level: str, reason: str) -> Case:
    """Set a lower level, with the reason for it. The signs that raised it are settled and raise nothing alone."""
    reason = _checked_note(reason, _("Write down why the level may be lower."))
    with transaction.atomic():
        case = _held(clinician, pk)
        if level not in LevelChoice.values or Level(level).rank >= case.rank:
            raise Refused("bad_frame", _("Choose a level lower than now."))
        before, now = case.level, timezone.now()
        change = _("Level lowered from %(before)s to %(after)s: ") % {
            "before": LevelChoice(before).label, "after": LevelChoice(level).label,
        }  # fmt: skip
        case.level, case.rank = level, Level(level).rank
        case.due_at, case.changed_at = now + cases.DUE[Level(level)], now
        case.note = _added(case.note, change + reason)
        case.save(update_fields=["level", "rank", "due_at", "changed_at", "note"])
        _settle(case.conversation, Level(level))
        _done(clinician, "case.lowered", case, level_before=before, level=level)
    return case


def approve(clinician: User, pk: UUID, reply_id: UUID, text: str) -> Message:
    """Send the software's draft as ``text``, which the clinician may have changed. Draft and final are both kept."""
    text = chat_actions.checked_text(text)
    with transaction.atomic():
        case = _held(clinician, pk)
        draft = _waiting_draft(case, reply_id)
        now = timezone.now()
        won = Reply.objects.filter(pk=draft.pk, state=Reply.State.WAITING_APPROVAL).update(
            state=Reply.State.DONE, approved_by=clinician, approved_at=now
        )
        if not won:
            raise Refused("closed", _("This draft was dealt with already."))
        draft.refresh_from_db()
        edited = text != draft.final.strip()
        draft.message = chat_actions.append(case.conversation, Message.Author.SOFTWARE, text)
        draft.final = text
        draft.save(update_fields=["message", "final"])
        _record(clinician, "reply.approved", case, reply=str(draft.pk), edited="yes" if edited else "no")
        events.conversation_changed(case.conversation_id)
    return draft.message


def discard(clinician: User, pk: UUID, reply_id: UUID) -> None:
    """The draft is not sent; it stays on record."""
    with transaction.atomic():
        case = _held(clinician, pk)
        draft = _waiting_draft(case, reply_id)
        draft.state = Reply.State.WITHHELD
        draft.save(update_fields=["state"])
        _record(clinician, "reply.discarded", case, reply=str(draft.pk))
        events.conversation_changed(case.conversation_id)


def _locked(clinician: User, pk: UUID) -> Case:
    """The case as it is under its conversation's lock; ``case.conversation`` is the locked row."""
    locked = chat.lock(access.case_for(clinician, pk).conversation_id)
    case = access.case_for(clinician, pk)
    case.conversation = locked
    return case


def _held(clinician: User, pk: UUID) -> Case:
    """As ``_locked``, for the one who holds it; Refused for all others."""
    case = _locked(clinician, pk)
    if not _mine(case, clinician):
        _refuse(case)
    return case


def _mine(case: Case, clinician: User) -> bool:
    return case.state == Case.State.CLAIMED and case.claimed_by_id == clinician.pk


def _refuse(case: Case) -> None:
    """Say who has it, or that nobody has."""
    if case.state == Case.State.CLOSED:
        raise Refused("closed", _("This case is closed."))
    if case.claimed_by is not None:
        raise Taken(case.claimed_by.name)
    raise Refused("not_allowed", _("Take the case first."))


def _waiting_draft(case: Case, reply_id: UUID) -> Reply:
    draft = case.conversation.replies.filter(pk=reply_id).first()
    if draft is None:
        raise access.NotFound
    if draft.state != Reply.State.WAITING_APPROVAL:
        raise Refused("closed", _("This draft was dealt with already."))
    return draft


def _silence_model(conversation: Conversation) -> None:
    """End what is in line or being written, in the claim's own transaction."""
    for one in conversation.replies.filter(state__in=Reply.OPEN):
        chat_actions.end_reply(conversation, one, Reply.State.WITHHELD)


def _withdraw_drafts(conversation: Conversation, now: datetime) -> None:
    """A draft that nobody approved before the case ended is never sent."""
    waiting = conversation.replies.filter(state=Reply.State.WAITING_APPROVAL)
    waiting.update(state=Reply.State.WITHHELD, finished_at=now)


def _set_holder(conversation: Conversation, holder: User | None) -> None:
    conversation.holder = holder
    conversation.save(update_fields=["holder"])


def _let_go(case: Case) -> None:
    """Back to the queue, due when it was due before."""
    case.state, case.claimed_by, case.claimed_at = Case.State.WAITING, None, None
    case.changed_at = timezone.now()
    case.save(update_fields=["state", "claimed_by", "claimed_at", "changed_at"])
    _set_holder(case.conversation, None)


def _settle(conversation: Conversation, level: Level) -> None:
    """The one place where a conversation's level falls."""
    conversation.level = level
    conversation.settled_seq = conversation.last_seq
    conversation.save(update_fields=["level", "settled_seq"])


def _end_request(conversation: Conversation) -> None:
    """Nobody holds it and nobody is asked for any more."""
    conversation.holder = conversation.person_requested_at = None
    conversation.save(update_fields=["holder", "person_requested_at"])


def _checked_note(text: str, missing: str) -> str:
    clean = text.replace("\x00", "").strip()
    if not clean:
        raise Refused("empty", missing)
    return clean[:NOTE_MAX]


def _added(notes: str, note: str) -> str:
    return f"{notes}\n{note}".strip()


def _record(clinician: User, action: str, case: Case, **detail: str) -> None:
    audit.record(clinician, action, case, patient=case.conversation.patient_id, **detail)


def _done(clinician: User, action: str, case: Case, **detail: str) -> None:
    """On record, and told to every open queue and every page on the conversation."""
    _record(clinician, action, case, **detail)
    events.case_changed(case)
    events.conversation_changed(case.conversation_id)
