"""How likely a model finds given texts: perplexity of the wished answers, and multiple choice. Imports torch.

Works on the plain transformers model that the loader gives, one row at a time; the engine samples and says no
likelihoods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from llm import loader
from llm.config import EngineConfig
from llm.evaluate.choices import Question
from llm.types import ChatMessage


class Judge:
    """One base with or without an adapter."""

    def __init__(self, config: EngineConfig, adapter: str = "") -> None:
        card = loader.find_adapter(config, adapter) if adapter else None
        loaded = loader.load(config, loader.choose_placement(config), card)
        self._model, self._most = loaded.model, loaded.context
        self._tokenizer = loader.load_tokenizer(config.base)

    def perplexity(self, rows: Iterable[dict[str, Any]]) -> float:
        """exp of the mean loss a token over the completions of all ``rows``, given their prompts; nan for none."""
        losses, tokens = 0.0, 0
        for row in rows:
            log_shares = self._log_shares(row["prompt"], row["completion"][-1]["content"], end=True)
            losses -= sum(log_shares)
            tokens += len(log_shares)
        return math.exp(losses / tokens) if tokens else math.nan

    def choose(self, question: Question) -> str:
        """The choice that is likeliest a token, as the answer to the question with its passages."""
        scores = {}
        for choice in question.choices:
            log_shares = self._log_shares(question.turns, choice, end=False)
            scores[choice] = sum(log_shares) / len(log_shares)
        return max(scores, key=lambda choice: scores[choice])

    @torch.inference_mode()
    def _log_shares(self, turns: Sequence[Any], text: str, *, end: bool) -> list[float]:
        """The natural logarithm of each token's probability of ``text`` (and its end) after ``turns``."""
        messages = [
            {"role": turn.role, "content": turn.content} if isinstance(turn, ChatMessage) else turn for turn in turns
        ]
        prompt = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        answer = self._tokenizer.encode(text, add_special_tokens=False)
        answer += [self._tokenizer.eos_token_id] * end
        room = self._most - len(answer)
        ids = torch.tensor([[*prompt[-room:], *answer]], device=self._model.device)
        scores = self._model(ids, logits_to_keep=len(answer) + 1).logits[0, :-1].float().log_softmax(-1)
        return [float(row[token]) for row, token in zip(scores, answer, strict=True)]
