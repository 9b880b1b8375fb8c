"""Every frame of the WebSocket, version 1. The only place where frames are defined.

One JSON object a frame, with ``type``. Unknown types and fields are refused in both directions. A frame is
never the only carrier of anything: what it says stands in the database too, so one that is lost costs
nothing after the next ``hello``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

VERSION = 1

CLOSE_BAD_FRAMES = 4400
CLOSE_SIGNED_OUT = 4401
CLOSE_NOT_FOUND = 4404
CLOSE_VERSION = 4409
CLOSE_TOO_MANY = 4429
CLOSE_TRY_LATER = 1013  # the live channel is away: the page goes on by HTTP and tries again

MessageKind = Literal["text", "card", "notice"]
AuthorKind = Literal["patient", "software", "clinician", "system"]
LevelName = Literal["emergency", "crisis", "urgent", "routine", "self_care"]
ReplyState = Literal["queued", "running", "done", "failed", "stopped", "waiting_approval", "withheld"]
ErrorCode = Literal["bad_frame", "too_long", "empty", "too_many", "not_allowed", "not_found", "closed", "unavailable"]
CaseState = Literal["waiting", "claimed", "closed"]


class Frame(BaseModel):
    """What all frames share: nothing undeclared, nothing changed after making."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


# What a page sends


class Hello(Frame):
    """First frame of every connection: ``last_seq`` is the newest message that the page holds, 0 for none."""

    type: Literal["hello"] = "hello"
    version: int
    last_seq: int = Field(default=0, ge=0)


class PatientMessage(Frame):
    """``client_id`` is made by the page for each bubble: sending again with the same one makes nothing new.

    ``replaces`` is the patient's earlier message of which this is a new version.
    """

    type: Literal["patient.message"] = "patient.message"
    client_id: UUID
    text: str
    replaces: UUID | None = None


class ClinicianMessage(Frame):
    """As ``patient.message``, from the clinician who holds the conversation."""

    type: Literal["clinician.message"] = "clinician.message"
    client_id: UUID
    text: str


class ReplyStop(Frame):
    """Stop writing that answer."""

    type: Literal["reply.stop"] = "reply.stop"
    reply: UUID


class Typing(Frame):
    """Somebody is typing; forwarded, never stored."""

    type: Literal["typing"] = "typing"


class Seen(Frame):
    """The newest message that was on the screen."""

    type: Literal["seen"] = "seen"
    seq: int = Field(ge=0)


ClientFrame = Annotated[
    Hello | PatientMessage | ClinicianMessage | ReplyStop | Typing | Seen, Field(discriminator="type")
]
client_frame: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)


# What we send


class Citation(Frame):
    """A source under an answer. ``url`` is a page of ours."""

    number: int
    title: str
    source: str
    reviewed: str
    date: str
    text: str
    url: str


class MessageView(Frame):
    """A message as a page draws it. ``html`` is rendered and sanitised here; ``text`` is what was written."""

    id: UUID
    seq: int
    author: AuthorKind
    author_name: str
    label: str  # "Written by software · checked against 2 sources", in the reader's language
    kind: MessageKind
    level: LevelName | None
    text: str
    html: str
    at: str  # ISO 8601, UTC
    client_id: UUID | None
    replaces: UUID | None  # the earlier message of which this is a new version
    reply: UUID | None
    document: str  # address of the photo or document that its words are from, "" for none
    citations: list[Citation]


class ReplyView(Frame):
    """An answer that is being written: ``sentences`` are those let through so far."""

    id: UUID
    state: ReplyState
    attempt: int
    sentences: list[str]  # rendered, sanitised HTML, one a sentence
    place: int  # how many are before it in line; 0 when it is being written
    wait: str  # what to expect, in words: "about 2 min"; "" where nothing is known


class Snapshot(Frame):
    """The state of the conversation after ``hello``: all messages newer than ``last_seq``, and any open answer."""

    type: Literal["snapshot"] = "snapshot"
    version: int
    conversation: UUID
    title: str
    level: LevelName
    held_by: str  # name of the clinician who holds it, "" for none
    person_requested: bool
    person_status: str  # what became of the request for a person, in words; "" for none
    last_seq: int
    messages: list[MessageView]
    reply: ReplyView | None


class MessageCreated(Frame):
    """A new message stands in the conversation. For the page that sent it, the confirmation."""

    type: Literal["message.created"] = "message.created"
    message: MessageView


class ReplyStarted(Frame):
    """An answer was queued, or is being written (again, with a higher ``attempt``: drop what was shown)."""

    type: Literal["reply.started"] = "reply.started"
    reply: UUID
    attempt: int
    state: ReplyState
    place: int
    wait: str


class ReplyChunk(Frame):
    """Sentence ``number`` (from 0) of that attempt: sanitised HTML."""

    type: Literal["reply.chunk"] = "reply.chunk"
    reply: UUID
    attempt: int
    number: int
    html: str


class ReplyDone(Frame):
    """The whole answer, which replaces the sentences shown so far."""

    type: Literal["reply.done"] = "reply.done"
    reply: UUID
    message: MessageView


class ReplyFailed(Frame):
    """No answer will come from this reply; ``reason`` is a sentence for the patient, ``state`` the end state."""

    type: Literal["reply.failed"] = "reply.failed"
    reply: UUID
    state: ReplyState
    reason: str


class Notice(Frame):
    """A state of the conversation in words: a clinician has it, it was given back, somebody is typing."""

    type: Literal["notice"] = "notice"
    code: Literal["held", "given_back", "person_requested", "typing", "waiting_approval"]
    text: str
    held_by: str


class CaseView(Frame):
    """A row of the clinicians' queue."""

    id: UUID
    conversation: UUID
    state: CaseState
    level: LevelName
    reason: str
    words: str  # the patient's words that raised it, at most 120 characters
    person: str  # "F, 61", as far as the patient shared it
    claimed_by: str
    mine: bool
    opened_at: str
    due_at: str
    seen: bool


class CaseOpened(Frame):
    """A case came into the queue."""

    type: Literal["case.opened"] = "case.opened"
    case: CaseView


class CaseChanged(Frame):
    """A case was claimed, raised, handed over, given back or closed."""

    type: Literal["case.changed"] = "case.changed"
    case: CaseView


class Presence(Frame):
    """Whether a person of that kind is on this conversation now."""

    type: Literal["presence"] = "presence"
    who: AuthorKind
    present: bool


class Error(Frame):
    """The last frame was refused; nothing was done. ``client_id`` names the message, where it was one."""

    type: Literal["error"] = "error"
    code: ErrorCode
    text: str
    client_id: UUID | None = None
    retry_after_s: int = 0


ServerFrame = (
    Snapshot
    | MessageCreated
    | ReplyStarted
    | ReplyChunk
    | ReplyDone
    | ReplyFailed
    | Notice
    | CaseOpened
    | CaseChanged
    | Presence
    | Error
)


def parse(text: str) -> ClientFrame:
    """The frame in ``text``; pydantic's ValidationError for anything else."""
    return client_frame.validate_json(text)


def dump(frame: Frame) -> dict[str, Any]:
    """The frame as plain JSON values."""
    return frame.model_dump(mode="json")
