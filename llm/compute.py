"""The one thread of an engine that runs torch.

On a CPU, OpenMP gives each thread that runs a large operation a pool of its own. With two pools on the same
cores libgomp sees more threads than cores, stops spinning and sleeps at every operation: a step of a small model
that takes 16 ms took 28 ms merely because another thread had once multiplied two matrices. So loading, packing
and every step of every lane run here. It also makes lanes take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")


class Compute:
    """``run`` waits for its turn and returns what the function returned, or raises what it raised."""

    def __init__(self, threads: int = 0) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llm-compute")
        if threads:
            self.run(lambda: torch.set_num_threads(threads))

    def run(self, work: Callable[[], Result]) -> Result:
        return self._thread.submit(work).result()

    def close(self) -> None:
        """Refuse new work; what runs is let finish."""
        self._thread.shutdown(wait=False)
