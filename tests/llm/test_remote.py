"""The remote engine against a scripted HTTP server: the wire as vLLM, SGLang and llama.cpp speak it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from llm.config import EngineConfig
from llm.remote import RemoteEngine
from llm.types import ChatMessage, EngineBusy, EngineDown, EngineError, Request, RequestRefused, Sampling

Script = Callable[["Server", BaseHTTPRequestHandler], None]


class Server:
    """Runs one script a request (the last again and again) and keeps what was asked."""

    def __init__(self, *scripts: Script) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.broken = threading.Event()
        served = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                self.send_response(200 if self.path == "/v1/models" else 404)
                self.end_headers()

            def do_POST(self) -> None:
                served.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                served.headers.append(dict(self.headers))
                scripts[min(len(served.asked), len(scripts)) - 1](served, self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def events(*pieces: str, finish: str | None = "stop", done: bool = True, pause: float = 0.0) -> Script:
    def script(server: Server, to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", "text/event-stream")
        to.end_headers()
        try:
            for piece in pieces:
                _send(to, {"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
                time.sleep(pause)
            if finish:
                _send(to, {"choices": [{"delta": {}, "finish_reason": finish}]})
            if done:
                to.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            server.broken.set()

    return script


def status(code: int, **headers: str) -> Script:
    def script(server: Server, to: BaseHTTPRequestHandler) -> None:
        to.send_response(code)
        for name, value in headers.items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()

    return script


def _send(to: BaseHTTPRequestHandler, event: dict[str, Any]) -> None:
    to.wfile.write(b": ping\n\ndata: " + json.dumps(event).encode() + b"\n\n")
    to.wfile.flush()


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Server, RemoteEngine]]]:
    stops: list[Callable[[], None]] = []

    def serve_it(*scripts: Script, **settings: Any) -> tuple[Server, RemoteEngine]:
        server = Server(*scripts)
        config = EngineConfig(
            **{
                "base": Path("none"),
                "backend": "remote",
                "url": server.url,
                "model": "base-model",
                "key": "k",
                **settings,
            }
        )
        engine = RemoteEngine(config)
        stops.extend([engine.close, server.stop])
        return server, engine

    yield serve_it
    for stop in stops:
        stop()


Serve = Callable[..., tuple[Server, RemoteEngine]]


def _request(name: str = "r", adapter: str | None = None, **sampling: Any) -> Request:
    return Request(name, (ChatMessage("user", "My throat is sore."),), Sampling(**sampling), adapter)


def test_the_pieces_come_as_they_are_written_and_the_end_says_why(serve: Serve) -> None:
    server, engine = serve(events("Rest ", "and drink 水", finish="length"))
    chunks = list(engine.stream(_request(max_new_tokens=9, temperature=0.5, seed=3, stop=("###",))))
    assert "".join(chunk.text for chunk in chunks) == "Rest and drink 水"
    assert chunks[-1].finish == "length"
    asked = server.asked[0]
    assert (asked["model"], asked["max_tokens"], asked["seed"], asked["stop"]) == ("base-model", 9, 3, ["###"])
    assert server.headers[0]["Authorization"] == "Bearer k"


def test_an_adapter_is_asked_for_as_the_model(serve: Serve) -> None:
    server, engine = serve(events("ok"), adapter=Path("adapters/calm"))
    list(engine.stream(_request("a")))
    list(engine.stream(_request("b", adapter="trial")))
    list(engine.stream(_request("c", adapter="")))
    assert [asked["model"] for asked in server.asked] == ["calm", "trial", "base-model"]
    assert engine.identity().adapter == "calm"


def test_a_stop_string_that_the_server_let_through_still_ends_the_answer(serve: Serve) -> None:
    _, engine = serve(events("one #", "# two"))
    chunks = list(engine.stream(_request(stop=("##",))))
    assert ("".join(chunk.text for chunk in chunks), chunks[-1].finish) == ("one ", "stop")


@pytest.mark.parametrize("code", [500, 502, 504])
def test_a_passing_fault_is_tried_again_before_the_first_token(serve: Serve, code: int) -> None:
    server, engine = serve(status(code), events("ok"))
    assert "".join(chunk.text for chunk in engine.stream(_request())) == "ok"
    assert len(server.asked) == 2


def test_a_lasting_fault_ends_as_down(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm.remote.PAUSE_S", 0.0)
    server, engine = serve(status(502))
    with pytest.raises(EngineDown):
        engine.stream(_request())
    assert len(server.asked) == 3


@pytest.mark.parametrize(("code", "error"), [(400, RequestRefused), (404, RequestRefused), (422, RequestRefused)])
def test_a_refusal_is_not_tried_again(serve: Serve, code: int, error: type[EngineError]) -> None:
    server, engine = serve(status(code))
    with pytest.raises(error, match=str(code)):
        engine.stream(_request())
    assert len(server.asked) == 1


def test_a_full_server_is_busy_for_as_long_as_it_says(serve: Serve) -> None:
    _, engine = serve(status(429, Retry_After="17"))
    with pytest.raises(EngineBusy) as refusal:
        engine.stream(_request())
    assert refusal.value.wait_s == 17


def test_nothing_is_tried_again_after_the_first_token(serve: Serve) -> None:
    server, engine = serve(events("Rest ", finish=None, done=False))
    stream = engine.stream(_request())
    assert next(stream).text == "Rest "
    with pytest.raises(EngineDown):
        next(stream)
    assert len(server.asked) == 1


def test_a_server_that_falls_silent_is_given_up_on(serve: Serve) -> None:
    _, engine = serve(events("Rest ", "now", pause=5.0), next_token_s=0.2)
    stream = engine.stream(_request())
    assert next(stream).text == "Rest "
    with pytest.raises(EngineDown):
        next(stream)


def test_cancel_ends_the_stream_and_cuts_the_connection(serve: Serve) -> None:
    server, engine = serve(events(*["word "] * 200, pause=0.02))
    stream = engine.stream(_request())
    next(stream)
    threading.Timer(0.05, engine.cancel, ["r"]).start()
    assert [chunk.finish for chunk in stream][-1] == "cancelled"
    assert server.broken.wait(5)


def test_closing_the_stream_cuts_the_connection(serve: Serve) -> None:
    server, engine = serve(events(*["word "] * 200, pause=0.02))
    stream = engine.stream(_request())
    next(stream)
    stream.close()
    assert server.broken.wait(5)


def test_an_error_event_fails_this_reply(serve: Serve) -> None:
    def script(server: Server, to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        _send(to, {"error": {"message": "My throat is sore."}})

    _, engine = serve(script)
    with pytest.raises(EngineError) as error:
        list(engine.stream(_request()))
    assert "throat" not in str(error.value)


def test_readiness_asks_the_server(serve: Serve) -> None:
    server, engine = serve(events("ok"))
    assert engine.ready()
    server.stop()
    assert not engine.ready()


def test_nobody_listening_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm.remote.PAUSE_S", 0.0)
    engine = RemoteEngine(EngineConfig(base=Path("none"), backend="remote", url="http://127.0.0.1:1/v1"))
    assert not engine.ready()
    with pytest.raises(EngineDown):
        engine.stream(_request())


def test_a_closed_engine_takes_no_request(serve: Serve) -> None:
    _, engine = serve(events("ok"))
    engine.close()
    with pytest.raises(EngineDown):
        engine.stream(_request())
