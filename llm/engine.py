"""``open_engine(config)``: the one way to get an engine. Torch is imported only when a local one is opened."""

from __future__ import annotations

from llm.config import EngineConfig
from llm.types import ChatMessage, Engine, Request, Sampling

WARM_UP = Request("warm-up", (ChatMessage("user", "Hello"),), Sampling(max_new_tokens=2))


def open_engine(config: EngineConfig, warm: bool = True) -> Engine:
    """Load what ``config`` names and answer one short request before returning (``warm``).

    Raises EngineError or a ConfigError, LoadError or CardError that names the value that cannot be served.
    """
    engine = _open(config)
    if warm:
        for _ in engine.stream(WARM_UP):
            pass
    return engine


def _open(config: EngineConfig) -> Engine:
    if config.backend == "fake":
        from llm.fake import FakeEngine

        return FakeEngine()
    if config.backend == "remote":
        from llm.remote import RemoteEngine

        return RemoteEngine(config)
    from llm.local import LocalEngine

    return LocalEngine(config)
