"""The processes of the house and how each is: from their heartbeats, which the database keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from consult import health
from consult.chat import heartbeat
from consult.chat.models import Heartbeat, Reply


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the table. Empty strings where a thing does not apply."""

    name: str
    well: bool
    state: str
    queue: str = ""
    running: str = ""
    memory: str = ""
    since: datetime | None = None
    seen: datetime | None = None


def table() -> list[Process]:
    """Every part, those that should be there and are not included."""
    parts = health.parts_of_the_house()
    rows = [Process("web", True, _("ready"), memory=_mib(heartbeat.memory_mib()))]
    for name in ("database", "valkey"):
        rows.append(Process(name, parts[name], _("ready") if parts[name] else _("not reachable")))
    beats = list(Heartbeat.objects.order_by("kind", "name")) if parts["database"] else []
    for kind in health.KINDS:
        mine = [one for one in beats if one.kind == kind]
        found = [_process(one, first=at == 0) for at, one in enumerate(mine)]
        rows += found or [Process(kind, False, _("not started"))]
    return rows


def _process(row: Heartbeat, *, first: bool) -> Process:
    alive = row.seen_at > timezone.now() - heartbeat.ALIVE
    state = _("ready") if alive and row.ready else _("starting or not ready") if alive else _("no sign of life")
    queue = running = ""
    if row.kind == "worker-llm" and first:
        # The queue is one for all of them: it stands once.
        queue = str(Reply.objects.filter(state=Reply.State.QUEUED).count())
        running = str(Reply.objects.filter(state=Reply.State.RUNNING).count())
    return Process(
        name=_name(row), well=alive and row.ready, state=state, queue=queue, running=running,
        memory=_mib(row.info.get("memory_mib")), since=row.started_at, seen=row.seen_at,
    )  # fmt: skip


def _name(row: Heartbeat) -> str:
    device = row.info.get("device")
    return f"{row.name} · {device}" if device else row.name


def _mib(value: Any) -> str:
    return f"{value:.0f} MB" if isinstance(value, int | float) and value > 0 else ""


def all_well(rows: list[Process]) -> bool:
    """Whether every line is."""
    return all(row.well for row in rows)
