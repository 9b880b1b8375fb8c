"""The engine on this machine's own weights: admits requests, runs lanes, turns tokens into text.

One owner of one base. Requests are checked before they join a batch, so that a bad one is refused alone.
Knows nothing of patients, prompts or the web.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from types import TracebackType
from typing import Any

from llm import loader, packed, sampler
from llm.cards import AdapterCard, CardError, list_adapters
from llm.compute import Compute
from llm.config import EngineConfig
from llm.lane import Lane
from llm.text import TextStream
from llm.types import (
    ChatMessage,
    Chunk,
    EngineBusy,
    EngineDown,
    EngineError,
    Finish,
    Identity,
    Request,
    RequestRefused,
    Sampling,
)

log = logging.getLogger("llm.engine")

BASE = ""
# How long a first reply is thought to take, before any was measured.
GUESS_S = 10.0


class LocalEngine:
    """``llm.types.Engine`` on transformers' continuous batching, with adapters that come and go while it runs."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._compute = Compute(config.threads)
        self.placement = self._compute.run(lambda: loader.choose_placement(config))
        self.eight_bit, why = self._compute.run(lambda: packed.choose_products(config.products, self.placement.dtype))
        self.tokenizer = loader.load_tokenizer(config.base)
        self._controls = [word for word in self.tokenizer.all_special_tokens if word.strip()]
        self._change = threading.RLock()
        self._loading = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._retiring: set[str] = set()
        self._running: dict[str, Reply] = {}
        self._reply_s = GUESS_S
        self._closed = False
        self.active = config.adapter.name if config.adapter else BASE
        self.lane_of(self.active)
        log.info("serving %s on %s: %s; %s", config.base.name, self.placement.device, self.placement.reason, why)

    # -- answering

    def stream(self, request: Request) -> ReplyStream:
        """Queue ``request`` at once and return its chunks; see ``llm.types.Engine.stream``."""
        tokens = self.tokens_of(request)
        name = self.active if request.adapter is None else request.adapter
        lane = self.lane_of(name)
        with self._change:
            self._check_room(request)
            if self._lanes.get(name) is not lane or name in self._retiring:
                raise RequestRefused(f"adapter {name!r} is being retired")
            reply = Reply(lane, name, request)
            self._running[request.id] = reply
        try:
            lane.submit(request.id, tokens, self._settled(request), reply.inbox.put)
        except (RuntimeError, queue.Full) as error:
            self.forget(reply)
            raise EngineDown("the engine's loop is not running") from error
        return ReplyStream(self, reply, TextStream(self._decode, request.sampling.stop))

    def _settled(self, request: Request) -> Sampling:
        """The request's sampling with what the engine adds: a seed of its own, so that two do not sample alike, and
        the tokens that may not come first."""
        sampling = request.sampling
        seed = secrets.randbits(31) if sampling.seed is None and sampling.temperature > 0 else sampling.seed
        barred = tuple(self.tokenizer.encode(text, add_special_tokens=False)[0] for text in request.opening_not if text)
        return replace(sampling, seed=seed, first_not=(*sampling.first_not, *barred))

    def cancel(self, request_id: str) -> None:
        reply = self._running.get(request_id)
        if reply is not None:
            reply.cancel()

    def identity(self, adapter: str | None = None) -> Identity:
        """What would answer; raises RequestRefused for an adapter that is not there."""
        return self.lane_of(self.active if adapter is None else adapter).loaded.identity

    def ready(self) -> bool:
        """Whether a request for the active adapter would be answered now: loop alive, moving, and a place free."""
        lane = self._lanes.get(self.active)
        if self._closed or lane is None or not lane.alive() or lane.stalled(self.config.stall_s):
            return False
        return len(self._running) < self.config.max_chats + self.config.max_queue

    def close(self) -> None:
        self._closed = True
        with self._change:
            for reply in list(self._running.values()):
                reply.inbox.put(EngineDown("the engine was closed"))
            for lane in self._lanes.values():
                lane.close()
            self._lanes.clear()
        self._compute.close()

    # -- adapters

    def adapters(self) -> list[AdapterCard]:
        """Adapters that could be activated, by name."""
        found = list_adapters(self.config.adapters) if self.config.adapters else []
        return [card for card in found if card.base_hash == loader.hash_of_base(self.config.base)]

    def loaded_adapters(self) -> list[str]:
        """Adapters in memory now ("" is the bare base), the active one first."""
        return sorted(self._lanes, key=lambda name: (name != self.active, name))

    def load_adapter(self, name: str) -> Identity:
        """Bring an adapter into memory beside what runs. Raises RequestRefused where it cannot be served."""
        return self.identity(name)

    def activate(self, name: str) -> Identity:
        """New requests that name no adapter take ``name``; running replies finish on theirs."""
        identity = self.lane_of(name).loaded.identity
        with self._change:
            self._retiring.discard(name)
            self.active = name
        return identity

    def retire(self, name: str) -> None:
        """Take no more requests for ``name`` and free it once its replies are done. The active one cannot go."""
        with self._change:
            if name == self.active:
                raise RequestRefused(f"adapter {name!r} is the active one; activate another first")
            if name in self._lanes:
                self._retiring.add(name)
        self._free_retired()

    def drafted(self) -> tuple[int, int]:
        """Tokens that were guessed ahead, and how many of them were right, over all lanes."""
        counts = [lane.drafted() for lane in list(self._lanes.values())]
        return sum(guessed for guessed, _ in counts), sum(right for _, right in counts)

    def loaded_pages(self) -> int:
        """Pages of the paged cache that running requests hold, over all lanes."""
        return sum(lane.used_pages() for lane in list(self._lanes.values()))

    def lane_of(self, name: str) -> Lane:
        """The lane of an adapter ("" is the bare base), loaded if it was not; raises RequestRefused or EngineDown."""
        lane = self._lane_here(name)
        if lane is None:
            with self._loading:
                lane = self._lane_here(name) or self._open_lane(name)
        return lane

    def _lane_here(self, name: str) -> Lane | None:
        with self._change:
            if self._closed:
                raise EngineDown("the engine is closed")
            if name in self._retiring:
                raise RequestRefused(f"adapter {name!r} is being retired")
            return self._lanes.get(name)

    def _open_lane(self, name: str) -> Lane:
        """Load beside what runs: on a thread of its own, so that replies go on meanwhile (slower, see compute.py)."""
        loading = Compute(self.config.threads)
        try:
            card = loader.find_adapter(self.config, name) if name else None
            loaded = loading.run(lambda: loader.load(self.config, self.placement, card))
            lane = Lane(loaded, self.config, self._compute, loading, self.eight_bit)
        except (CardError, loader.LoadError) as error:
            raise RequestRefused(str(error)) from error
        finally:
            loading.close()
        with self._change:
            self._lanes[name] = lane
        return lane

    def _free_retired(self) -> None:
        with self._change:
            in_use = {reply.lane_name for reply in self._running.values()}
            free = [self._lanes.pop(name) for name in self._retiring - in_use]
            self._retiring &= in_use
        for lane in free:
            lane.close()

    # -- one request

    def tokens_of(self, request: Request) -> list[int]:
        """The prompt as the model reads it; raises RequestRefused for values out of range or too long a prompt."""
        wrong = sampler.check(request.sampling)
        if wrong:
            raise RequestRefused(wrong)
        if not request.messages:
            raise RequestRefused("the request has no messages")
        turns = [{"role": turn.role, "content": self._defused(turn)} for turn in request.messages]
        tokens = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        self._check_length(len(tokens), request.sampling.max_new_tokens)
        return list(tokens)

    def _defused(self, turn: ChatMessage) -> str:
        """Control words inside a turn are only text: a patient cannot open a system turn by typing one."""
        text = turn.content
        for word in self._controls:
            text = text.replace(word, f"{word[0]} {word[1:]}")
        return text

    def _check_length(self, prompt: int, new: int) -> None:
        lane = self._lanes.get(self.active)
        context = lane.loaded.context if lane else self.config.cache_tokens
        most = min(context, self.config.cache_tokens)
        if prompt + new > most:
            raise RequestRefused(
                f"the prompt has {prompt} tokens and the answer may have {new}; together at most {most}"
            )

    def _check_room(self, request: Request) -> None:
        if self._closed:
            raise EngineDown("the engine is closed")
        if request.id in self._running:
            raise RequestRefused("a request with this id is already running")
        ahead = len(self._running) - self.config.max_chats - self.config.max_queue
        if ahead >= 0:
            rounds = 1 + self.config.max_queue // self.config.max_chats
            raise EngineBusy(wait_s=self._reply_s * rounds)

    def _decode(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def forget(self, reply: Reply) -> None:
        """A reply ended: its place is free, and a retired adapter may go."""
        with self._change:
            if self._running.get(reply.request.id) is not reply:
                return
            del self._running[reply.request.id]
            spent = time.monotonic() - reply.begun
            self._reply_s += 0.2 * (spent - self._reply_s)
        reply.lane.forget(reply.request.id)
        if self._retiring:
            # The lane's own thread may be the caller, and closing a lane waits for that thread.
            threading.Thread(target=self._free_retired, daemon=True).start()


class Reply:
    """A request in flight as the engine and its lane know it; the reader's side is ReplyStream."""

    def __init__(self, lane: Lane, lane_name: str, request: Request) -> None:
        self.lane = lane
        self.lane_name = lane_name
        self.request = request
        self.begun = time.monotonic()
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def cancel(self) -> None:
        self.lane.cancel(self.request.id)
        self.inbox.put("cancelled")


class ReplyStream(Generator[Chunk, None, None]):
    """The chunks of one reply. Closing it, or dropping it, cancels the request."""

    def __init__(self, engine: LocalEngine, reply: Reply, text: TextStream) -> None:
        self._engine = engine
        self._reply = reply
        self._text = text
        self._seen = 0
        self._over = False

    def send(self, _value: None) -> Chunk:
        while not self._over:
            chunk = self._chunk_of(self._next_output())
            if chunk is not None:
                return chunk
        raise StopIteration

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> Chunk:
        self._end(cancel=True)
        error = kind if isinstance(kind, BaseException) else kind()
        raise error

    def close(self) -> None:
        self._end(cancel=True)

    def __del__(self) -> None:
        self._end(cancel=True)

    def _next_output(self) -> Any:
        while True:
            try:
                return self._reply.inbox.get(timeout=1.0)
            except queue.Empty:
                if self._reply.lane.stalled(self._engine.config.stall_s) or not self._reply.lane.alive():
                    return EngineDown("the engine's loop made no step for too long")

    def _chunk_of(self, output: Any) -> Chunk | None:
        """The chunk that an output means, or None where it adds no certain text yet."""
        if output == "cancelled":
            self._end(cancel=False)
            return Chunk("", self._seen, "cancelled")
        if isinstance(output, EngineError):
            self._end(cancel=True)
            raise output
        if output.error is not None:
            self._end(cancel=False)
            raise _failure(self._reply.lane, output.error)
        fresh = output.generated_tokens[self._seen :]
        self._seen = len(output.generated_tokens)
        text = self._text.push(fresh)
        if self._text.stopped:
            self._end(cancel=True)
            return Chunk(text, self._seen, "stop")
        if output.is_finished():
            self._end(cancel=False)
            return Chunk(text + self._text.flush(), self._seen, self._finish(output.generated_tokens))
        return Chunk(text, self._seen) if text else None

    def _finish(self, tokens: list[int]) -> Finish:
        return "stop" if self._text.stopped or (tokens and tokens[-1] in self._reply.lane.loaded.eos) else "length"

    def _end(self, cancel: bool) -> None:
        if self._over:
            return
        self._over = True
        if cancel:
            self._reply.lane.cancel(self._reply.request.id)
        self._engine.forget(self._reply)


def _failure(lane: Lane, error: str) -> EngineError:
    if lane.deaths or not lane.alive() or "Generation loop" in error:
        return EngineDown("the engine's loop died while this reply was being written")
    return EngineError("this reply could not be written")
