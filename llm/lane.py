"""One model with one batch that never stops: transformers' ContinuousBatchingManager, made to fail small.

A lane serves one set of weights (the base, or the base with one adapter). Different adapters run in different
lanes, because the paged cache shares prefixes by token ids alone and the keys of one adapter are wrong for
another. All lanes of an engine compute on one thread, one step at a time (see compute.py for why).

What this adds to the manager: outputs go to whoever asked (not to one shared queue), each chat samples by its
own settings, a step that raises fails the request that caused it and not the others, and a loop that dies says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from transformers import ContinuousBatchingConfig, GenerationConfig
from transformers.generation.continuous_batching.continuous_api import ContinuousBatchingManager, OutputRouter
from transformers.generation.continuous_batching.requests import GenerationOutput

from llm import attention, packed
from llm.compute import Compute
from llm.config import EngineConfig
from llm.loader import Loaded
from llm.runner import DraftRunner
from llm.sampler import RequestSampler
from llm.types import Sampling

log = logging.getLogger("llm.lane")
# The manager's own log tells of each batch at INFO and shows token ids of requests that it drops.
logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)

Sink = Callable[[GenerationOutput], None]
# After this many failed steps without one that worked the model itself is broken, not a request.
HOPELESS = 8
REBUILD_S = 10.0


class Router(OutputRouter):
    """Hands each output to the sink of its request; outputs of requests that nobody waits for are dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.sinks: dict[str, Sink] = {}

    def deliver(self, output: GenerationOutput) -> None:
        sink = self.sinks.get(output.request_id)
        if sink is not None:
            sink(output)

    def deliver_batch(self, outputs: list[GenerationOutput]) -> None:
        for output in outputs:
            self.deliver(output)


class LaneManager(ContinuousBatchingManager):
    """The manager with the lane's ways. Steps run on ``compute``; ``on_death`` is called from the dying loop."""

    def __init__(
        self,
        model: Any,
        generation: GenerationConfig,
        batching: ContinuousBatchingConfig,
        router: Router,
        compute: Compute,
        on_death: Callable[[], None],
        draft_tokens: int,
    ) -> None:
        super().__init__(model, generation, batching)
        self.output_router = router
        self.logit_processor: Any = RequestSampler()
        self._compute = compute
        self._on_death = on_death
        self._draft_tokens = draft_tokens
        self._eos = frozenset(generation.eos_token_id or ())
        self._failed_steps = 0
        self.steps = 0
        self.last_step = time.monotonic()

    def switch_to_cb_friendly_attn(self, model: Any, auto_switch_to_flash: bool = True) -> None:
        """The lane has chosen the attention already; the manager's list knows only its own."""

    def _create_batch_processor(self) -> Any:
        processor: Any = self._compute.run(super()._create_batch_processor)
        if self._draft_tokens:
            processor.model_runner = DraftRunner(processor, self._draft_tokens, self._eos)
        return processor

    def _generation_loop_body(self, batch_processor: Any, bootstrapping: bool) -> bool:
        if self._draft_tokens:
            batch_processor.model_runner.propose()
        return bool(super()._generation_loop_body(batch_processor, bootstrapping))

    def _generation_step(self) -> None:
        try:
            self._compute.run(super()._generation_step)
        except (RuntimeError, ValueError, IndexError, ArithmeticError, MemoryError) as error:
            self._failed_steps += 1
            if self._failed_steps >= HOPELESS:
                raise
            self._fail_alone(error)
        else:
            self._failed_steps = 0
        self.steps += 1
        self.last_step = time.monotonic()

    def _fail_alone(self, error: Exception) -> None:
        """Fail the request that most likely broke the step; start the others again from what they have written.

        A request in prefill is new to the batch, so it is the suspect; else the one with the longest past.
        """
        processor: Any = self.batch_processor
        batch = processor.inputs_and_outputs.requests_in_batch
        suspect = max(batch, key=lambda future: (future.query_length > 1, future.state.position_offset)).state
        log.error(
            "a step failed (%s); request %s is failed, %d go on",
            type(error).__name__,
            suspect.request_id,
            len(batch) - 1,
        )
        for future in batch:
            state = future.state
            processor.scheduler.finish_request(state.request_id)
            if state is suspect:
                processor.output_router.fail_and_deliver(state, error)
            else:
                processor.scheduler.add_waiting_request(state.create_equivalent_initial_request())
        # The step's outputs are void: nothing of it may be read by update_batch.
        processor.inputs_and_outputs.requests_in_batch = []

    def _run_generation_loop(self) -> None:
        super()._run_generation_loop()
        status: Any = self.background_thread_status
        if status.fatal_error is not None:
            self._on_death()


