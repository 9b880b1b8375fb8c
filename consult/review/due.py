"""Time left, in words. The page counts on by itself with the same words, handed to it as ``words()``."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _


def words() -> dict[str, str]:
    """The sentences, with {n} minutes or {h} hours {m} minutes to fill in."""
    return {
        "now": _("due now"),
        "minute": _("due in 1 minute"),
        "minutes": _("due in {n} minutes"),
        "hours": _("due in {h} h {m} min"),
        "lateMinute": _("1 minute late"),
        "lateMinutes": _("{n} minutes late"),
        "lateHours": _("{h} h {m} min late"),
    }


def minutes_until(due: datetime, now: datetime) -> int:
    """Whole minutes, rounded down; negative once it is late."""
    return int((due - now).total_seconds() // 60)


def in_words(due: datetime, now: datetime) -> str:
    """ "due in 12 minutes", "due now", "5 minutes late"."""
    minutes = minutes_until(due, now)
    if minutes in (0, -1):
        return words()["now"]
    late = minutes < 0
    count = -minutes - 1 if late else minutes
    key = "hours" if count >= 60 else "minute" if count == 1 else "minutes"
    if late:
        key = "late" + key[0].upper() + key[1:]
    return words()[key].format(n=count, h=count // 60, m=count % 60)
