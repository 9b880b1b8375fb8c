"""What a training run is asked to do, checked before anything is loaded. Light: imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One run. ``batch`` rows a device and step, ``accumulate`` steps an update; lengths in tokens.

    ``max_steps`` -1 trains ``epochs`` whole passes; ``patience`` validations without gain end the run early.
    """

    base: Path
    train: Path
    validation: Path
    out: Path
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    rate: float = 5e-4
    batch: int = 4
    accumulate: int = 1
    epochs: float = 1.0
    max_steps: int = -1
    max_length: int = 768
    packing: bool = False
    quantise: str = "none"
    evaluate_every: int = 50
    validation_rows: int = 48
    patience: int = 3
    seed: int = 20261123
    resume: bool = False

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "batch", "accumulate", "max_length", "evaluate_every", "validation_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be from 0 to below 1")
        if self.quantise not in ("none", "nf4"):
            raise ValueError(f"quantise is {self.quantise!r}; it must be none or nf4")
