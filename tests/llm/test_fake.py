"""The fake engine keeps the contract of ``llm.types.Engine`` well enough to test its callers with."""

from __future__ import annotations

import threading

import pytest

from llm.fake import FakeEngine
from llm.types import ChatMessage, Chunk, Engine, EngineBusy, EngineDown, Request, Sampling


def _request(name: str = "r1", **sampling: int) -> Request:
    return Request(name, (ChatMessage("user", "My throat is sore."),), Sampling(**sampling))  # type: ignore[arg-type]


def test_it_is_an_engine() -> None:
    engine: Engine = FakeEngine()
    assert engine.ready()


def test_it_streams_the_script_and_ends_with_a_finish() -> None:
    chunks = list(FakeEngine("Rest and drink water.").stream(_request()))
    assert "".join(chunk.text for chunk in chunks) == "Rest and drink water."
    assert [chunk.finish for chunk in chunks] == [None] * 4 + ["stop"]


def test_it_records_each_call_even_one_that_nobody_reads() -> None:
    engine = FakeEngine()
    engine.stream(_request("a"))
    engine.stream(_request("b"))
    assert [request.id for request in engine.requests] == ["a", "b"]


def test_scripts_are_used_in_turn_and_the_last_again() -> None:
    engine = FakeEngine("one", lambda request: request.id, "three")
    assert ["".join(c.text for c in engine.stream(_request(name))) for name in "abcd"] == ["one", "b", "three", "three"]


def test_it_never_goes_over_the_limit() -> None:
    chunks = list(FakeEngine("one two three four").stream(_request(max_new_tokens=2)))
    assert chunks[-1] == Chunk("", 2, "length")
    assert "".join(chunk.text for chunk in chunks) == "one two "


def test_it_can_be_busy_down_or_break_in_the_middle() -> None:
    with pytest.raises(EngineBusy, match="12 s"):
        FakeEngine(busy=12).stream(_request())
    with pytest.raises(EngineDown):
        FakeEngine(EngineDown("no")).stream(_request())
    stream = FakeEngine("one two three", fail_after=1).stream(_request())
    assert next(stream).text == "one "
    with pytest.raises(EngineDown):
        next(stream)


def test_a_hanging_stream_ends_when_it_is_cancelled() -> None:
    engine = FakeEngine("one two three", hang_after=1)
    stream = engine.stream(_request())
    assert next(stream).text == "one "
    threading.Timer(0.05, engine.cancel, ["r1"]).start()
    assert [chunk.finish for chunk in stream] == ["cancelled"]


def test_closing_the_stream_cancels_the_request() -> None:
    engine = FakeEngine("one two three")
    stream = engine.stream(_request())
    next(stream)
    stream.close()
    assert engine.cancelled == ["r1"]


def test_a_closed_engine_answers_nobody() -> None:
    engine = FakeEngine()
    engine.close()
    assert not engine.ready()
    with pytest.raises(EngineDown):
        engine.stream(_request())
