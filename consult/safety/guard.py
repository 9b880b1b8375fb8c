"""The guard, after the model: what the rest of the product calls.

``check_sentence`` judges one sentence, ``is_answer`` whether enough is left, ``compose`` answers from the passages
themselves, and ``declines`` turns a harmful request away before anything is asked of the model. ``GUARD_VERSION`` is
stored with each reply: raise it with every change of rules or code of the guard.
"""

from __future__ import annotations

from consult.safety.check import check_sentence, is_answer, tainted
from consult.safety.compose import compose
from consult.safety.requests import declines

__all__ = ["GUARD_VERSION", "check_sentence", "compose", "declines", "is_answer", "tainted"]

GUARD_VERSION = "3"
