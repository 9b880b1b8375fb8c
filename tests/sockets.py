"""A page's WebSocket, played against the ASGI application without a server.

channels.testing has one too, but importing it needs daphne, which we do not run.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from asgiref.testing import ApplicationCommunicator

TIMEOUT_S = 5


class Page:
    """One socket: ``accepted`` tells whether it was let in; frames go in and out as text or JSON."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
            "scheme": "ws",
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
        }
        self.wire = ApplicationCommunicator(application, scope)
        self.accepted = False

    async def connect(self) -> None:
        """Knock; sets ``accepted``."""
        await self.wire.send_input({"type": "websocket.connect"})
        event = await self.wire.receive_output(TIMEOUT_S)
        self.accepted = event["type"] == "websocket.accept"

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send a frame: an object as JSON, a text or bytes as they are."""
        event: dict[str, Any] = {"type": "websocket.receive"}
        if isinstance(frame, bytes):
            event["bytes"] = frame
        else:
            event["text"] = frame if isinstance(frame, str) else json.dumps(frame)
        await self.wire.send_input(event)

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next frame of that type, passing over others."""
        for _ in range(50):
            event = await self.wire.receive_output(TIMEOUT_S)
            assert event["type"] == "websocket.send", event
            frame: dict[str, Any] = json.loads(event["text"])
            if frame["type"] == kind:
                return frame
        raise AssertionError(f"no {kind} frame came")

    async def close_code(self) -> int:
        """The code that the server closes with."""
        while True:
            event = await self.wire.receive_output(TIMEOUT_S)
            if event["type"] == "websocket.close":
                return int(event["code"])

    async def leave(self) -> None:
        """Hang up; a wire that a failed test has broken is left as it is."""
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1000})
        with suppress(asyncio.CancelledError, TimeoutError):
            await self.wire.wait(TIMEOUT_S)
