"""The clinicians' queue as their pages see it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from consult.chat import access, protocol, views_of
from consult.chat.models import Case


def news(user: User, seen: dict[UUID, datetime]) -> list[protocol.Frame]:
    """Frames for cases that are new or changed since ``seen``, which is brought up to date.

    A case that left the queue is told once, as it is now. Cases that appear for the first time are marked seen.
    """
    if not user.is_clinician:
        raise access.NotFound
    frames: list[protocol.Frame] = []
    rows = {case.pk: case for case in access.open_cases_for(user)}
    for pk, case in rows.items():
        if pk not in seen:
            frames.append(protocol.CaseOpened(case=views_of.case(case, user)))
        elif seen[pk] != case.changed_at:
            frames.append(protocol.CaseChanged(case=views_of.case(case, user)))
        seen[pk] = case.changed_at
    gone = [pk for pk in seen if pk not in rows]
    for case in Case.objects.filter(pk__in=gone).select_related("conversation__patient", "claimed_by"):
        frames.append(protocol.CaseChanged(case=views_of.case(case, user)))
    for pk in gone:
        del seen[pk]
    Case.objects.filter(pk__in=rows, seen_at=None).update(seen_at=timezone.now())
    return frames
