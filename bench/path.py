"""What the way adds to the model's own time: ``python -m bench.path [--times 30]``.

Starts an installation whose engine writes at once what it is told (``CONSULT_LLM_BACKEND=fake``), and asks by socket as
a page does. Prints medians and 95th percentiles in milliseconds, from sending to: the message confirmed, and the first
words of the answer on the page (web process, database and Celery, then search, guard, composing, database and socket).
One line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from websockets.sync.client import ClientConnection

from tests.live import LiveSite
from tests.visitor import TIMEOUT_S, Visitor, message

QUESTION = "What can I do at home for a sore throat? ({})"
MARKS = ("confirmed", "answering")


def main() -> int:
    """Ask again and again, one question a conversation, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=30)
    options = parser.parse_args()
    spent: dict[str, list[float]] = {mark: [] for mark in MARKS}
    settings = {"CONSULT_LLM_BACKEND": "fake", "CONSULT_MESSAGES_PER_MINUTE": "1000"}
    with LiveSite(settings) as site, Visitor(site, "alice") as alice:
        for number in range(options.times + 1):
            with alice.open_conversation(alice.begin()) as socket:
                times = ask(socket, QUESTION.format(number))
            if number:  # the first warms up
                for mark, value in times.items():
                    spent[mark].append(value)
    report = {
        mark: {"p50": round(statistics.median(values), 1), "p95": round(sorted(values)[int(0.95 * len(values))], 1)}
        for mark, values in spent.items()
    }
    print(json.dumps({"times": options.times, "ms": report}))
    return 0


def ask(socket: ClientConnection, question: str) -> dict[str, float]:
    """Milliseconds from sending to each mark."""
    begun = time.perf_counter()
    socket.send(message(question))
    seen: dict[str, float] = {}
    while len(seen) < len(MARKS):
        mark = _mark(json.loads(socket.recv(timeout=TIMEOUT_S)))
        if mark:
            seen.setdefault(mark, (time.perf_counter() - begun) * 1000)
    return seen


def _mark(frame: dict[str, Any]) -> str:
    """What a frame means here. An answer that was there before the page looked again comes whole, as a message."""
    if frame["type"] == "message.created":
        return "confirmed" if frame["message"]["author"] == "patient" else "answering"
    return "answering" if frame["type"] in ("reply.chunk", "reply.done") else ""


if __name__ == "__main__":
    raise SystemExit(main())
