"""Ambulance and crisis lines by country, read once from numbers.toml.

Knows nothing of cards. A country that is not in the table has no numbers: callers then use generic words.
"""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("numbers.toml")


@dataclass(frozen=True, slots=True)
class Line:
    """A telephone line: who answers, and the number as people write it."""

    name: str
    number: str

    @property
    def href(self) -> str:
        """The number as a ``tel:`` link."""
        return "tel:" + "".join(c for c in self.number if c.isdigit() or c in "+*#")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What to call in one country; "" and () where nothing certain is known. ``country`` "" means unknown."""

    country: str
    name: str
    ambulance: str
    crisis: tuple[Line, ...]
    police: str
    poison: str
    source: str
    reviewed: datetime.date | None


UNKNOWN = Numbers("", "", "", (), "", "", "", None)


def for_country(code: str | None) -> Numbers:
    """The numbers of a country by its ISO 3166 two-letter code; ``UNKNOWN`` for anything else."""
    return _load().get((code or "").strip().upper(), UNKNOWN)


def countries() -> tuple[Numbers, ...]:
    """Every country of the table, by code."""
    return tuple(sorted(_load().values(), key=lambda numbers: numbers.country))


@cache
def _load() -> dict[str, Numbers]:
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    reviewed = table.pop("reviewed")
    return {code: _read(code, row, reviewed) for code, row in table.items()}


def _read(code: str, row: dict[str, Any], reviewed: datetime.date) -> Numbers:
    known = {"name", "ambulance", "crisis", "police", "poison", "source", "reviewed"}
    if unknown := set(row) - known:
        raise ValueError(f"numbers.toml: {code}: unknown keys {sorted(unknown)}")
    crisis = tuple(Line(name, number) for name, number in row.get("crisis", ()))
    return Numbers(
        code, row["name"], row["ambulance"], crisis, row.get("police", ""), row.get("poison", ""), row["source"],
        row.get("reviewed", reviewed),
    )  # fmt: skip
