"""What the accounts have done on a timetable."""

from __future__ import annotations

from importlib import import_module

from celery import shared_task
from django.conf import settings


@shared_task(name="accounts.tasks.forget_sessions")
def forget_sessions() -> None:
    """Delete sessions that have ended: they hold, sealed, what somebody looked for."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
