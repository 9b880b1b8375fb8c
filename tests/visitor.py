"""A person at a live site without a browser: signs in by link, begins conversations, opens sockets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from uuid import uuid4

import requests
from websockets.sync.client import ClientConnection, connect

from tests.live import LiveSite

TIMEOUT_S = 30.0


class _Session(requests.Session):
    """A session whose addresses start at one site, and that never waits for ever."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False  # no proxy of this machine

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        kwargs.setdefault("timeout", TIMEOUT_S)
        return super().request(method, url if "://" in url else self.base + url, *args, **kwargs)


class Visitor:
    """One signed-in person and their cookies."""

    def __init__(self, site: LiveSite, user: str = "") -> None:
        self.site = site
        self.http = _Session(site.url)
        if user:
            self.submit(site.sign_in_link(user))
            if "/consent/" in self.http.get("/").url:
                self.submit("/consent/", agree="yes")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def submit(self, page: str, to: str = "", **fields: str) -> requests.Response:
        """Open ``page`` and send its form, to ``to`` where that is another address."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.http.get(page).text)
        assert token is not None, f"no form on {page}"
        data = {"csrfmiddlewaretoken": token[1], **fields}
        return self.http.post(to or page, data=data, headers={"Referer": f"{self.site.url}/"})

    def begin(self) -> str:
        """A fresh conversation; its id."""
        return self.submit("/chat/", "/chat/new/", attach="1").url.split("/chat/")[1].split("/")[0]

    def say(self, conversation: str, text: str) -> requests.Response:
        """Send a message by the page's form, as without JavaScript."""
        page = f"/chat/{conversation}/"
        return self.submit(page, f"{page}messages/", text=text, client_id=str(uuid4()))

    def snapshot(self, conversation: str) -> dict[str, Any]:
        """The conversation as a page without a socket gets it."""
        return dict(self.http.get(f"/chat/{conversation}/snapshot/").json())

    def wait_for(self, conversation: str, author: str, timeout_s: float = 120.0) -> dict[str, Any]:
        """The newest message of that author, once there is one."""
        end = time.monotonic() + timeout_s
        while True:
            found = [one for one in self.snapshot(conversation)["messages"] if one["author"] == author]
            if found:
                return dict(found[-1])
            assert time.monotonic() < end, f"nothing by {author} after {timeout_s} s"
            time.sleep(0.3)

    def open(self, path: str, **headers: str) -> connect:
        """A socket, for ``with``, with this person's cookies and, unless told otherwise, this site's Origin."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        sent = {"Cookie": cookies, "Origin": self.site.url, **headers}
        origin = sent.pop("Origin")
        address = self.site.url.replace("http", "ws") + path
        return connect(address, additional_headers=sent, origin=origin or None, max_size=None, open_timeout=TIMEOUT_S)

    @contextmanager
    def open_conversation(self, conversation: str) -> Iterator[ClientConnection]:
        """The socket of a conversation, greeted."""
        with self.open(f"/ws/conversation/{conversation}/") as socket:
            socket.send(json.dumps({"type": "hello", "version": 1, "last_seq": 0}))
            assert receive(socket, "snapshot")["conversation"] == conversation
            yield socket


def receive(socket: ClientConnection, kind: str, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """The next frame of that type, passing over others."""
    end = time.monotonic() + timeout_s
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=max(0.1, end - time.monotonic())))
        if frame["type"] == kind:
            return frame


def confirmed(socket: ClientConnection, client_id: str) -> dict[str, Any]:
    """The confirmation of the message that was sent under ``client_id``."""
    while True:
        frame = receive(socket, "message.created")
        if frame["message"]["client_id"] == client_id:
            return dict(frame["message"])


def message(text: str, client_id: str = "") -> str:
    """A patient's message as the wire wants it."""
    return json.dumps({"type": "patient.message", "client_id": client_id or str(uuid4()), "text": text})
