"""An engine without a model: says what a test tells it to say, and remembers every call.

Light: imports no torch. Never used by the product unless a developer asks for ``backend=fake``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence

from llm.types import Chunk, EngineBusy, EngineDown, Identity, Request

Script = str | Sequence[str] | Exception | Callable[[Request], str]


class FakeEngine:
    """Answers from ``scripts`` in turn (the last one again and again).

    A script is a text (streamed word by word), a sequence of pieces, an exception to raise before the
    first piece, or a function of the request. ``hang_after`` pieces it waits for ``release()`` or a
    cancel; ``fail_after`` pieces it raises EngineDown; ``busy`` refuses every request.
    """

    def __init__(
        self,
        *scripts: Script,
        hang_after: int | None = None,
        fail_after: int | None = None,
        busy: float | None = None,
    ) -> None:
        self.scripts: list[Script] = list(scripts) or ["Rest and drink water. [1]"]
        self.hang_after = hang_after
        self.fail_after = fail_after
        self.busy = busy
        self.requests: list[Request] = []
        self.cancelled: list[str] = []
        self.finished: list[str] = []
        self.closed = False
        self._release = threading.Event()
        self._cancels: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Yield the next script's pieces; the request is recorded at once, before the first piece is asked for."""
        if self.closed:
            raise EngineDown("the engine is closed")
        if self.busy is not None:
            raise EngineBusy(self.busy)
        with self._lock:
            script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
            self.requests.append(request)
            stopped = self._cancels.setdefault(request.id, threading.Event())
        if isinstance(script, Exception):
            raise script
        return self._pieces(request, _pieces_of(script, request), stopped)

    def _pieces(self, request: Request, pieces: list[str], stopped: threading.Event) -> Generator[Chunk, None, None]:
        limit = request.sampling.max_new_tokens
        try:
            for number, piece in enumerate(pieces[:limit]):
                if number == self.fail_after:
                    raise EngineDown("the fake engine was told to fail")
                if number == self.hang_after:
                    self._wait(stopped)
                if stopped.is_set():
                    yield Chunk("", number, "cancelled")
                    return
                yield Chunk(piece, number + 1)
            if self.fail_after is not None and self.fail_after >= len(pieces):
                raise EngineDown("the fake engine was told to fail")
            yield Chunk("", min(len(pieces), limit), "length" if len(pieces) > limit else "stop")
        except GeneratorExit:
            self.cancelled.append(request.id)
            raise
        finally:
            self.finished.append(request.id)
            self._cancels.pop(request.id, None)

    def _wait(self, stopped: threading.Event) -> None:
        while not (self._release.wait(0.01) or stopped.is_set() or self.closed):
            pass
        if self.closed:
            raise EngineDown("the engine was closed")

    def release(self) -> None:
        """Let every hanging stream go on."""
        self._release.set()

    def cancel(self, request_id: str) -> None:
        self.cancelled.append(request_id)
        stopped = self._cancels.get(request_id)
        if stopped is not None:
            stopped.set()

    def identity(self, adapter: str | None = None) -> Identity:
        return Identity(base="fake", base_hash="", adapter=adapter or "", adapter_hash="", device="none", dtype="none")

    def ready(self) -> bool:
        return not self.closed and self.busy is None

    def close(self) -> None:
        self.closed = True


def _pieces_of(script: Script, request: Request) -> list[str]:
    if callable(script):
        script = script(request)
    if isinstance(script, str):
        return [word for word in _words(script) if word]
    assert not isinstance(script, Exception)
    return list(script)


def _words(text: str) -> Iterator[str]:
    """Cut after each space, so that joining the words gives the text back."""
    start = 0
    for position, character in enumerate(text):
        if character == " ":
            yield text[start : position + 1]
            start = position + 1
    yield text[start:]
