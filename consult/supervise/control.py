"""Orders to a running supervisor: one JSON line in, one JSON line back, over a socket that only its owner opens."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from consult.supervise.site import Problem

Order = dict[str, Any]
Handler = Callable[[str, str], Awaitable[Order]]
LONGEST_ORDER = 4096


async def serve(path: Path, handle: Handler) -> asyncio.Server:
    """Listen on ``path``; ``handle(verb, name)`` returns the answer. Problem becomes ``{"error": sentence}``."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await _answer_to(await reader.readline(), handle)
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the asker went away, or sent a line without end
        finally:
            writer.close()

    path.unlink(missing_ok=True)  # we hold the lock, so this is a dead supervisor's
    mask = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(answer, path, limit=LONGEST_ORDER)
    finally:
        os.umask(mask)


async def _answer_to(line: bytes, handle: Handler) -> Order:
    try:
        order = json.loads(line)
        verb, name = order["verb"], order.get("name", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"error": "The order was not understood."}
    try:
        return await handle(str(verb), str(name))
    except Problem as problem:
        return {"error": str(problem)}


def ask(path: Path, verb: str, name: str = "", *, timeout_s: float = 60.0) -> Order:
    """Give the supervisor at ``path`` an order and return its answer. Raises Problem where none runs or it refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(json.dumps({"verb": verb, "name": name}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer: Order = json.loads(lines.readline() or b"{}")
    except TimeoutError:
        raise Problem(f"The supervisor did not answer within {timeout_s:.0f} s.") from None
    except (OSError, ValueError):
        raise Problem(f"No supervisor runs on {path.parent.parent}. Start it with: make run") from None
    if "error" in answer:
        raise Problem(answer["error"])
    return answer