class Lane:
    """A loaded model and its running batch."""

    def __init__(
        self, loaded: Loaded, config: EngineConfig, compute: Compute, loading: Compute, eight_bit: bool = False
    ) -> None:
        self.loaded = loaded
        self._config = config
        self._compute = compute
        self._router = Router()
        self._closed = False
        self.deaths = 0
        attention.register()
        loaded.model.set_attn_implementation(_attention_for(loaded.model))
        if loaded.model.config._attn_implementation == attention.NAME and packed.can_pack(loaded.model):
            loading.run(lambda: packed.pack(loaded.model, config.max_chats, eight_bit))
            if eight_bit:
                loaded.identity = replace(loaded.identity, dtype=f"{loaded.identity.dtype}, prompts in int8")
        self._manager = self._start()

    def _start(self) -> LaneManager:
        generation = GenerationConfig(do_sample=False, eos_token_id=sorted(self.loaded.eos) or [-1])
        batching = ContinuousBatchingConfig(
            page_size=self._config.page_tokens,
            num_blocks=-(-self._config.cache_tokens // self._config.page_tokens),
            max_batch_tokens=self._config.batch_tokens,
            max_requests_per_batch=self._config.max_chats,
            max_blocks_per_request=0,
            auto_switch_to_flash=False,
            use_cuda_graph=False,
            use_async_batching=False,
        )
        # A guess must fit into a batch beside the others; and on an accelerator graphs would have to know of it.
        roomy = self._config.batch_tokens >= 64 and self.loaded.model.device.type == "cpu"
        drafts = self._config.draft_tokens if roomy else 0
        manager = LaneManager(self.loaded.model, generation, batching, self._router, self._compute, self._died, drafts)
        manager.start()
        return manager

    def _died(self) -> None:
        """Runs in the dying loop's thread: the first time a new loop takes its place."""
        self.deaths += 1
        log.error("the batch of %s died for the %d. time", self.loaded.identity.adapter or "the base", self.deaths)
        if self.deaths == 1 and not self._closed:
            self._manager = self._start()

    def submit(self, request_id: str, tokens: list[int], sampling: Sampling, sink: Sink) -> None:
        """Queue a request; the lane's thread calls ``sink`` with each output. Raises RuntimeError when dead."""
        self._wait_for_rebuild()
        if not self.busy():
            self._manager.last_step = time.monotonic()  # having had nothing to do is no stall
        self._router.sinks[request_id] = sink
        # An end-of-text token is looked for by the manager; stop strings are the engine's.
        accepted = self._manager.add_request(
            tokens, request_id=request_id, max_new_tokens=sampling.max_new_tokens, streaming=True, sampling=sampling
        )
        if accepted is None:
            self.forget(request_id)
            raise RuntimeError("the lane took no request")

    def cancel(self, request_id: str) -> None:
        """Free the request's cache before the next step; outputs after this are dropped."""
        self.forget(request_id)
        self._manager.cancel_request(request_id)

    def forget(self, request_id: str) -> None:
        self._router.sinks.pop(request_id, None)

    def _wait_for_rebuild(self) -> None:
        """A loop that has just died is about to be replaced; a request that comes meanwhile need not fail."""
        end = time.monotonic() + REBUILD_S
        while not self.alive():
            if self._closed or self.deaths > 1 or time.monotonic() > end:
                raise RuntimeError("the lane is dead")
            time.sleep(0.01)

    def alive(self) -> bool:
        status = self._manager.background_thread_status
        accepts = status.can_accept_new_requests() is None
        return not self._closed and self.deaths < 2 and accepts and self._manager.is_running()

    def stalled(self, seconds: float) -> bool:
        """Whether there is work and no step was made for ``seconds``."""
        return self.busy() and time.monotonic() - self._manager.last_step > seconds

    def busy(self) -> bool:
        processor = self._manager.batch_processor
        return not self._manager.input_queue.empty() or (processor is not None and processor.has_pending_requests())

    @property
    def steps(self) -> int:
        return self._manager.steps

    def drafted(self) -> tuple[int, int]:
        """Tokens that were guessed since the loop began, and how many of them were right."""
        runner: Any = self._manager.batch_processor.model_runner if self._manager.batch_processor else None
        return (runner.guessed, runner.right) if isinstance(runner, DraftRunner) else (0, 0)

    def used_pages(self) -> int:
        """Pages of the cache that running requests hold."""
        processor = self._manager.batch_processor
        if processor is None:
            return 0
        return sum(
            len(table)
            for allocator in processor.cache.cache_allocators.values()
            for table in allocator.block_table.values()
        )

    def close(self) -> None:
        """End the loop and give back the memory; requests in flight fail."""
        self._closed = True
        if self._manager.is_running():
            self._manager.stop(block=True, timeout=10, hard_stop=True)
        self.loaded.model = None


def _attention_for(model: Any) -> str:
    """Our own on a CPU, where it is exact and fast; transformers' SDPA elsewhere and for sliding windows."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    sliding = getattr(config, "sliding_window", None) is not None and not getattr(config, "layer_types", None)
    if model.device.type == "cpu" and kinds == {"full_attention"} and not sliding:
        return attention.NAME
    return "sdpa"
