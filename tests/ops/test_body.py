"""A request body has an end, and a page can still answer with a sentence."""

from __future__ import annotations

from typing import Any

from consult.body import PATIENCE, BodyLimit

LIMIT = 1000


async def passed_on(chunks: list[bytes]) -> tuple[int, str]:
    """How many bytes the app behind the limit got, and the type of the last message."""
    waiting = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]
    waiting[-1]["more_body"] = False
    got, last = 0, ""

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal got, last
        while True:
            message = await receive()
            got, last = got + len(message.get("body", b"")), message["type"]
            if not message.get("more_body"):
                return

    await BodyLimit(app, LIMIT)({"type": "http"}, receive, None)
    return got, last


async def test_a_small_body_comes_whole() -> None:
    assert await passed_on([b"x" * 400, b"x" * 600]) == (1000, "http.request")


async def test_what_is_too_much_is_thrown_away_and_the_request_ends_well() -> None:
    assert await passed_on([b"x" * 700] * 5) == (LIMIT, "http.request")


async def test_a_body_that_never_ends_is_cut_off() -> None:
    assert await passed_on([b"x" * LIMIT] * (PATIENCE + 5)) == (LIMIT, "http.disconnect")
