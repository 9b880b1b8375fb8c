"""Sockets: accept, check, join, then talk in the frames of protocol.py. Thin: actions.py acts, events.py speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils.translation import override
from pydantic import ValidationError

from accounts import audit
from accounts.models import User
from consult.chat import access, actions, events, protocol, queue

log = logging.getLogger(__name__)
SEND_TIMEOUT_S = 10
BAD_FRAMES_MAX = 20
HEAL_S = 5.0  # how often a page's state is compared with the database without a wake-up
PAUSE_S = 0.05  # wake-ups that come closer together are answered at once


class Closing(Exception):
    """The socket is to be closed with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Socket(AsyncWebsocketConsumer):
    """What both sockets share: who is there, groups, bounded sends, wake-ups, errors as frames."""

    user: User
    joined: list[str]
    healer: asyncio.Task[None] | None

    async def connect(self) -> None:
        """Accept first: only an accepted socket can be closed with a code that the page can read."""
        self.joined, self.bad, self.greeted = [], 0, False
        self.woken, self.healer = asyncio.Event(), None
        await self.accept()
        await self.guarded(self.open)

    async def open(self) -> None:
        """Check who it is and join the groups."""
        self.user = await self.current_user()
        await self.admit()
        try:
            for group in (*self.groups_to_join(), events.user_group(self.user.pk)):
                await self.channel_layer.group_add(group, self.channel_name)
                self.joined.append(group)
        except Exception as error:  # the client library's own kinds of "broker away"
            log.warning("socket not joined: %s", type(error).__name__)
            raise Closing(protocol.CLOSE_TRY_LATER) from error
        self.healer = asyncio.create_task(self.heal())

    async def current_user(self) -> User:
        """The person of the session as it stands in the database now."""
        user: User | None = await database_sync_to_async(_session_user)(self.scope)
        if user is None:
            raise Closing(protocol.CLOSE_SIGNED_OUT)
        return user

    @property
    def language(self) -> str:
        """That of the page, which another device of the same person need not share."""
        chosen: str = self.scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME, "")
        return chosen if chosen in dict(settings.LANGUAGES) else self.user.language

    async def admit(self) -> None:
        """Raise NotFound for a person who may not be here."""
        raise NotImplementedError

    def groups_to_join(self) -> tuple[str, ...]:
        """Channel groups whose wake-ups matter here."""
        raise NotImplementedError

    async def handle(self, frame: protocol.Frame) -> None:
        """Act on one frame."""
        raise NotImplementedError

    async def tell_news(self) -> None:
        """Send what the page has not seen."""
        raise NotImplementedError

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame from the page; a bad one costs an error frame, too many of them the socket."""
        await self.guarded(lambda: self.take(text_data))

    async def take(self, text: str | None) -> None:
        """Parse and handle; the session is looked up again, so that sign-out ends it."""
        if text is None or len(text.encode("utf-8", "replace")) > settings.FRAME_MAX_BYTES:
            await self.refuse_frame()
            return
        try:
            frame = protocol.parse(text)
        except (ValidationError, ValueError, RecursionError):
            await self.refuse_frame()
            return
        self.user = await self.current_user()
        if isinstance(frame, protocol.Hello) and frame.version != protocol.VERSION:
            raise Closing(protocol.CLOSE_VERSION)
        await self.handle(frame)

    async def refuse_frame(self) -> None:
        """Say so; close after too many."""
        self.bad += 1
        if self.bad > BAD_FRAMES_MAX:
            raise Closing(protocol.CLOSE_BAD_FRAMES)
        await self.tell(protocol.Error(code="bad_frame", text=""))

    async def guarded(self, step: Callable[[], Any]) -> None:
        """Run ``step``; what it raises becomes a close code, never a traceback on the wire."""
        try:
            await step()
        except Closing as closing:
            await self.leave(closing.code)
        except access.NotFound:
            await self.leave(protocol.CLOSE_NOT_FOUND)

    async def leave(self, code: int) -> None:
        """Close from our side."""
        self.stop_healing()
        await self.close(code=code)

    async def tell(self, *frames: protocol.Frame) -> None:
        """Send frames; a page that does not read them in time is closed, so that it holds nobody up."""
        for frame in frames:
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self.send(text_data=frame.model_dump_json())
            except TimeoutError:
                raise Closing(protocol.CLOSE_TRY_LATER) from None

    async def wake(self, message: dict[str, Any]) -> None:
        """Something changed. Several wake-ups in a row cost one look."""
        self.woken.set()

    async def signed_out(self, message: dict[str, Any]) -> None:
        """What this person may do has changed."""
        await self.leave(protocol.CLOSE_SIGNED_OUT)

    async def heal(self) -> None:
        """Look for news at each wake-up, and every few seconds without one: wake-ups get lost."""
        while True:
            try:
                async with asyncio.timeout(HEAL_S):
                    await self.woken.wait()
            except TimeoutError:
                pass
            self.woken.clear()
            if self.greeted:
                try:
                    await self.guarded(self.look)
                except Exception:  # a page that is no longer told anything looks like one where nothing happens
                    log.exception("a look for news failed")
            await asyncio.sleep(PAUSE_S)

    async def look(self) -> None:
        """One look for news, by somebody who is still signed in."""
        self.user = await self.current_user()
        await self.tell_news()

    def stop_healing(self) -> None:
        """End the background look, unless it is the one asking."""
        if self.healer is not None and self.healer is not asyncio.current_task():
            self.healer.cancel()

    async def disconnect(self, code: int) -> None:
        """Leave the groups; with the broker away they expire by themselves."""
        if self.healer is not None:
            self.healer.cancel()
        for group in self.joined:
            try:
                await self.channel_layer.group_discard(group, self.channel_name)
            except Exception as error:  # as in open()
                log.info("group not left: %s", type(error).__name__)
                return


def _session_user(scope: dict[str, Any]) -> User | None:
    """Read the session again: the one in ``scope`` is as old as the socket."""
    session = scope.get("session")
    if session is None or session.session_key is None:
        return None
    request = HttpRequest()
    request.session = session.__class__(session.session_key)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None


class ConversationConsumer(Socket):
    """One page on one conversation."""

    cursor: events.Cursor

    async def admit(self) -> None:
        """The patient whose it is, or a clinician with a case in it."""
        self.pk: UUID = self.scope["url_route"]["kwargs"]["pk"]
        self.cursor = events.Cursor(self.pk, self.user)
        self.looking = asyncio.Lock()
        await database_sync_to_async(_open_conversation)(self.user, self.pk)

    def groups_to_join(self) -> tuple[str, ...]:
        """This conversation's."""
        return (events.group_of(self.pk),)

    async def handle(self, frame: protocol.Frame) -> None:
        """Dispatch by type."""
        match frame:
            case protocol.Hello():
                await self.greet(frame.last_seq)
            case protocol.PatientMessage() | protocol.ClinicianMessage():
                await self.post(frame)
            case protocol.ReplyStop():
                await self.act(actions.stop_reply, self.user, self.pk, frame.reply)
            case protocol.Typing():
                await self.announce_typing()
            case protocol.Seen():
                pass
        self.woken.set()

    async def greet(self, last_seq: int) -> None:
        """The snapshot, and from then on the news."""
        async with self.looking:
            self.cursor = events.Cursor(self.pk, self.user, seq=last_seq)
            frame = await self.act(events.snapshot, self.cursor)
            self.greeted = True
            await self.tell(frame)

    async def post(self, frame: protocol.PatientMessage | protocol.ClinicianMessage) -> None:
        """Store it; the confirmation is ``message.created``, told again for a message that is sent again."""
        by_clinician = isinstance(frame, protocol.ClinicianMessage)
        verb = actions.post_clinician_message if by_clinician else actions.post_patient_message
        more = () if isinstance(frame, protocol.ClinicianMessage) else (frame.replaces,)
        try:
            posted = await self.act(verb, self.user, self.pk, frame.client_id, frame.text, *more)
        except actions.Refused as refused:
            await self.tell(
                protocol.Error(
                    code=refused.code,
                    text=refused.text,
                    client_id=frame.client_id,
                    retry_after_s=refused.retry_after_s,
                )
            )
            return
        if not posted.created:
            view = await self.act(_message_view, posted.message.pk, self.user)
            await self.tell(protocol.MessageCreated(message=view))

    async def announce_typing(self) -> None:
        """To the others on this conversation; nothing is kept."""
        await events.typing(self.pk, self.channel_name, self.user.name)

    async def typing(self, message: dict[str, Any]) -> None:
        """Somebody else is typing."""
        if message["by"] != self.channel_name and self.greeted:
            await self.tell(protocol.Notice(code="typing", text=message["name"], held_by=""))

    async def tell_news(self) -> None:
        """What the page has not seen."""
        async with self.looking:
            self.cursor.user = self.user
            frames = await self.act(events.news, self.cursor)
            await self.tell(*frames)

    async def act(self, verb: Callable[..., Any], *args: Any) -> Any:
        """Call our synchronous code in its thread, with the person's language."""
        return await database_sync_to_async(_in_language)(self.language, verb, *args)


