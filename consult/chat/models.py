"""What is kept of a conversation. Fields and invariants only: what happens to them is in actions.py.

The case stands here, not in the review room, because it opens in the same transaction as the message that
causes it (see DECISIONS.md).
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedJSONField, EncryptedTextField


class LevelChoice(models.TextChoices):
    """Safety's levels, with the words that people see."""

    EMERGENCY = "emergency", _("Emergency")
    CRISIS = "crisis", _("Crisis")
    URGENT = "urgent", _("Urgent")
    ROUTINE = "routine", _("Routine")
    SELF_CARE = "self_care", _("Self-care")


class Conversation(models.Model):
    """One patient's conversation. ``level`` only rises, except by a clinician."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = EncryptedTextField(default="")
    language = models.CharField(max_length=8, default="en")
    subject = models.CharField(max_length=8, default="self")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    level = models.CharField(max_length=16, choices=LevelChoice.choices, default=LevelChoice.SELF_CARE)
    # While a clinician holds it, the model writes nothing to the patient.
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="held_conversations"
    )
    person_requested_at = models.DateTimeField(null=True, blank=True)
    last_seq = models.PositiveIntegerField(default=0)
    # Signs up to this message were dealt with by a clinician: alone they raise nothing any more.
    settled_seq = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # A patient's list, newest first.
        indexes = [models.Index(fields=["patient", "-updated_at"], name="conversation_list")]


class Message(models.Model):
    """One thing said. ``seq`` orders the conversation; clocks do not."""

    class Author(models.TextChoices):
        PATIENT = "patient", _("Patient")
        SOFTWARE = "software", _("Software")
        CLINICIAN = "clinician", _("Clinician")
        SYSTEM = "system", _("Notice")

    class Kind(models.TextChoices):
        TEXT = "text", "text"
        CARD = "card", "card"
        NOTICE = "notice", "notice"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    author_kind = models.CharField(max_length=16, choices=Author.choices)
    # A patient's go with their conversation, when an account is erased; what a clinician wrote keeps its author.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.RESTRICT)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.TEXT)
    level = models.CharField(max_length=16, choices=LevelChoice.choices, blank=True)
    body = EncryptedTextField()
    card = EncryptedJSONField(null=True)
    client_id = models.UUIDField(null=True, blank=True)
    # The patient's earlier wording of the same question. It stays, and so does its answer.
    replaces = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="versions")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq"),
            # Sending again creates nothing new (promise P1).
            models.UniqueConstraint(fields=["conversation", "client_id"], name="message_client_id"),
        ]
        # The rate limit counts a person's messages of the last minute.
        indexes = [models.Index(fields=["author", "-created_at"], name="message_author_recent")]


class Assessment(models.Model):
    """What triage said when that message had arrived: level, and why (promise P6)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="assessment")
    level = models.CharField(max_length=16, choices=LevelChoice.choices)
    message_key = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=8, default="self")
    rules_version = models.CharField(max_length=64)
    findings = EncryptedJSONField(default=list)
    ms = models.FloatField()


class Reply(models.Model):
    """An answer of the model, from the question to the end state, with all that explains it later (promise P6).

    The row is the authority over who may write it: ``state``, ``attempt`` and ``lease_until`` change only by
    conditional UPDATE. A worker whose attempt number is not the row's any more writes nothing.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("In line")
        RUNNING = "running", _("Being written")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")
        WAITING_APPROVAL = "waiting_approval", _("Waiting for a clinician")
        WITHHELD = "withheld", _("Withheld")

    OPEN = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="replies")
    question = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="replies")
    message = models.OneToOneField(Message, null=True, on_delete=models.SET_NULL, related_name="reply")
    supervised = models.BooleanField(default=False)  # goes to a clinician first
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=128, blank=True)  # name of the process that claimed it
    lease_until = models.DateTimeField(null=True)
    failure = models.CharField(max_length=32, blank=True)
    queued_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)  # when the task was last put on the broker
    started_at = models.DateTimeField(null=True)
    first_sentence_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    composed = models.CharField(max_length=8, blank=True)  # model, passages, fixed, none or asked
    base_model = models.CharField(max_length=128, blank=True)
    base_hash = models.CharField(max_length=64, blank=True)
    adapter = models.CharField(max_length=128, blank=True)
    adapter_hash = models.CharField(max_length=64, blank=True)
    prompt_version = models.CharField(max_length=32, blank=True)
    guard_version = models.CharField(max_length=32, blank=True)
    passages = EncryptedJSONField(default=list)  # library passage ids in order of their numbers
    used = models.JSONField(default=list)  # names of the profile fields that the answer rests on, never what they say
    draft = EncryptedTextField(default="")  # what the model wrote, before the guard
    final = EncryptedTextField(default="")  # what was let through, or approved
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="approved_replies"
    )
    approved_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The sweeper looks for open replies; few rows are open at any time.
            models.Index(fields=["queued_at"], name="reply_open", condition=Q(state__in=["queued", "running"])),
            models.Index(fields=["conversation", "-queued_at"], name="reply_conversation"),
        ]


class ReplySentence(models.Model):
    """One sentence as the guard judged it. Those let through have a ``number``; others keep why not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reply = models.ForeignKey(Reply, on_delete=models.CASCADE, related_name="sentences")
    attempt = models.PositiveSmallIntegerField()
    position = models.PositiveIntegerField()
    number = models.PositiveIntegerField(null=True)
    text = EncryptedTextField()
    citations = models.JSONField(default=list)
    reasons = EncryptedJSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["reply", "attempt", "position"], name="sentence_position")]


