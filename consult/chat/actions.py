"""Everything that changes a conversation. Each action checks, writes, audits and, after commit, announces."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import NamedTuple
from unicodedata import category
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import audit
from accounts.models import User
from consult.chat import access, cases, dispatch, events, reading, render
from consult.chat.models import Assessment, Case, Conversation, Message, Reply
from consult.chat.protocol import ErrorCode
from consult.safety import messages as cards
from consult.safety import triage
from consult.safety.types import Assessment as Assessed
from consult.safety.types import Card, Language, Level, highest, language_from

FIXED_LEVELS = {Level.EMERGENCY, Level.CRISIS}
TITLE_MAX = 60


class Refused(Exception):
    """The action was not done. ``code`` is one of the error frame's; the text is for the person."""

    def __init__(self, code: ErrorCode, text: str, retry_after_s: int = 0) -> None:
        super().__init__(code)
        self.code, self.text, self.retry_after_s = code, text, retry_after_s


class Posted(NamedTuple):
    """What came of a message."""

    message: Message
    created: bool


def start_conversation(patient: User, *, language: str, subject: str = "self") -> Conversation:
    """A fresh conversation of ``patient``."""
    if not patient.is_patient:
        raise access.NotFound
    with transaction.atomic():
        conversation = Conversation.objects.create(
            patient=patient, language=language, subject=subject if subject in ("self", "other") else "self"
        )
        audit.record(patient, "conversation.started", conversation, patient=patient.pk)
    return conversation


def post_patient_message(
    patient: User, conversation_id: UUID, client_id: UUID, text: str, replaces: UUID | None = None
) -> Posted:
    """Store what the patient sent, decide how urgent it is, and see that somebody or something answers.

    One transaction: the message, its assessment, the fixed card, the case and the audit stand together or not
    at all. Sending again with the same ``client_id`` gives the first message back. ``replaces`` names an earlier
    message of the patient's in this conversation; both versions stay.
    """
    text = checked_text(text)
    with transaction.atomic():
        conversation = access.locked_conversation_for(patient, conversation_id)
        if conversation.patient_id != patient.pk:
            raise access.NotFound
        known = conversation.messages.filter(client_id=client_id).first()
        if known is not None:
            return Posted(known, created=False)
        assessed = reading.assess(conversation, text)
        if assessed.level not in FIXED_LEVELS:
            check_rate(patient)
        message = append(
            conversation, Message.Author.PATIENT, text, author=patient, client_id=client_id, level=assessed.level,
            replaces=_earlier(conversation, replaces),
        )  # fmt: skip
        if not conversation.title:
            conversation.title = title_of(text)
        conversation.level = highest(Level(conversation.level), assessed.level)
        conversation.save()
        _store_assessment(message, assessed)
        audit.record(patient, "message.sent", message, patient=patient.pk, level=assessed.level)
        _answer(conversation, message, assessed)
        events.conversation_changed(conversation.pk)
    return Posted(message, created=True)


def _earlier(conversation: Conversation, pk: UUID | None) -> Message | None:
    """The patient's message with that id: of this conversation, and nobody else's words."""
    if pk is None:
        return None
    row = conversation.messages.filter(pk=pk, author_kind=Message.Author.PATIENT).first()
    if row is None:
        raise Refused("not_found", _("The question that you changed is not here."))
    return row