def _in_language(language: str, verb: Callable[..., Any], *args: Any) -> Any:
    with override(language):
        return verb(*args)


def _open_conversation(user: User, pk: UUID) -> None:
    """Access, and the audit of a staff read."""
    conversation = access.conversation_for(user, pk)
    if not user.is_patient:
        audit.record(user, "conversation.read", conversation, patient=conversation.patient_id)


def _message_view(pk: UUID, user: User) -> protocol.MessageView:
    from consult.chat import views_of
    from consult.chat.models import Message

    row = Message.objects.select_related("author", "reply", "reply__approved_by").get(pk=pk)
    return views_of.message(row, user)


class QueueConsumer(Socket):
    """One clinician's open queue."""

    async def admit(self) -> None:
        """Clinicians only."""
        if not self.user.is_clinician:
            raise access.NotFound
        self.seen: dict[UUID, Any] = {}
        await database_sync_to_async(audit.record)(self.user, "queue.read")

    def groups_to_join(self) -> tuple[str, ...]:
        """The queue's."""
        return (events.QUEUE_GROUP,)

    async def handle(self, frame: protocol.Frame) -> None:
        """The queue takes only ``hello``."""
        if not isinstance(frame, protocol.Hello):
            await self.refuse_frame()
            return
        self.greeted = True
        self.woken.set()

    async def tell_news(self) -> None:
        """Cases that are new to this page or changed."""
        frames = await database_sync_to_async(_in_language)(self.language, queue.news, self.user, self.seen)
        await self.tell(*frames)


class NothingHere(AsyncWebsocketConsumer):
    """Any other address: accepted, so that the page can read the code, and closed."""

    async def connect(self) -> None:
        """As for a conversation that does not exist."""
        await self.accept()
        await self.close(code=protocol.CLOSE_NOT_FOUND)
