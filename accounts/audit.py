"""The one way to write to the audit. Call it inside the transaction of what it records: both happen, or neither."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models

from accounts.models import AuditEntry, User


def record(
    actor: User | None,
    action: str,
    target: models.Model | None = None,
    *,
    patient: UUID | None = None,
    result: str = "done",
    address: str = "",
    **detail: str | int | float | bool | None,
) -> AuditEntry:
    """Write that ``actor`` (None: the system) did ``action``, such as "conversation.read", to ``target``.

    ``detail`` takes codes, counts and ids; never anything that a person wrote.
    """
    return AuditEntry.objects.create(
        actor=actor.pk if actor else None,
        role=actor.role if actor else "system",
        action=action,
        target=target._meta.label_lower if target else "",
        target_id=str(target.pk) if target else "",
        patient=patient,
        result=result,
        address=address,
        detail=_plain(detail),
    )


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if value is not None}