class Case(models.Model):
    """A conversation that needs a clinician. At most one is open for a conversation."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        CLAIMED = "claimed", _("Taken")
        CLOSED = "closed", _("Closed")

    class Cause(models.TextChoices):
        TRIAGE = "triage", _("Red flag")
        PERSON = "person", _("Asked for a person")
        FAILED = "failed", _("No answer could be written")

    OPEN = (State.WAITING, State.CLAIMED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="cases")
    message = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    level = models.CharField(max_length=16, choices=LevelChoice.choices)
    rank = models.PositiveSmallIntegerField()  # of the level, for the order of the queue
    cause = models.CharField(max_length=16, choices=Cause.choices)
    reason = EncryptedTextField(default="")  # why, in a sentence
    words = EncryptedTextField(default="")  # the patient's words that were seen
    opened_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)  # first shown to a clinician
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="claimed_cases"
    )
    claimed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="closed_cases"
    )
    outcome = models.CharField(max_length=16, blank=True)
    note = EncryptedTextField(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], name="one_open_case", condition=Q(state__in=["waiting", "claimed"])
            )
        ]
        # The queue: open cases, most urgent first, then the earliest due.
        indexes = [
            models.Index(fields=["-rank", "due_at"], name="queue", condition=Q(state__in=["waiting", "claimed"]))
        ]


class Attachment(models.Model):
    """A photo or PDF that a patient brings. The file lies sealed beside the database (files.py); here stands what is
    known of it. Its words become a message only when the patient has looked at them and sent them.

    As with replies the row is the authority: ``state``, ``attempt`` and ``lease_until`` change by conditional UPDATE.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("In line")
        READING = "reading", _("Being read")
        READ = "read", _("Read")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Not readable")

    OPEN = (State.WAITING, State.READING)
    KEPT = (State.READ, State.FAILED)  # clean, and the patient may send it

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="attachments")
    # What it was sent as; nothing until then.
    message = models.OneToOneField(Message, null=True, on_delete=models.CASCADE, related_name="attachment")
    kind = models.CharField(max_length=8)  # by its content: jpeg, png, webp, pdf
    size = models.PositiveIntegerField()  # bytes of the file that is kept
    sha256 = models.CharField(max_length=64)
    pages = models.PositiveSmallIntegerField(default=0)
    pages_read = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=16, blank=True)  # why it was refused, or could not be read
    text = EncryptedTextField(default="")  # as it was read, before the patient corrected it
    corrected = models.BooleanField(null=True)  # whether the patient changed the words before sending them
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)  # when the task was last put on the broker
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The sweeper looks for files that nobody reads; few rows are open at any time.
            models.Index(fields=["created_at"], name="attachment_open", condition=Q(state__in=["waiting", "reading"])),
            # What is not sent yet: shown to its patient, and forgotten after some days.
            models.Index(fields=["created_at"], name="attachment_unsent", condition=Q(message=None)),
        ]

    @property
    def is_picture(self) -> bool:
        """Can be shown as it is; a PDF is taken along instead."""
        return self.kind != "pdf"

    @property
    def media_type(self) -> str:
        """Of the file that is kept: every picture is made anew as a JPEG."""
        return "image/jpeg" if self.is_picture else "application/pdf"


class FollowUp(models.Model):
    """A patient's wish to be asked how it is. One open a conversation; ``state`` changes only by conditional UPDATE."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        ASKED = "asked", _("Asked")
        ANSWERED = "answered", _("Answered")
        DROPPED = "dropped", _("Dropped")

    OPEN = (State.WAITING, State.ASKED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="follow_ups")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()
    by_mail = models.BooleanField(default=False)
    asked_at = models.DateTimeField(null=True)
    # A try to send the mail: nobody else tries before this time, and nobody once it is sent.
    mail_next_at = models.DateTimeField(null=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)
    answer = EncryptedTextField(default="")  # better, same or worse
    answered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], name="one_open_follow_up", condition=Q(state__in=["waiting", "asked"])
            )
        ]
        # The sweeper looks for those that are due.
        indexes = [models.Index(fields=["due_at"], name="follow_up_due", condition=Q(state="waiting"))]


class Heartbeat(models.Model):
    """The last sign of life of a background process, and what it says of itself."""

    name = models.CharField(max_length=128, primary_key=True)
    kind = models.CharField(max_length=16)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ready = models.BooleanField(default=False)
    info = models.JSONField(default=dict)
