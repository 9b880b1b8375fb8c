"""A batch's step in which a few chats have several tokens checked at once (speculative decoding without a second
model). The text is the same as without: a guess is kept only where the chat's own choice, greedy or sampled, is it.

Built on transformers' ModelRunner: a drafted chat enters the batch as its last token and the guesses; what was
refused is forgotten by setting the chat's position back, and its keys are overwritten by the next step.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.generation.continuous_batching.model_runner import ModelRunner
from transformers.generation.continuous_batching.requests import RequestStatus

from llm.draft import Drafter
from llm.sampler import choose_in_place, written_by

# With more chats than this the products are no longer bound by fetching weights, and guesses cost what they take.
MOST_CHATS = 4


class DraftRunner(ModelRunner):
    """``propose`` before a batch is scheduled; the step then verifies. Synchronous batches without graphs only."""

    def __init__(self, processor: Any, most: int, eos: frozenset[int]) -> None:
        super().__init__(
            logit_processor=processor.logit_processor,
            cb_config=processor.cb_config,
            inputs_and_outputs=processor.inputs_and_outputs,
            cache=processor.cache,
            do_sample=processor.do_sample,
            return_logprobs=processor.return_logprobs,
        )
        self._scheduler = processor.scheduler
        self._most = most
        self._eos = eos
        self._drafters: dict[str, Drafter] = {}
        self._drafts: dict[str, list[int]] = {}
        self.guessed = 0
        self.right = 0

    def propose(self) -> None:
        """Put guesses behind the last token of each decoding chat, if few enough run."""
        active = self._scheduler.active_requests
        self._drafts = {}
        self._drafters = {name: drafter for name, drafter in self._drafters.items() if name in active}
        waiting = bool(self._scheduler.waiting_requests)
        for state in active.values():
            if state.status != RequestStatus.DECODING or not state.generated_tokens:
                continue
            state.tokens_to_process = state.tokens_to_process[:1]
            if waiting or len(active) > MOST_CHATS:
                continue
            room = state._new_tokens_limit - len(state.generated_tokens) - 1
            guess = self._drafter(state).guess(min(room, self._most)) if room > 0 else []
            if guess:
                self._drafts[state.request_id] = guess
                state.tokens_to_process = [*state.tokens_to_process, *guess]

    def _drafter(self, state: Any) -> Drafter:
        drafter = self._drafters.get(state.request_id)
        if drafter is None:
            drafter = self._drafters[state.request_id] = Drafter(state.initial_tokens, self._most)
        drafter.extend(state.generated_tokens[len(drafter) - len(state.initial_tokens) :])
        return drafter

    def _forward_process_and_sample(
        self, model: Any, batch_data: dict[str, Any], carry: torch.Tensor, previous: torch.Tensor, output: torch.Tensor
    ) -> None:
        ios: Any = self.inputs_and_outputs
        rows = [future for future in ios.requests_in_batch if future.has_new_token]
        if not any(self._draft_of(future) for future in rows):
            super()._forward_process_and_sample(model, batch_data, carry, previous, output)
            return
        ends = batch_data["logits_indices"].tolist()
        wanted = [place for future, end in zip(rows, ends, strict=False) for place in self._places(future, end)]
        batch_data["logits_to_keep"] = torch.tensor(wanted)
        logits = model(**batch_data).logits[0].float()
        first = 0
        for row, future in enumerate(rows):
            draft = self._draft_of(future)
            output[0, row] = self._verify(future, draft, logits[first : first + len(draft) + 1])
            first += len(draft) + 1

    def _draft_of(self, future: Any) -> list[int]:
        draft = self._drafts.get(future.state.request_id, [])
        return draft if future.query_length == 1 + len(draft) else []

    def _places(self, future: Any, end: int) -> range:
        return range(end - len(self._draft_of(future)), end + 1)

    def _verify(self, future: Any, draft: list[int], logits: torch.Tensor) -> int:
        """Keep the guesses that the chat itself would have written; returns its next token. ``logits``
        [guesses + 1, vocabulary]."""
        state = future.state
        sampling = state.logit_processor_kwargs["sampling"]
        before = written_by(state)
        kept: list[int] = []
        while True:
            choose_in_place(logits[len(kept)], sampling, [*before, *kept])
            token = int(torch.argmax(logits[len(kept)]))
            if len(kept) == len(draft) or token != draft[len(kept)] or token in self._eos:
                break
            kept.append(token)
        if draft:
            self._settle(future, draft, kept)
        return token

    def _settle(self, future: Any, draft: list[int], kept: list[int]) -> None:
        state = future.state
        state.generated_tokens.extend(kept)
        state.position_offset -= 1 + len(draft)
        future.complete_blocks = self.cache.count_new_complete_blocks(state, 1 + len(kept))
        state.position_offset += 1 + len(kept)
        self._drafters[state.request_id].learn(len(draft), len(kept))
        self.guessed += len(draft)
        self.right += len(kept)
