"""Sessions that have ended are deleted, and no others."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.tasks import forget_sessions
from consult.celery_app import app


@pytest.mark.django_db
def test_a_session_that_has_ended_is_deleted_and_one_in_use_stays() -> None:
    old, new = SessionStore(), SessionStore()
    for session in (old, new):
        session["found"] = "sealed"
        session.save()
    Session.objects.filter(pk=old.session_key).update(expire_date=timezone.now() - datetime.timedelta(minutes=1))
    forget_sessions()
    assert list(Session.objects.values_list("pk", flat=True)) == [new.session_key]


def test_beat_sees_to_it() -> None:
    app.loader.import_default_modules()
    assert "accounts.tasks.forget_sessions" in app.tasks
    assert "accounts.tasks.forget_sessions" in {row["task"] for row in app.conf.beat_schedule.values()}
