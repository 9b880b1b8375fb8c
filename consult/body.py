"""No request body is larger than this site takes anything of, whatever its header says.

Django reads a whole body before any view has a say. What is beyond the limit is thrown away as it comes, so that the
page can still answer with a sentence; a body that never ends is cut off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
App = Callable[[Any, Receive, Any], Awaitable[None]]
PATIENCE = 8  # times the limit: thrown away before the connection is given up


class BodyLimit:
    """ASGI: passes on at most ``limit`` bytes of a body."""

    def __init__(self, app: App, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Count what comes."""
        came = 0

        async def limited() -> dict[str, Any]:
            nonlocal came
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                body = message.get("body", b"")
                room, came = max(0, self.limit - came), came + len(body)
                if came > PATIENCE * self.limit:
                    return {"type": "http.disconnect"}
                if room or not message.get("more_body"):
                    return {**message, "body": body[:room]}

        await self.app(scope, limited, send)
