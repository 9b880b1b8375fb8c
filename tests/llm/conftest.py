"""A tiny model folder, engines on it, and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llm.config import EngineConfig
from llm.types import ChatMessage, Request, Sampling
from tests.llm import tiny

if TYPE_CHECKING:
    from llm.local import LocalEngine

OpenEngine = Callable[..., "LocalEngine"]
SMOLLM2 = Path(__file__).parents[2] / "var/models/smollm2-135m-instruct"


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build_base(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def open_tiny(tiny_base: Path) -> Iterator[OpenEngine]:
    """Opens engines on the tiny model in float32; all are closed at the end."""
    from llm.local import LocalEngine

    opened: list[Any] = []

    def open_it(**settings: Any) -> LocalEngine:
        small: dict[str, Any] = {"cache_tokens": 2048, "page_tokens": 16, "max_chats": 4, "max_queue": 4, "threads": 1}
        small["products"] = "exact"
        engine = LocalEngine(
            EngineConfig(**{"base": tiny_base, "dtype": "float32", "device": "cpu", **small, **settings})
        )
        opened.append(engine)
        return engine

    yield open_it
    for engine in opened:
        engine.close()


def ask(name: str, text: str = "My throat is sore.", adapter: str | None = None, **sampling: Any) -> Request:
    """A request of one turn."""
    return Request(name, (ChatMessage("user", text),), Sampling(**{"max_new_tokens": 24, **sampling}), adapter)


def said(engine: Any, request: Request) -> str:
    """The whole answer."""
    return "".join(chunk.text for chunk in engine.stream(request))
