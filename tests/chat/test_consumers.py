"""The socket: who is let in, what it says, and how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client

from accounts import consent
from accounts.models import User
from consult.asgi import application
from consult.chat import actions, events, protocol
from consult.chat.models import Conversation, Message, Reply
from tests.sockets import Page

pytestmark = pytest.mark.django_db(transaction=True)
Connect = Callable[..., Awaitable[Page]]
ORIGIN = "http://testserver"


def _cookie(user: User | None) -> str:
    client = Client()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies.output(header="", sep=";").strip()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """``await connect(alice, path)`` is her page; closed at the end."""
    opened: list[Page] = []

    async def to(user: User | None, path: str, *, origin: str | None = ORIGIN, cookie: str | None = None) -> Page:
        cookie = cookie if cookie is not None else await sync_to_async(_cookie)(user)
        headers = [(b"host", b"testserver"), (b"cookie", cookie.encode())]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        page = Page(application, path, headers)
        opened.append(page)
        await page.connect()
        return page

    yield to
    for page in opened:
        await page.leave()


def address(pk: UUID) -> str:
    return f"/ws/conversation/{pk}/"


async def hello(page: Page, last_seq: int = 0) -> dict[str, Any]:
    await page.send({"type": "hello", "version": 1, "last_seq": last_seq})
    return await page.receive("snapshot")


async def post(page: Page, text: str, client_id: UUID | None = None) -> None:
    await page.send({"type": "patient.message", "client_id": str(client_id or uuid4()), "text": text})


async def test_a_message_is_confirmed_and_stored(connect: Connect, alice: User, conversation: Conversation) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    client_id = uuid4()
    await post(page, "I have a sore throat", client_id)
    frame = await page.receive("message.created")
    assert frame["message"]["client_id"] == str(client_id)
    assert await Message.objects.filter(pk=frame["message"]["id"]).aexists()
    started = await page.receive("reply.started")
    assert started["state"] == "queued"


async def test_the_same_client_id_twice_is_one_message_confirmed_twice(
    connect: Connect, alice: User, conversation: Conversation
) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    client_id = uuid4()
    await post(page, "I have a sore throat", client_id)
    first = await page.receive("message.created")
    await post(page, "I have a sore throat", client_id)
    second = await page.receive("message.created")
    assert first["message"]["id"] == second["message"]["id"]
    assert await Message.objects.filter(author_kind="patient").acount() == 1


async def test_a_second_device_sees_the_message_too(connect: Connect, alice: User, conversation: Conversation) -> None:
    phone, tablet = [await connect(alice, address(conversation.pk)) for _ in range(2)]
    await hello(phone)
    await hello(tablet)
    await post(phone, "from the phone")
    assert (await tablet.receive("message.created"))["message"]["text"] == "from the phone"


@pytest.mark.parametrize(
    ("chosen", "label"), [("zh-hans", "由软件撰写"), ("../etc", "Written by software"), ("", "Written")]
)
async def test_each_page_is_told_in_its_own_language(
    connect: Connect, alice: User, conversation: Conversation, chosen: str, label: str
) -> None:
    signed_in = await sync_to_async(_cookie)(alice)
    page = await connect(alice, address(conversation.pk), cookie=f"{signed_in}; django_language={chosen}")
    await hello(page)
    await sync_to_async(actions.append)(conversation, Message.Author.SOFTWARE, "Drink water.")
    assert (await page.receive("message.created"))["message"]["label"].startswith(label)


async def test_reconnecting_brings_only_what_was_missed(
    connect: Connect, alice: User, conversation: Conversation
) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    await post(page, "first")
    seen = (await page.receive("message.created"))["message"]["seq"]
    await page.leave()
    await sync_to_async(actions.post_patient_message)(alice, conversation.pk, uuid4(), "second")
    again = await connect(alice, address(conversation.pk))
    frame = await hello(again, last_seq=seen)
    assert [message["text"] for message in frame["messages"]] == ["second"]


async def test_an_emergency_card_comes_by_the_socket(connect: Connect, alice: User, conversation: Conversation) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    await post(page, "I have crushing chest pain going down my left arm")
    await page.receive("message.created")
    card = (await page.receive("message.created"))["message"]
    assert (card["kind"], card["level"]) == ("card", "emergency")


@pytest.mark.parametrize(
    "text",
    ["not json", "{}", '{"type":"nonsense"}', '{"type":"hello","version":1,"extra":1}', "[" * 2000, "null"],
)
async def test_a_bad_frame_gets_an_error_and_the_socket_lives(
    connect: Connect, alice: User, conversation: Conversation, text: str
) -> None:
    page = await connect(alice, address(conversation.pk))
    await page.send(text)
    assert (await page.receive("error"))["code"] == "bad_frame"
    assert (await hello(page))["conversation"] == str(conversation.pk)


async def test_too_many_bad_frames_close_the_socket(connect: Connect, alice: User, conversation: Conversation) -> None:
    page = await connect(alice, address(conversation.pk))
    for _ in range(25):
        await page.send("not json")
    assert await page.close_code() == protocol.CLOSE_BAD_FRAMES


async def test_an_oversize_or_binary_frame_is_refused(
    connect: Connect, alice: User, conversation: Conversation
) -> None:
    page = await connect(alice, address(conversation.pk))
    await page.send("x" * (settings.FRAME_MAX_BYTES + 1))
    assert (await page.receive("error"))["code"] == "bad_frame"
    await page.send(b"\x00\xff")
    assert (await page.receive("error"))["code"] == "bad_frame"


async def test_another_version_of_the_wire_is_told_so(
    connect: Connect, alice: User, conversation: Conversation
) -> None:
    page = await connect(alice, address(conversation.pk))
    await page.send({"type": "hello", "version": 2})
    assert await page.close_code() == protocol.CLOSE_VERSION


async def test_an_empty_message_is_refused_by_name(connect: Connect, alice: User, conversation: Conversation) -> None:
    page = await connect(alice, address(conversation.pk))
    client_id = uuid4()
    await post(page, "   ", client_id)
    frame = await page.receive("error")
    assert (frame["code"], frame["client_id"]) == ("empty", str(client_id))


async def test_bob_is_closed_out_of_alices_conversation_as_if_it_did_not_exist(
    connect: Connect, bob: User, alice: User, conversation: Conversation
) -> None:
    foreign = await connect(bob, address(conversation.pk))
    assert foreign.accepted
    assert await foreign.close_code() == protocol.CLOSE_NOT_FOUND
    missing = await connect(bob, address(uuid4()))
    assert await missing.close_code() == protocol.CLOSE_NOT_FOUND


async def test_staff_without_a_case_are_closed_out(
    connect: Connect, chen: User, olu: User, conversation: Conversation
) -> None:
    for person in (chen, olu):
        page = await connect(person, address(conversation.pk))
        assert await page.close_code() == protocol.CLOSE_NOT_FOUND


async def test_eve_is_told_to_sign_in(connect: Connect, conversation: Conversation) -> None:
    page = await connect(None, address(conversation.pk))
    assert await page.close_code() == protocol.CLOSE_SIGNED_OUT


async def test_an_unknown_address_is_closed_with_a_code(connect: Connect, alice: User) -> None:
    page = await connect(alice, "/ws/nothing/")
    assert await page.close_code() == protocol.CLOSE_NOT_FOUND


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "https://testserver",
        "http://testserver:8001",
        "http://testserver.evil.example",
    ],
)
async def test_a_page_from_elsewhere_cannot_open_a_socket(
    connect: Connect, alice: User, conversation: Conversation, origin: str | None
) -> None:
    page = await connect(alice, address(conversation.pk), origin=origin)
    assert not page.accepted


async def test_signing_out_ends_the_socket_at_the_next_frame(
    connect: Connect, alice: User, conversation: Conversation
) -> None:
    browser = Client()
    await sync_to_async(browser.force_login)(alice, backend="django.contrib.auth.backends.ModelBackend")
    cookie = browser.cookies.output(header="", sep=";").strip()
    page = await connect(alice, address(conversation.pk), cookie=cookie)
    await hello(page)
    await sync_to_async(browser.logout)()
    await post(page, "still here?")
    assert await page.close_code() == protocol.CLOSE_SIGNED_OUT
    assert not await Message.objects.aexists()


async def test_withdrawing_consent_ends_the_socket(connect: Connect, alice: User, conversation: Conversation) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    await sync_to_async(consent.withdraw)(alice)
    await post(page, "hello")
    assert await page.close_code() == protocol.CLOSE_NOT_FOUND


async def test_the_queue_is_for_clinicians(connect: Connect, alice: User, chen: User) -> None:
    assert await (await connect(alice, "/ws/queue/")).close_code() == protocol.CLOSE_NOT_FOUND
    page = await connect(chen, "/ws/queue/")
    assert page.accepted


async def test_a_case_arrives_in_an_open_queue(
    connect: Connect, alice: User, chen: User, conversation: Conversation
) -> None:
    queue = await connect(chen, "/ws/queue/")
    await queue.send({"type": "hello", "version": 1})
    text = "I have crushing chest pain going down my left arm"
    await sync_to_async(actions.post_patient_message)(alice, conversation.pk, uuid4(), text)
    case = (await queue.receive("case.opened"))["case"]
    assert (case["level"], case["state"], case["conversation"]) == ("emergency", "waiting", str(conversation.pk))


async def test_stop_ends_the_answer_and_the_page_is_told(
    connect: Connect, alice: User, conversation: Conversation
) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    await post(page, "I have a sore throat")
    started = await page.receive("reply.started")
    await page.send({"type": "reply.stop", "reply": started["reply"]})
    ended = await page.receive("reply.failed")
    assert (ended["reply"], ended["state"]) == (started["reply"], "stopped")
    assert (await Reply.objects.aget()).state == Reply.State.STOPPED


async def test_one_look_that_fails_does_not_leave_the_page_without_news(
    connect: Connect, alice: User, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await connect(alice, address(conversation.pk))
    await hello(page)
    real, failed = events.news, []

    def fails_once(cursor: events.Cursor) -> list[protocol.Frame]:
        if not failed:
            failed.append(True)
            raise ValueError("a row that nobody foresaw")
        return real(cursor)

    monkeypatch.setattr(events, "news", fails_once)
    await post(page, "I have a sore throat")
    await post(page, "and a cough")
    seen = [(await page.receive("message.created"))["message"]["text"] for _ in range(2)]
    assert failed
    assert seen == ["I have a sore throat", "and a cough"]
