"""Celery: queue ``llm`` for answers, queue ``default`` for the rest, and beat's timetable."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consult.settings")

app = Celery("consult")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="default",
    task_routes={
        "consult.chat.tasks.generate_reply": {"queue": "llm"},
        "consult.chat.tasks.summarise": {"queue": "llm"},
    },
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "socket_connect_timeout": 2,
        "socket_timeout": 30,
        "visibility_timeout": 3600,
        # A publisher gives up at once when the broker is away: the row is there, and the sweeper sends again.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.05,
        "interval_max": 0.05,
        "connect_retries_timeout": 0.5,
    },
    worker_hijack_root_logger=False,
    beat_schedule={
        "sweep": {"task": "consult.chat.tasks.sweep", "schedule": 5.0, "options": {"expires": 10}},
        "documents": {"task": "consult.chat.tasks.forget_documents", "schedule": 3600.0, "options": {"expires": 3600}},
        "sessions": {"task": "accounts.tasks.forget_sessions", "schedule": 3600.0, "options": {"expires": 3600}},
        "follow-up mails": {
            "task": "consult.chat.tasks.send_follow_up_mails",
            "schedule": 60.0,
            "options": {"expires": 60},
        },
        "heartbeat": {"task": "consult.chat.tasks.beat_heartbeat", "schedule": 10.0, "options": {"expires": 20}},
    },
)
app.autodiscover_tasks(["accounts", "consult.chat", "consult.library"])
