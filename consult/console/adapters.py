"""Models and adapters: what the workers say they use, and the cards of the adapters that lie there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from consult.chat import heartbeat
from consult.chat.models import Heartbeat

FOLDER = Path("llm") / "adapters"


@dataclass(frozen=True, slots=True)
class InUse:
    """What one worker answers with."""

    worker: str
    ready: bool
    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    device: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Card:
    """An adapter's card: its name and what it says of itself, flat."""

    name: str
    facts: list[tuple[str, str]]
    active: bool
    readable: bool = True


def in_use() -> list[InUse]:
    """One entry a living worker."""
    since = timezone.now() - heartbeat.ALIVE
    rows = Heartbeat.objects.filter(kind="worker-llm", seen_at__gt=since).order_by("name")
    return [_in_use(row) for row in rows]


def _in_use(row: Heartbeat) -> InUse:
    said = {name: str(row.info.get(name) or "") for name in InUse.__slots__ if name not in ("worker", "ready")}
    return InUse(worker=row.name, ready=row.ready, **said)


def cards() -> list[Card]:
    """Every adapter in the installation, by name."""
    active = {one.adapter for one in in_use()}
    files = sorted((settings.ROOT / FOLDER).glob("*/card.json"))
    return [_card(path, active) for path in files]


def _card(path: Path, active: set[str]) -> Card:
    name = path.parent.name
    try:
        details = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Card(name, [], name in active, readable=False)
    facts = flat(details) if isinstance(details, dict) else []
    return Card(name, facts, name in active, readable=isinstance(details, dict))


def flat(details: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested values as "data.rows: 1200"; long lists as their length, shares with their interval."""
    facts: list[tuple[str, str]] = []
    for key, value in details.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value.keys() == {"share", "of", "low", "high"}:
            facts.append((name, "{share:.1%} ({low:.0%} – {high:.0%}), n = {of}".format(**value)))
        elif isinstance(value, dict):
            facts += flat(value, f"{name}.")
        elif isinstance(value, list):
            facts.append((name, ", ".join(map(str, value)) if len(value) <= 8 else str(len(value))))
        else:
            facts.append((name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return facts
