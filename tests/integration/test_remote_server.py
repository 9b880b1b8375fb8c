"""The remote engine against a real OpenAI-compatible server on loopback: ``transformers serve`` with a tiny model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm.config import EngineConfig
from llm.remote import RemoteEngine
from llm.types import ChatMessage, EngineError, Request, Sampling
from tests.live import free_port
from tests.llm import tiny

pytestmark = [pytest.mark.integration, pytest.mark.torch]
TURN = (ChatMessage("user", "My throat is sore."),)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build_base(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def engine(base: Path) -> Iterator[RemoteEngine]:
    """The engine, its server up and the model asked for once."""
    pytest.importorskip("fastapi", reason="transformers serve needs the extra `serving`")
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--port", str(port)]
    options = ["--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen([*command, *options], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    remote = RemoteEngine(
        EngineConfig(base=base, backend="remote", url=f"http://127.0.0.1:{port}/v1", model=str(base), first_token_s=120)
    )
    try:
        deadline = time.monotonic() + 120
        while not remote.ready() and server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        assert remote.ready(), f"transformers serve did not come up (exit {server.poll()})"
        yield remote
    finally:
        remote.close()
        server.terminate()
        server.wait(20)


def test_the_text_is_what_plain_generate_writes(engine: RemoteEngine, base: Path) -> None:
    chunks = list(engine.stream(Request("r1", TURN, Sampling(max_new_tokens=12))))
    assert "".join(chunk.text for chunk in chunks) == tiny.oracle(base, TURN[0].content, 12)
    assert chunks[-1].finish == "length"


def test_a_cancelled_answer_ends_and_the_next_is_served(engine: RemoteEngine) -> None:
    stream = engine.stream(Request("r2", TURN, Sampling(max_new_tokens=600)))
    next(stream)
    engine.cancel("r2")
    assert sum(1 for _ in stream) < 600
    assert list(engine.stream(Request("r3", TURN, Sampling(max_new_tokens=2))))


def test_a_model_that_the_server_does_not_have_is_an_error_and_not_a_hang(engine: RemoteEngine) -> None:
    with pytest.raises(EngineError):
        list(engine.stream(Request("r4", TURN, Sampling(max_new_tokens=2), adapter="no-such-model")))
