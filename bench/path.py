"""What the way adds to the model's own time: ``python -m bench.path [--times 30]``.

Starts an installation whose engine writes at once what it is told (``CONSULT_LLM_BACKEND=fake``), and asks by socket as
a page does. Prints one line of JSON: medians and 95th percentiles in milliseconds of

- ``confirmed``: from sending to the message confirmed (web process, triage, database);
- ``celery``: from the answer put in line to the worker's hand on it;
- ``work``: search, prompt, guard, until the first sentence is let through;
- ``to_page``: from there to its frame on the page (database, wake-up, socket);
- ``answering``: from sending to that frame, the whole.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from websockets.sync.client import ClientConnection

from tests.live import LiveSite
from tests.visitor import TIMEOUT_S, Visitor, message

QUESTION = "What can I do at home for a sore throat? ({})"
STORED = """
import json
from consult.chat.models import Reply
rows = Reply.objects.exclude(first_sentence_at=None)
print("FOUND" + json.dumps({str(r.conversation_id): [
    t.timestamp() for t in (r.queued_at, r.started_at, r.first_sentence_at)] for r in rows}))
"""


def main() -> int:
    """Ask again and again, one question a conversation, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=30)
    options = parser.parse_args()
    settings = {"CONSULT_LLM_BACKEND": "fake", "CONSULT_MESSAGES_PER_MINUTE": "1000"}
    seen: dict[str, tuple[float, float, float]] = {}
    with LiveSite(settings) as site, Visitor(site, "alice") as alice:
        for number in range(options.times + 1):
            conversation = alice.begin()
            with alice.open_conversation(conversation) as socket:
                times = ask(socket, QUESTION.format(number))
            if number:  # the first warms up
                seen[conversation] = times
        stored = json.loads(site.manage("shell", "-c", STORED).partition("FOUND")[2])
    spans = [dict(_spans(*times, *stored[conversation])) for conversation, times in seen.items()]
    print(
        json.dumps({"times": options.times, "ms": {name: _figures([one[name] for one in spans]) for name in spans[0]}})
    )
    return 0


def ask(socket: ClientConnection, question: str) -> tuple[float, float, float]:
    """When it was sent, confirmed and begun to be answered: seconds since the epoch."""
    sent = time.time()
    socket.send(message(question))
    confirmed = answering = 0.0
    while not (confirmed and answering):
        frame: dict[str, Any] = json.loads(socket.recv(timeout=TIMEOUT_S))
        if frame["type"] == "message.created" and frame["message"]["author"] == "patient":
            confirmed = time.time()
        elif frame["type"] in ("message.created", "reply.chunk", "reply.done"):
            answering = time.time()  # an answer that was there before the page looked again comes whole
    return sent, confirmed, answering


def _spans(
    sent: float, confirmed: float, answering: float, queued: float, started: float, first: float
) -> Iterator[tuple[str, float]]:
    """Names and seconds."""
    yield "confirmed", confirmed - sent
    yield "celery", started - queued
    yield "work", first - started
    yield "to_page", answering - first
    yield "answering", answering - sent


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(one * 1000 for one in seconds)
    return {"p50": round(statistics.median(ordered), 1), "p95": round(ordered[int(0.95 * len(ordered))], 1)}


if __name__ == "__main__":
    raise SystemExit(main())
