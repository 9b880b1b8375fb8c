"""What the way adds to the model's own time: ``python -m bench.path [--times 30]``.

Starts an installation whose engine writes at once what it is told (``CONSULT_LLM_BACKEND=fake``), and asks by socket as
a page does. Prints medians and 95th percentiles in milliseconds, from sending to: the message confirmed, the answer
taken in hand by the worker (so far web process, database and Celery), its first checked sentence (search, prompt,
guard, database and socket as well). One line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from websockets.sync.client import ClientConnection

from tests.live import LiveSite
from tests.visitor import TIMEOUT_S, Visitor, message

QUESTION = "What can I do at home for a sore throat? ({})"
MARKS = ("message.created", "reply.started", "reply.chunk")


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
    """Milliseconds from sending to the first frame of each kind."""
    begun = time.perf_counter()
    socket.send(message(question))
    seen: dict[str, float] = {}
    while len(seen) < len(MARKS):
        kind = json.loads(socket.recv(timeout=TIMEOUT_S))["type"]
        if kind in MARKS:
            seen.setdefault(kind, (time.perf_counter() - begun) * 1000)
    return seen


if __name__ == "__main__":
    raise SystemExit(main())
