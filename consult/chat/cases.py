"""Opening and raising a case: called inside the transaction of its cause."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts import audit
from consult.chat import events
from consult.chat.models import Case, Conversation, Message
from consult.safety.types import Assessment, Level, highest

# How soon a clinician looks, by level: the disposition of DESIGN.md in minutes.
DUE = {
    Level.EMERGENCY: timedelta(minutes=2),
    Level.CRISIS: timedelta(minutes=5),
    Level.URGENT: timedelta(minutes=30),
    Level.ROUTINE: timedelta(hours=4),
    Level.SELF_CARE: timedelta(hours=8),
}
WORDS_MAX = 120


def open_or_raise(
    conversation: Conversation, level: Level, cause: Case.Cause, *, reason: str, words: str, message: Message | None
) -> Case:
    """The conversation's open case, new or raised to ``level``. An open case never gets less urgent by itself."""
    due = timezone.now() + DUE[level]
    case = conversation.cases.filter(state__in=Case.OPEN).first()
    if case is None:
        case = Case.objects.create(
            conversation=conversation,
            message=message,
            level=level,
            rank=level.rank,
            cause=cause,
            reason=reason,
            words=words[:WORDS_MAX],
            due_at=due,
        )
        audit.record(None, "case.opened", case, patient=conversation.patient_id, level=level, cause=cause)
    elif level.rank > case.rank:
        case.level, case.rank = highest(level, Level(case.level)), level.rank
        case.due_at = min(case.due_at, due)
        case.cause, case.reason, case.words, case.message = cause, reason, words[:WORDS_MAX], message
        case.seen_at = None if case.state == Case.State.WAITING else case.seen_at
        case.changed_at = timezone.now()
        case.save()
        audit.record(None, "case.raised", case, patient=conversation.patient_id, level=level, cause=cause)
    events.case_changed(case)
    return case


def from_assessment(conversation: Conversation, assessment: Assessment, message: Message) -> Case:
    """A case for what triage found, with its reason and the words seen."""
    top = assessment.findings[0] if assessment.findings else None
    words = " … ".join(dict.fromkeys(span.text for span in top.spans)) if top else ""
    return open_or_raise(
        conversation,
        assessment.level,
        Case.Cause.TRIAGE,
        reason=f"{top.rule}: {top.why}" if top else "",
        words=words or message.body,
        message=message,
    )
