"""The engine's verb over an OpenAI-compatible streaming server: vLLM, SGLang, llama.cpp or ``transformers serve``.

For a model too large for this project's own engine. An adapter is asked for by its name as the model, as those
servers have it. Light: standard library only. A request is tried again only while no token has come.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

from llm.config import EngineConfig
from llm.text import TextStream
from llm.types import Chunk, EngineBusy, EngineDown, EngineError, Finish, Identity, Request, RequestRefused

log = logging.getLogger("llm.remote")

TRIES = 3
PAUSE_S = 0.5
BUSY = (429, 503)
TRANSIENT = (500, 502, 504)
# What a broken or closed connection looks like, at any point.
BROKEN = (OSError, http.client.HTTPException)


class RemoteEngine:
    """``llm.types.Engine`` over HTTP. Thread-safe: each stream has a connection of its own."""

    def __init__(self, config: EngineConfig) -> None:
        parts = urlsplit(config.url)
        self._config = config
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname or "", parts.port)
        self._path = parts.path.rstrip("/") or "/v1"
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._closed = False

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Send the request and return its chunks; raises EngineBusy, RequestRefused or EngineDown."""
        call = Call(request.id)
        with self._lock:
            if self._closed:
                raise EngineDown("the engine is closed")
            if request.id in self._calls:
                raise RequestRefused("a request with this id is already running")
            self._calls[request.id] = call
        try:
            response = self._send(call, self._body(request))
        except BaseException:
            self._forget(call)
            raise
        return self._read(call, request, response)

    def cancel(self, request_id: str) -> None:
        call = self._calls.get(request_id)
        if call is not None:
            call.cancel()

    def identity(self, adapter: str | None = None) -> Identity:
        """The server's own word for the model; hashes are unknown."""
        name = self._adapter(adapter)
        return Identity(self._config.model, "", name, "", device="remote", dtype="")

    def ready(self) -> bool:
        """Whether the server says within two seconds that it is well, or at least lists its models."""
        if self._closed:
            return False
        health = f"{self._path.removesuffix('/v1')}/health"
        return self._answers(health) or self._answers(f"{self._path}/models")

    def _answers(self, path: str) -> bool:
        connection = self._connect(2.0)
        try:
            connection.request("GET", path, headers=self._headers())
            return connection.getresponse().status == 200
        except BROKEN:
            return False
        finally:
            connection.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            calls = list(self._calls.values())
        for call in calls:
            call.drop()

    # -- sending

    def _body(self, request: Request) -> bytes:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._adapter(request.adapter) or self._config.model,
            "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
            "stream": True,
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.repetition_penalty != 1.0:
            body["repetition_penalty"] = sampling.repetition_penalty
        return json.dumps(body).encode()

    def _adapter(self, asked: str | None) -> str:
        if asked is not None:
            return asked
        return self._config.adapter.name if self._config.adapter else ""

    def _send(self, call: Call, body: bytes) -> http.client.HTTPResponse:
        """The answered request, its body not read yet. Tries again after a broken connection or a passing fault."""
        for trial in range(1, TRIES + 1):
            try:
                return self._send_once(call, body)
            except _Passing as error:
                log.warning("the model server failed (%s), trial %d of %d", error, trial, TRIES)
                if trial == TRIES or call.cancelled or self._closed:
                    raise EngineDown("the model server cannot be reached") from error
                time.sleep(PAUSE_S * trial)
        raise AssertionError("unreachable")

    def _send_once(self, call: Call, body: bytes) -> http.client.HTTPResponse:
        connection = self._connect(self._config.connect_s)
        try:
            connection.connect()
            call.use(connection)
            connection.sock.settimeout(self._config.first_token_s)
            connection.request("POST", f"{self._path}/chat/completions", body, self._headers())
            response = connection.getresponse()
        except BROKEN as error:
            connection.close()
            raise _Passing(type(error).__name__) from error
        if response.status != 200:
            waits = response.getheader("Retry-After") or ""
            connection.close()
            raise _refusal(response.status, waits)
        return response

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._address[0], self._address[1], timeout=timeout)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._config.key:
            headers["Authorization"] = f"Bearer {self._config.key}"
        return headers

    # -- reading

    def _read(self, call: Call, request: Request, response: http.client.HTTPResponse) -> Generator[Chunk, None, None]:
        text = TextStream(_characters, request.sampling.stop)
        tokens, finish = 0, None
        try:
            for piece, finish in self._pieces(call, response):
                tokens += bool(piece)
                shown = text.push([ord(character) for character in piece])
                if text.stopped:
                    yield Chunk(shown, tokens, "stop")
                    return
                if shown:
                    yield Chunk(shown, tokens)
                if finish:
                    break
            yield Chunk(text.flush(), tokens, finish or "stop")
        except BROKEN as error:
            if not call.cancelled:
                raise EngineDown("the model server broke off in the middle of the answer") from error
            yield Chunk("", tokens, "cancelled")
        finally:
            self._forget(call)

    def _pieces(self, call: Call, response: http.client.HTTPResponse) -> Iterator[tuple[str, Finish | None]]:
        """Text and finish of each event. Raises OSError where the stream ends without saying that it is done."""
        for line in response:
            if call.cancelled:
                raise ConnectionAbortedError
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            event = _event(data)
            call.patience(self._config.next_token_s)
            for choice in event.get("choices") or []:
                delta = choice.get("delta") or {}
                yield delta.get("content") or "", _finish(choice.get("finish_reason"))
        raise ConnectionAbortedError

    def _forget(self, call: Call) -> None:
        with self._lock:
            self._calls.pop(call.request_id, None)
        call.drop()


class Call:
    """One request's connection, which another thread may cut."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.cancelled = False
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None

    def use(self, connection: http.client.HTTPConnection) -> None:
        # http.client forgets the socket once a response without a length has begun: keep it.
        self._connection, self._socket = connection, connection.sock

    def patience(self, seconds: float) -> None:
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def cancel(self) -> None:
        self.cancelled = True
        self.drop()

    def drop(self) -> None:
        """Cut the connection; a server that serves one reader then stops writing."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is cut already
        if self._connection is not None:
            self._connection.close()


class _Passing(Exception):
    """A fault that may be gone at the next trial."""


def _refusal(status: int, waits: str) -> Exception:
    if status in BUSY:
        return EngineBusy(wait_s=float(waits) if waits.isdigit() else 10.0)
    if status in TRANSIENT:
        return _Passing(f"status {status}")
    if 400 <= status < 500:
        return RequestRefused(f"the model server refused the request with status {status}")
    return EngineDown(f"the model server answered with status {status}")


def _event(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        raise EngineError("the model server sent something that is not JSON") from None
    if not isinstance(event, dict) or "error" in event:
        raise EngineError("the model server reported an error in the middle of the answer")
    return event


def _finish(reason: str | None) -> Finish | None:
    if reason is None:
        return None
    return "length" if reason == "length" else "stop"


def _characters(points: list[int]) -> str:
    """TextStream's decode where the tokens are code points: the server has decoded them already."""
    return "".join(map(chr, points))
