"""Is it up? ``live``: this process answers. ``ready``: each part of the house by name, for the supervisor."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from consult.chat import heartbeat

KINDS = ("worker-llm", "worker", "beat")


def live(request: HttpRequest) -> JsonResponse:
    """200 from any web process that runs."""
    return JsonResponse({"web": True})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when all parts are well, 503 with the same list otherwise. Names no person and no text."""
    parts = parts_of_the_house()
    answer = JsonResponse(parts, status=200 if all(parts.values()) else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django would log each 503 as an error
    return answer


def parts_of_the_house() -> dict[str, bool]:
    """Each part's name, and whether it is well."""
    parts = {"web": True, "database": _database(), "valkey": _broker()}
    if not parts["database"]:
        return parts | dict.fromkeys(KINDS, False)
    return parts | {kind: heartbeat.alive(kind) for kind in KINDS}


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _broker() -> bool:
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except redis.RedisError:
        return False
