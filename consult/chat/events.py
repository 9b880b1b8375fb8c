"""What a page is told, and when. The only sender of frames.

Through the channel layer go wake-ups with ids alone; each consumer then reads from the database what its page
has not seen. So a lost wake-up is healed by the next one, no patient text lies in the broker, and a page that
reconnects needs nothing special.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from accounts.models import User
from consult.chat import access, protocol, views_of, waiting
from consult.chat.models import Case, Conversation, Reply

log = logging.getLogger(__name__)
QUEUE_GROUP = "queue"


def group_of(conversation: UUID) -> str:
    """The channel group of one conversation."""
    return f"conversation.{conversation.hex}"


def user_group(user: UUID) -> str:
    """All sockets of one person: closed together on sign-out, role change or withdrawal."""
    return f"user.{user.hex}"


def conversation_changed(conversation: UUID) -> None:
    """After commit: every page on the conversation looks for news."""
    transaction.on_commit(lambda: _wake(group_of(conversation), {"type": "wake"}))


def case_changed(case: Case) -> None:
    """After commit: every open queue looks at that case."""
    pk = str(case.pk)
    transaction.on_commit(lambda: _wake(QUEUE_GROUP, {"type": "wake", "case": pk}))


def close_sockets_of(user: User) -> None:
    """After commit: that person's sockets close; what they may do has changed."""
    transaction.on_commit(lambda: _wake(user_group(user.pk), {"type": "signed.out"}))


def _wake(group: str, message: dict[str, Any]) -> None:
    """Best effort: with the broker away, pages poll and the sweeper announces again."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group, message)
    except Exception as error:  # any client library's error: the announcement is never worth a failed action
        log.warning("announcement not sent: %s", type(error).__name__)


async def typing(conversation: UUID, by: str, name: str) -> None:
    """Somebody types: to the other pages on the conversation, best effort, kept nowhere. ``by`` is their channel."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        await layer.group_send(group_of(conversation), {"type": "typing", "by": by, "name": name})
    except Exception as error:  # as in _wake
        log.info("typing not announced: %s", type(error).__name__)


@dataclass(slots=True)
class Cursor:
    """How far one page has been told of one conversation."""

    conversation: UUID
    user: User
    seq: int = 0
    reply: UUID | None = None
    attempt: int = 0
    number: int = -1  # of the last sentence sent
    state: str = ""
    place: int = -1
    held_by: str = ""
    person_status: str = ""


def snapshot(cursor: Cursor) -> protocol.Snapshot:
    """The state for a page that holds messages up to ``cursor.seq``; moves the cursor to now."""
    conversation = access.conversation_for(cursor.user, cursor.conversation)
    frame = views_of.snapshot(conversation, cursor.user, cursor.seq)
    cursor.seq = max(cursor.seq, frame.last_seq)
    cursor.held_by, cursor.person_status = frame.held_by, frame.person_status
    cursor.reply = None
    if frame.reply is not None:
        cursor.reply, cursor.attempt, cursor.state = frame.reply.id, frame.reply.attempt, frame.reply.state
        cursor.number, cursor.place = len(frame.reply.sentences) - 1, frame.reply.place
    return frame


def news(cursor: Cursor) -> list[protocol.Frame]:
    """The frames that bring a page from ``cursor`` to now, in order; moves the cursor."""
    conversation = access.conversation_for(cursor.user, cursor.conversation)
    return [
        *_ended_reply_news(conversation, cursor),
        *_message_news(conversation, cursor),
        *_open_reply_news(conversation, cursor),
        *_holder_news(conversation, cursor),
        *_request_news(conversation, cursor),
    ]


def _message_news(conversation: Conversation, cursor: Cursor) -> list[protocol.Frame]:
    frames: list[protocol.Frame] = []
    for message in access.messages_after(conversation, cursor.seq):
        view = views_of.message(message, cursor.user)
        cursor.seq = message.seq
        if view.reply is not None and cursor.reply == view.reply:
            cursor.reply = None
            frames.append(protocol.ReplyDone(reply=view.reply, message=view))
        else:
            frames.append(protocol.MessageCreated(message=view))
    return frames


def _ended_reply_news(conversation: Conversation, cursor: Cursor) -> list[protocol.Frame]:
    """The answer that the page watched has ended: its last sentences, or why there will be none."""
    if cursor.reply is None:
        return []
    reply = conversation.replies.filter(pk=cursor.reply).exclude(state__in=Reply.OPEN).first()
    if reply is None:
        return []
    if reply.message_id is not None:
        return _sentence_news(reply, cursor)  # the message that comes next replaces them
    cursor.reply = None
    state, reason = views_of.reply_state(reply), views_of.ending(reply)
    return [protocol.ReplyFailed(reply=reply.pk, state=state, reason=reason)]


def _open_reply_news(conversation: Conversation, cursor: Cursor) -> list[protocol.Frame]:
    """The answer in line or being written: where it stands, and its sentences."""
    reply = access.open_reply(conversation)
    if reply is None or reply.supervised:
        return []
    if (cursor.reply, cursor.attempt) != (reply.pk, reply.attempt):
        cursor.number = -1
    before = (cursor.reply, cursor.attempt, cursor.state, cursor.place)
    cursor.reply, cursor.attempt, cursor.state = reply.pk, reply.attempt, reply.state
    cursor.place = waiting.place_in_line(reply)
    frames: list[protocol.Frame] = []
    if before != (cursor.reply, cursor.attempt, cursor.state, cursor.place):
        state = views_of.reply_state(reply)
        frames.append(
            protocol.ReplyStarted(
                reply=reply.pk, attempt=reply.attempt, state=state, place=cursor.place, wait=waiting.for_answer(reply)
            )
        )
    return frames + _sentence_news(reply, cursor)


def _sentence_news(reply: Reply, cursor: Cursor) -> list[protocol.Frame]:
    frames: list[protocol.Frame] = []
    if reply.attempt != cursor.attempt:
        return frames
    for number, html in views_of.sentences(reply, cursor.number):
        cursor.number = number
        frames.append(protocol.ReplyChunk(reply=reply.pk, attempt=reply.attempt, number=number, html=html))
    return frames


def _holder_news(conversation: Conversation, cursor: Cursor) -> list[protocol.Frame]:
    held_by = conversation.holder.name if conversation.holder else ""
    if held_by == cursor.held_by:
        return []
    cursor.held_by = held_by
    return [views_of.holder_notice(held_by)]


def _request_news(conversation: Conversation, cursor: Cursor) -> list[protocol.Frame]:
    """How far the request for a person has come, until one is there."""
    status = waiting.request_status(conversation)
    if status == cursor.person_status:
        return []
    cursor.person_status = status
    return [views_of.request_notice(status)] if status and not conversation.holder_id else []
