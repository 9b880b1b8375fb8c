"""Checking on a patient who asked for it: the wish, the question when it is due, the mail, the answer.

The row is the authority. ``ask_those_due`` may be run by any process, often, and needs no broker; ``send_mails`` is
run by beat's timetable. Both claim by a conditional UPDATE, so that two at once ask once. The mail names neither
conversation nor health: it says that there is a message, and where.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import audit
from accounts.consent import has_consented
from accounts.models import User
from consult.chat import access, actions, events
from consult.chat.models import Conversation, FollowUp, Message
from consult.safety.types import Action, Card, Level, language_from

log = logging.getLogger(__name__)
DAYS = (1, 3)
ANSWERS = ("better", "same", "worse")
MAIL_RETRY = timedelta(minutes=5)
MAIL_TRIES = 3


def open_for(conversation: Conversation) -> FollowUp | None:
    """The wish that is waiting or asked, if any."""
    return conversation.follow_ups.filter(state__in=FollowUp.OPEN).first()


def asked_of(patient: User) -> list[FollowUp]:
    """Questions that wait for this patient's answer, oldest first."""
    rows = FollowUp.objects.filter(conversation__patient=patient, state=FollowUp.State.ASKED)
    return list(rows.select_related("conversation").order_by("asked_at"))


@transaction.atomic
def wish(patient: User, pk: UUID, days: int, *, by_mail: bool = False) -> None:
    """Ask in that many days, 0 for never mind; ValueError for others. A second wish takes the place of the first."""
    if days not in (0, *DAYS):
        raise ValueError(days)
    conversation = _own(patient, pk)
    dropped = conversation.follow_ups.filter(state__in=FollowUp.OPEN).update(state=FollowUp.State.DROPPED)
    if days:
        row = FollowUp.objects.create(
            conversation=conversation,
            due_at=timezone.now() + timedelta(days=days),
            by_mail=by_mail and bool(patient.email),
        )
        audit.record(patient, "follow_up.wished", row, patient=patient.pk, days=days, by_mail=row.by_mail)
    elif dropped:
        audit.record(patient, "follow_up.dropped", conversation, patient=patient.pk)


def _own(patient: User, pk: UUID) -> Conversation:
    conversation = access.locked_conversation_for(patient, pk)
    if conversation.patient_id != patient.pk:
        raise access.NotFound
    return conversation


# --- when it is due ----------------------------------------------------------------------------------------------


def ask_those_due() -> None:
    """Put the question into each conversation whose time has come."""
    due = FollowUp.objects.filter(state=FollowUp.State.WAITING, due_at__lte=timezone.now())
    for row in due.select_related("conversation__patient"):
        patient = row.conversation.patient
        if patient.is_active and has_consented(patient):
            _ask(row)
        else:
            FollowUp.objects.filter(pk=row.pk, state=FollowUp.State.WAITING).update(state=FollowUp.State.DROPPED)


@transaction.atomic
def _ask(row: FollowUp) -> None:
    """The question as a card with a link, by whoever comes first."""
    conversation = access.lock(row.conversation_id)
    now = timezone.now()
    mail_at = now if row.by_mail else None
    waiting = FollowUp.objects.filter(pk=row.pk, state=FollowUp.State.WAITING)
    if not waiting.update(state=FollowUp.State.ASKED, asked_at=now, mail_next_at=mail_at):
        return
    with override(conversation.language):
        card = _card(
            conversation,
            _("How is it now?"),
            _("You wanted us to ask. If something is much worse, do not wait for an answer here."),
            Action(_("Tell us how it is"), reverse("chat:how", args=[conversation.pk])),
        )
    actions.append_card(conversation, card)
    audit.record(None, "follow_up.asked", row, patient=conversation.patient_id)
    events.conversation_changed(conversation.pk)


def _card(conversation: Conversation, title: str, text: str, action: Action) -> Card:
    language = language_from(conversation.language)
    return Card("follow_up", Level.SELF_CARE, title, (text,), (), (action,), language)


def send_mails() -> None:
    """A mail to each patient who was asked and chose mail. A try that came to nothing is made again, three times."""
    now = timezone.now()
    ready = FollowUp.objects.filter(
        state=FollowUp.State.ASKED, mailed_at=None, mail_next_at__lte=now, mail_tries__lt=MAIL_TRIES
    )
    for row in ready.select_related("conversation__patient"):
        claim = FollowUp.objects.filter(pk=row.pk, mail_next_at=row.mail_next_at, mailed_at=None)
        if claim.update(mail_next_at=now + MAIL_RETRY, mail_tries=F("mail_tries") + 1):
            _mail(row, row.conversation.patient)


def _mail(row: FollowUp, patient: User) -> None:
    with override(patient.language):
        subject = _("%(site)s has a message for you") % {"site": settings.SITE_NAME}
        text = f"{subject}.\n{settings.SITE_URL}\n"
    try:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [patient.email])
    except OSError as error:  # smtplib's errors are OSErrors: the server is away, or refuses
        log.warning("follow-up %s not mailed: %s", row.pk, type(error).__name__)
        return
    FollowUp.objects.filter(pk=row.pk).update(mailed_at=timezone.now())


# --- the answer --------------------------------------------------------------------------------------------------


def answer(patient: User, pk: UUID, given: str, words: str) -> None:
    """Keep it. "Worse", and any words, go the way of every message; worse also gets a person offered.

    Sent twice it counts once: the row is answered by a conditional UPDATE, and its id is the message's.
    ValueError for an answer that was not offered; Refused where the words cannot be taken, and then nothing is kept.
    """
    if given not in ANSWERS:
        raise ValueError(given)
    with transaction.atomic():
        conversation = _own(patient, pk)
        row = open_for(conversation)
        if row is None:
            return
        row.state, row.answer, row.answered_at = FollowUp.State.ANSWERED, given, timezone.now()
        row.save(update_fields=["state", "answer", "answered_at"])
        audit.record(patient, "follow_up.answered", row, patient=patient.pk)
        said = {"better": _("It is better."), "same": _("It is the same."), "worse": _("It is getting worse.")}[given]
        if given == "worse" or words.strip():
            actions.post_patient_message(patient, pk, row.pk, f"{said} {words}".strip())
        else:
            note = _("You told us: %(said)s") % {"said": said}
            actions.append(conversation, Message.Author.SYSTEM, note, kind=Message.Kind.NOTICE)
            events.conversation_changed(pk)
        if given == "worse":
            _offer_person(patient, pk)


def _offer_person(patient: User, pk: UUID) -> None:
    """Unless one has been told, or is there, already."""
    conversation = access.lock(pk)
    if conversation.holder_id is not None or conversation.person_requested_at is not None:
        return
    title, text = (
        _("Would you like a person to look at this?"),
        _("A clinician can read what you wrote and answer you."),
    )
    actions.append_card(conversation, _card(conversation, title, text, Action(_("Talk to a person"), "#person")))
    events.conversation_changed(pk)
