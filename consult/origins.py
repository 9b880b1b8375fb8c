"""Which pages may open a socket: scheme, host and port are compared, and a missing Origin is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings


def allowed(origin: str, host: str, secure: bool) -> bool:
    """Whether a page at ``origin`` may talk to us at ``host``: one of CONSULT_ORIGINS, or this very host.

    Behind a proxy that ends TLS the socket looks plain here, so HTTPS sites accept only https pages.
    """
    if not origin or origin == "null":
        return False
    if settings.SITE_ORIGINS:
        return origin in settings.SITE_ORIGINS
    parts = urlsplit(origin)
    scheme = "https" if secure or settings.HTTPS else "http"
    return parts.scheme == scheme and parts.netloc == host


class SameOrigin:
    """ASGI middleware: closes a socket from another origin before anything is read (HTTP 403 to the browser)."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Hand on to the inner application, or refuse."""
        headers = dict(scope.get("headers", []))
        origin = headers.get(b"origin", b"").decode("latin1")
        host = headers.get(b"host", b"").decode("latin1")
        if allowed(origin, host, scope.get("scheme") == "wss"):
            return await self.inner(scope, receive, send)
        await receive()
        await send({"type": "websocket.close", "code": 4403})
        return None
