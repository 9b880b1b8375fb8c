"""A wrong deployment does not start: checks with ids, each saying how to mend it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from consult.safety import messages, triage


@register(Tags.compatibility)
def rules_load(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The safety rules and the fixed messages are whole."""
    try:
        triage.warm_up()
        messages.keys()
    except Exception as error:  # whatever is wrong with them, the site must not start
        return [Error(f"The safety rules do not load: {error}", hint="Mend that file and line.", id="consult.E001")]
    return []


@register(Tags.security)
def known_choices(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings with a closed list of values have one of them."""
    found: list[CheckMessage] = []
    if settings.URGENT_POLICY not in ("supervised", "card"):
        found.append(
            Error(
                f"CONSULT_URGENT_POLICY is {settings.URGENT_POLICY!r}.",
                hint='"supervised" or "card".',
                id="consult.E002",
            )
        )
    if settings.PRODUCTION and not settings.COUNTRY:
        found.append(
            Warning(
                "CONSULT_COUNTRY is not set: emergency cards name no number.",
                hint="Set the two-letter code of your country.",
                id="consult.W001",
            )
        )
    return found


@register(Tags.security, deploy=True)
def production(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What the embedded default may do and production may not."""
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(Error("SQLite in production.", hint="Set DATABASE_URL to a PostgreSQL.", id="consult.E010"))
    if settings.DEMO:
        found.append(Error("The demo's people are seeded.", hint="Set CONSULT_DEMO=0.", id="consult.E011"))
    if not settings.SITE_ORIGINS:
        found.append(
            Error("No CONSULT_ORIGINS.", hint="List the full origins, https://consult.example.org", id="consult.E012")
        )
    return found


@register(Tags.database)
def modern_sqlite(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """UPSERT and WAL as we use them need SQLite 3.35."""
    if sqlite3.sqlite_version_info < (3, 35):
        return [Error(f"SQLite {sqlite3.sqlite_version} is too old.", hint="3.35 or newer.", id="consult.E003")]
    return []
