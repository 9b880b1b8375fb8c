"""Asking whether the installation is up: Valkey by its own PING, the rest by the site's health page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from consult.supervise.site import Site

ASK_TIMEOUT_S = 3.0


async def valkey_answers(path: Path) -> bool:
    """Whether the server on this socket answers PING, which it does only once its journal is read."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def not_ready(site: Site) -> list[str]:
    """Names of the parts that the site's health page does not call well; ["web"] where it does not answer."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            status, body = await _get(site.port, "/health/ready")
        parts = json.loads(body)
        waiting = [name for name, value in parts.items() if not _is_well(value)]
    except (OSError, TimeoutError, ValueError, IndexError, AttributeError):
        return ["web"]
    return waiting or ([] if status == 200 else ["web"])


async def wait_until(condition: Callable[[], Awaitable[bool]], timeout_s: float, every_s: float = 0.1) -> bool:
    """Ask until it is so; False when the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    while not await condition():
        if loop.time() >= end:
            return False
        await asyncio.sleep(every_s)
    return True


async def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one GET on the loopback address, without any HTTP library's proxy settings."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split()[1]), body


def _is_well(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.get("ok", value.get("status"))
    return value is True or value in ("ok", "up", "ready")