def title_of(text: str) -> str:
    """The beginning of a message as a name: at most TITLE_MAX characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= TITLE_MAX:
        return line
    cut = line[: TITLE_MAX - 1]
    whole = cut.rpartition(" ")[0] if line[TITLE_MAX - 1] != " " else cut
    # A script without spaces, or one endless word, is cut where it must be.
    return (whole if len(whole) > TITLE_MAX // 2 else cut).rstrip(" ,;:，；：、") + "…"


def checked_text(text: str) -> str:
    """The text as it is stored: trimmed, without what no database or screen can hold; Refused when unusable."""
    clean = text.encode("utf-8", "replace").decode().replace("\x00", "").strip()
    if not is_visible(clean):
        raise Refused("empty", _("Please write something first."))
    if len(clean) > settings.MESSAGE_MAX_CHARS:
        limit = settings.MESSAGE_MAX_CHARS
        raise Refused("too_long", _("Please shorten your message to %(limit)d characters.") % {"limit": limit})
    return clean


def is_visible(text: str) -> bool:
    """Whether there is anything to see: zero-width signs alone would make an empty bubble."""
    return any(not one.isspace() and category(one) not in ("Cf", "Cc") for one in text)


def check_rate(author: User) -> None:
    """Refuse the message after too many in a minute. Counted in the database: the broker may be away."""
    recent = Message.objects.filter(author=author, created_at__gt=timezone.now() - timedelta(minutes=1))
    if recent.count() >= settings.MESSAGES_PER_MINUTE:
        raise Refused("too_many", _("That was a lot at once. Please wait a minute, then go on."), retry_after_s=60)


def append(conversation: Conversation, author_kind: str, body: str, **fields: object) -> Message:
    """The next message of a conversation that the caller has locked."""
    conversation.last_seq += 1
    conversation.updated_at = timezone.now()
    conversation.save(update_fields=["last_seq", "updated_at"])
    return Message.objects.create(
        conversation=conversation, seq=conversation.last_seq, author_kind=author_kind, body=body, **fields
    )


def _store_assessment(message: Message, assessed: Assessed) -> None:
    Assessment.objects.create(
        message=message,
        level=assessed.level,
        message_key=assessed.message,
        subject=assessed.subject,
        rules_version=assessed.rules_version,
        findings=reading.as_json(assessed.findings),
        ms=assessed.ms,
    )


def _answer(conversation: Conversation, message: Message, assessed: Assessed) -> None:
    """Who answers: fixed text, clinician, model under supervision, or model (DESIGN.md section 4, step 3)."""
    _withdraw_open_replies(conversation)
    fixed = assessed.level in FIXED_LEVELS
    if fixed or assessed.level == Level.URGENT:
        cases.from_assessment(conversation, assessed, message)
    if fixed:
        _append_fixed(conversation, _as_reminder(assessed, message))
        return
    if conversation.holder_id is not None:
        return
    if assessed.level == Level.URGENT:
        _append_fixed(conversation, assessed)
    supervised = assessed.level == Level.URGENT and settings.URGENT_POLICY == "supervised"
    queue_reply(conversation, message, supervised=supervised)
    if supervised:
        with override(conversation.language):
            note = _("A clinician reads the answer to this before you see it. It will appear here.")
        append(conversation, Message.Author.SYSTEM, note, kind=Message.Kind.NOTICE)


def _as_reminder(assessed: Assessed, message: Message) -> Assessed:
    """The same, with a short reminder for a card where this message adds no sign to those already answered."""
    conversation = message.conversation
    answered = conversation.messages.filter(
        kind=Message.Kind.CARD, level=assessed.level, seq__gt=conversation.settled_seq
    )
    newest = conversation.messages.exclude(author_kind=Message.Author.SYSTEM).count() - 1
    if answered.exists() and not reading.is_new(assessed, newest):
        return dataclasses.replace(assessed, message=f"{assessed.level}_still")
    return assessed


def _append_fixed(conversation: Conversation, assessed: Assessed) -> Message:
    card = cards.card_for(assessed, country=settings.COUNTRY)
    return append_card(conversation, card, level=assessed.level)


def append_card(conversation: Conversation, card: Card, level: str = "") -> Message:
    """A fixed message, stored as it is shown."""
    return append(
        conversation,
        Message.Author.SOFTWARE,
        words_of(card),
        kind=Message.Kind.CARD,
        level=level or card.level,
        card=dataclasses.asdict(card),
    )


def words_of(card: Card) -> str:
    """A card as plain text."""
    pressed = [*(one.label for one in card.actions), *(one.label for one in card.choices)]
    return "\n".join([card.title, *card.paragraphs, *card.points, *pressed])


def queue_reply(conversation: Conversation, question: Message, *, supervised: bool = False) -> Reply:
    """A reply row in line; its task goes to the broker after commit, and by the sweeper if that fails."""
    reply = Reply.objects.create(conversation=conversation, question=question, supervised=supervised)
    dispatch.after_commit(reply.pk)
    return reply


def _withdraw_open_replies(conversation: Conversation) -> None:
    """A new message makes the answer to the last one pointless: it ends with what was shown of it."""
    for reply in conversation.replies.filter(state__in=Reply.OPEN):
        end_reply(conversation, reply, Reply.State.STOPPED)


def end_reply(conversation: Conversation, reply: Reply, state: Reply.State) -> bool:
    """End an open reply early. Sentences that the patient saw stay, as a message; True where it was still open."""
    now = timezone.now()
    changed = Reply.objects.filter(pk=reply.pk, state__in=Reply.OPEN).update(
        state=state, finished_at=now, lease_until=None
    )
    if not changed:
        return False
    reply.refresh_from_db()
    shown = [] if reply.supervised else shown_text(reply)
    if shown:
        reply.message = append(conversation, Message.Author.SOFTWARE, render.joined(shown))
        reply.final = reply.message.body
        reply.composed = reply.composed or "model"
        reply.save(update_fields=["message", "final", "composed"])
    return True


def shown_text(reply: Reply) -> list[str]:
    """The sentences let through so far, with their marks."""
    rows = reply.sentences.filter(attempt=reply.attempt, number__isnull=False).order_by("number")
    return [render.marked(row.text, row.citations) for row in rows]


def stop_reply(user: User, conversation_id: UUID, reply_id: UUID) -> bool:
    """The patient wants no more of this answer. False where it had ended already."""
    with transaction.atomic():
        conversation = access.locked_conversation_for(user, conversation_id)
        reply = access.reply_for(user, conversation, reply_id)
        stopped = end_reply(conversation, reply, Reply.State.STOPPED)
        if stopped:
            audit.record(user, "reply.stopped", reply, patient=conversation.patient_id)
            events.conversation_changed(conversation.pk)
    return stopped


def request_person(patient: User, conversation_id: UUID) -> None:
    """The patient wants a human: a case, and a note in the conversation. Asking twice changes nothing."""
    with transaction.atomic():
        conversation = access.locked_conversation_for(patient, conversation_id)
        if conversation.person_requested_at is not None or conversation.holder_id is not None:
            return
        conversation.person_requested_at = timezone.now()
        conversation.save(update_fields=["person_requested_at"])
        level = highest(Level(conversation.level), Level.ROUTINE)
        last = conversation.messages.filter(author_kind=Message.Author.PATIENT).order_by("seq").last()
        words = last.body if last else ""
        cases.open_or_raise(conversation, level, Case.Cause.PERSON, reason="", words=words, message=last)
        with override(conversation.language):
            note = _("You asked for a person. A clinician has been told and will answer here.")
        append(conversation, Message.Author.SYSTEM, note, kind=Message.Kind.NOTICE)
        audit.record(patient, "person.requested", conversation, patient=patient.pk)
        events.conversation_changed(conversation.pk)


def post_clinician_message(clinician: User, conversation_id: UUID, client_id: UUID, text: str) -> Posted:
    """The words of the clinician who holds the conversation; anybody else is refused."""
    text = checked_text(text)
    with transaction.atomic():
        conversation = access.locked_conversation_for(clinician, conversation_id)
        if not clinician.is_clinician:
            raise access.NotFound
        known = conversation.messages.filter(client_id=client_id).first()
        if known is not None:
            return Posted(known, created=False)
        if conversation.holder_id != clinician.pk:
            raise Refused("not_allowed", _("Take the conversation first, then answer."))
        message = append(conversation, Message.Author.CLINICIAN, text, author=clinician, client_id=client_id)
        audit.record(clinician, "message.sent", message, patient=conversation.patient_id)
        events.conversation_changed(conversation.pk)
    return Posted(message, created=True)


def language_of(message: Message) -> Language:
    """The language to answer a message in: its own where it has one, else that of the conversation's pages."""
    return triage.language_of(message.body) or language_from(message.conversation.language)
