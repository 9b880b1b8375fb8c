"""Celery's side of the library: one while of an ingestion. Thin."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from consult.library.ingest import line


@shared_task(name=line.TASK, acks_late=True)
def ingest(pk: str) -> None:
    """Go on with that ingestion, if it waits."""
    claimed = line.claim(UUID(pk))
    if claimed is not None:
        line.work(claimed)
