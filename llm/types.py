"""The words that the engine and its callers share.

Light: imports no torch, so the web process may import it. An engine has one verb, ``stream``.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn as the chat template of the base model takes it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. ``temperature`` 0 is greedy; ``max_new_tokens`` bounds the answer;
    ``first_not`` are token ids that may not come first."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    first_not: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to be written. ``adapter`` None takes the active one; "" asks for the bare base model.

    ``opening_not``: texts that the answer must not begin with; a local engine rules their first token out, a remote
    one leaves it to its server's model.
    """

    id: str
    messages: tuple[ChatMessage, ...]
    sampling: Sampling = Sampling()
    adapter: str | None = None
    opening_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of text that never ends inside a character. The last chunk of a stream carries ``finish``.

    ``tokens`` counts the tokens written so far, those of this piece included.
    """

    text: str
    tokens: int = 0
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What wrote an answer, as stored with it (promise P6). Hashes are sha256 in hexadecimal, "" where unknown."""

    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    device: str
    dtype: str


class EngineError(Exception):
    """Any failure to answer; the message names no text of the request."""


class EngineBusy(EngineError):
    """The queue is full; nothing was accepted."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"the model is busy; try again in about {wait_s:.0f} s")
        self.wait_s = wait_s


class RequestRefused(EngineError):
    """This request alone cannot be served: too long, a value out of range, an unknown adapter."""


class EngineDown(EngineError):
    """The engine cannot answer anyone at present."""


class Engine(Protocol):
    """One owner of one base model. Thread-safe: many streams at once."""

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Yield the answer as it is written; raises EngineError, at once or while it is read.

        The request is queued by the call itself. Closing the generator cancels it.
        """

    def cancel(self, request_id: str) -> None:
        """End that stream within one step, with ``finish="cancelled"``; unknown ids are ignored."""

    def identity(self, adapter: str | None = None) -> Identity:
        """What would answer a request that names ``adapter``."""

    def ready(self) -> bool:
        """Whether a request sent now would be answered."""

    def close(self) -> None:
        """Give back the memory; running streams end with EngineDown."""
