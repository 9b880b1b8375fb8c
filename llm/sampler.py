"""Chooses each chat's next token by that chat's own settings, whatever the chats beside it ask for.

transformers' continuous batching has one ``do_sample`` and one seed for all, and drops the repetition penalty.
This stands in the place of its list of logits processors: it marks the token that it chose with +inf, and the
batch's argmax then takes it.

The repetition penalty counts the answer's own tokens only. ``generate`` counts the prompt's too, which here
would punish quoting the passages that an answer must be built from.

Sampling is Gumbel-max with noise that is a function of (seed, step, token): a chat's choice does not depend on
what runs beside it, and no generator has to be kept.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from llm.types import Sampling

NEVER = float("-inf")
CERTAIN = float("inf")


class RequestSampler:
    """Duck-types ``ContinuousBatchingLogitsProcessorList`` for one lane. Used by the lane's thread only."""

    tensors_required = 0
    do_processing = True

    def __init__(self) -> None:
        self._rows: list[Any] = []
        self.broken: list[str] = []

    def check_kwargs(self, kwargs: dict[str, Any]) -> None:
        """Called by the scheduler for each new request."""
        if not isinstance(kwargs.get("sampling"), Sampling):
            raise TypeError("a request without its sampling settings")

    def fill_defaults(self, tensor: torch.Tensor) -> None:
        """No defaults live in the batch's tensors."""

    def prepare_tensor_args(self, requests_in_batch: list[Any], arg_storage: torch.Tensor) -> torch.Tensor:
        """Remember whose logits come, in order: the chats whose prefill is complete with this step."""
        self._rows = [future.state for future in requests_in_batch if future.has_new_token]
        return arg_storage

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, args: torch.Tensor) -> torch.Tensor:
        """``scores``: float logits [at least len(rows), vocabulary], changed in place."""
        for row, state in enumerate(self._rows):
            choose_in_place(scores[row], state.logit_processor_kwargs["sampling"], written_by(state))
        return scores


def written_by(state: Any) -> list[int]:
    """The tokens that a request has written, also after a soft reset moved them into its prompt."""
    moved = state.initial_tokens[state._true_initial_tokens :] if state._true_initial_tokens else []
    return [*moved, *state.generated_tokens]


def choose_in_place(logits: torch.Tensor, sampling: Sampling, written: list[int]) -> None:
    """Leave the greedy choice alone, or put +inf at the sampled token. ``logits``: [vocabulary]."""
    if sampling.first_not and not written:
        logits[list(sampling.first_not)] = NEVER
    if sampling.repetition_penalty != 1.0 and written:
        penalise(logits, written, sampling.repetition_penalty)
    if sampling.temperature > 0:
        logits[sample(logits, sampling, step=len(written))] = CERTAIN


def penalise(logits: torch.Tensor, written: list[int], penalty: float) -> None:
    """Divide positive and multiply negative logits of ``written`` by ``penalty`` (Keskar et al. 2019, CTRL)."""
    seen = torch.tensor(sorted(set(written)), dtype=torch.long, device=logits.device)
    values = logits[seen]
    logits[seen] = torch.where(values > 0, values / penalty, values * penalty)


def sample(logits: torch.Tensor, sampling: Sampling, step: int) -> int:
    """One token id by temperature and top-p, with the noise of (seed, step)."""
    scaled = logits / sampling.temperature
    if sampling.top_p < 1.0:
        scaled = nucleus(scaled, sampling.top_p)
    return int(torch.argmax(scaled + gumbel(sampling.seed or 0, step, scaled.shape[-1], scaled.device)))


def nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """-inf outside the smallest set of tokens whose probability reaches ``top_p`` (Holtzman et al. 2020)."""
    log_total = torch.logsumexp(logits, dim=-1)
    few = min(256, logits.shape[-1])
    best, places = torch.topk(logits, few)
    if float(torch.exp(best - log_total).sum()) < top_p:  # rare: a flat distribution; sort them all
        best, places = torch.sort(logits, descending=True)
    before = torch.cumsum(torch.exp(best - log_total), dim=-1) - torch.exp(best - log_total)
    inside = before < top_p
    kept = torch.full_like(logits, NEVER)
    kept[places[inside]] = best[inside]
    return kept


def gumbel(seed: int, step: int, size: int, device: torch.device) -> torch.Tensor:
    """Gumbel noise [size], a pure function of its arguments."""
    tokens = torch.arange(size, dtype=torch.int64, device=device)
    mixed = _mix(tokens + _mix_int(seed * 0x9E3779B1 + step))
    uniform = ((mixed & 0xFFFFFF).to(torch.float32) + 0.5) / float(1 << 24)
    return -torch.log(-torch.log(uniform))


def _mix(values: torch.Tensor) -> torch.Tensor:
    """A 32-bit finaliser (constants of murmur3's fmix32), kept in the low half of int64."""
    values = values & 0xFFFFFFFF
    values = ((values ^ (values >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    values = ((values ^ (values >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return values ^ (values >> 16)


def _mix_int(value: int) -> int:
    value &= 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def check(sampling: Sampling) -> str | None:
    """What is wrong with these settings, or None. The sentence names the value."""
    numbers = (sampling.temperature, sampling.top_p, sampling.repetition_penalty)
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
        return "a sampling setting is not a finite number"
    if sampling.max_new_tokens < 1:
        return f"max_new_tokens is {sampling.max_new_tokens}; it must be at least 1"
    if sampling.temperature < 0:
        return f"temperature is {sampling.temperature}; it must be 0 or more"
    if not 0 < sampling.top_p <= 1:
        return f"top_p is {sampling.top_p}; it must be more than 0 and at most 1"
    if sampling.repetition_penalty <= 0:
        return f"repetition_penalty is {sampling.repetition_penalty}; it must be more than 0"
    return None
