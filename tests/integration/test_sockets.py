"""The wire against a real server: idle sockets, oversize frames, foreign pages, a worker that dies in mid-answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from consult.chat import protocol
from tests.live import LiveSite
from tests.visitor import Visitor, confirmed, message, receive

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
QUESTION = "I've had a sore throat for three days, what can I do at home?"
CHEST_PAIN = "I have crushing chest pain going down my left arm"


@pytest.fixture
def alice(live_site: LiveSite) -> Iterator[Visitor]:
    with Visitor(live_site, "alice") as visitor:
        yield visitor


@pytest.fixture
def bob(live_site: LiveSite) -> Iterator[Visitor]:
    with Visitor(live_site, "bob") as visitor:
        yield visitor


def code_of_end(socket: ClientConnection) -> int:
    """What the server closes ``socket`` with, after any frames."""
    try:
        while True:
            socket.recv(timeout=20)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


def close_code(visitor: Visitor, path: str) -> int:
    """What a socket at ``path`` is closed with."""
    with visitor.open(path) as socket:
        return code_of_end(socket)


def test_a_socket_that_was_idle_for_12_seconds_still_works(alice: Visitor) -> None:
    with alice.open_conversation(alice.begin()) as socket:
        time.sleep(12)
        socket.send(message("Are you still there?"))
        assert receive(socket, "message.created")["message"]["text"] == "Are you still there?"


def test_a_frame_of_a_megabyte_ends_that_socket_and_nothing_else(alice: Visitor) -> None:
    conversation = alice.begin()
    with alice.open_conversation(conversation) as other, alice.open_conversation(conversation) as socket:
        socket.send("x" * 1_000_000)
        assert code_of_end(socket) == 1009
        other.send(message("still here"))
        assert receive(other, "message.created")


@pytest.mark.parametrize(
    "frame", ["not json", '{"type":"nonsense"}', '{"type":"hello"}', "[]", '{"type":"seen","seq":-1}']
)
def test_a_bad_frame_is_answered_and_the_server_lives(alice: Visitor, frame: str) -> None:
    with alice.open_conversation(alice.begin()) as socket:
        socket.send(frame)
        assert receive(socket, "error")["code"] == "bad_frame"
        socket.send(message("fine"))
        assert receive(socket, "message.created")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", ""])
def test_a_page_from_elsewhere_is_refused_before_anything_is_read(alice: Visitor, origin: str) -> None:
    address = f"/ws/conversation/{alice.begin()}/"
    with pytest.raises(InvalidStatus) as refused, alice.open(address, Origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_another_patients_conversation_and_none_at_all_look_the_same(alice: Visitor, bob: Visitor) -> None:
    theirs = alice.begin()
    assert close_code(bob, f"/ws/conversation/{theirs}/") == protocol.CLOSE_NOT_FOUND
    assert close_code(bob, f"/ws/conversation/{uuid4()}/") == protocol.CLOSE_NOT_FOUND
    assert bob.http.get(f"/chat/{theirs}/").status_code == 404
    assert bob.http.get(f"/chat/{theirs}/snapshot/").status_code == 404


def test_somebody_signed_out_is_told_so(live_site: LiveSite, alice: Visitor) -> None:
    with Visitor(live_site) as eve:
        assert close_code(eve, f"/ws/conversation/{alice.begin()}/") == protocol.CLOSE_SIGNED_OUT


def test_signing_out_closes_the_open_socket_within_seconds(alice: Visitor) -> None:
    with alice.open_conversation(alice.begin()) as socket:
        alice.submit("/account/logout/")
        began = time.monotonic()
        assert code_of_end(socket) == protocol.CLOSE_SIGNED_OUT
        assert time.monotonic() - began < 10


def test_the_same_client_id_twice_makes_one_message(alice: Visitor) -> None:
    conversation, client_id = alice.begin(), str(uuid4())
    with alice.open_conversation(conversation) as socket:
        socket.send(message("once", client_id))
        first = confirmed(socket, client_id)
        socket.send(message("once", client_id))
        assert confirmed(socket, client_id)["id"] == first["id"]
    texts = [one["text"] for one in alice.snapshot(conversation)["messages"]]
    assert texts.count("once") == 1


def test_a_worker_killed_in_mid_answer_costs_no_sentence_and_doubles_none(live_site: LiveSite, alice: Visitor) -> None:
    conversation = alice.begin()
    with alice.open_conversation(conversation) as socket:
        socket.send(message(QUESTION))
        while receive(socket, "reply.started", 120)["state"] != "running":
            pass
        live_site.kill("worker-llm")
        killed = time.monotonic()
        done = receive(socket, "reply.done", 180)
        print(f"\nanswered {time.monotonic() - killed:.0f} s after the worker was killed")
    answers = [one for one in alice.snapshot(conversation)["messages"] if one["author"] == "software"]
    assert [one["id"] for one in answers] == [done["message"]["id"]]
    live_site.wait_until_ready()


def test_with_broker_and_model_stopped_an_emergency_is_answered_by_http_within_a_second(
    live_site: LiveSite, alice: Visitor
) -> None:
    conversation = alice.begin()
    alice.say(conversation, "hello")
    page = f"/chat/{conversation}/"
    token = alice.http.get(page).text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    live_site.stop("worker-llm")
    live_site.stop("valkey")
    try:
        body = json.dumps({"client_id": str(uuid4()), "text": CHEST_PAIN})
        headers = {"Content-Type": "application/json", "X-CSRFToken": token, "Referer": live_site.url}
        began = time.monotonic()
        answer = alice.http.post(f"{page}messages/", data=body, headers=headers)
        seconds = time.monotonic() - began
        print(f"\nemergency card after {seconds * 1000:.0f} ms with broker and model stopped")
        assert answer.status_code == 201
        assert any(one["kind"] == "card" and one["level"] == "emergency" for one in answer.json()["messages"])
        with Visitor(live_site, "chen") as chen:
            assert "left arm" in chen.http.get("/review/").text
    finally:
        live_site.start("valkey")
        live_site.start("worker-llm")
        live_site.wait_until_ready()
    assert seconds < 1
