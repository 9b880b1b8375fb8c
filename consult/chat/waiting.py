"""How long something takes, said honestly: the answer of the software, and a clinician.

Estimates are medians of what was last seen; where nothing was seen, nothing is promised. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from statistics import median

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from consult.chat import heartbeat
from consult.chat.models import Case, Conversation, Reply

SEEN = 20  # so many of the last ones make an estimate
RECENT = timedelta(hours=24)


def place_in_line(reply: Reply) -> int:
    """How many answers are before this one; 0 once it is being written."""
    if reply.state != Reply.State.QUEUED:
        return 0
    return Reply.objects.filter(state=Reply.State.QUEUED, queued_at__lt=reply.queued_at).count()


def for_answer(reply: Reply) -> str:
    """What to expect of an answer that is in line; "" where nothing is known, or where it is being written."""
    if reply.state != Reply.State.QUEUED:
        return ""
    if not heartbeat.alive("worker-llm"):
        return _("The software that answers is not ready now. Your question is kept.")
    recent = Reply.objects.filter(state=Reply.State.DONE, finished_at__gt=timezone.now() - RECENT)
    times = recent.order_by("-finished_at").values_list("started_at", "finished_at")[:SEEN]
    each = _median_minutes((began, ended) for began, ended in times if began and ended)
    if each is None:
        return ""
    together = max(1, Reply.objects.filter(state=Reply.State.RUNNING).count())
    return in_words(each * (1 + place_in_line(reply) / together))


def for_person(conversation: Conversation) -> str:
    """How long a clinician takes, from the last answered requests."""
    if conversation.holder_id:
        return ""
    taken = Case.objects.exclude(claimed_at=None).order_by("-claimed_at").values_list("opened_at", "claimed_at")[:SEEN]
    minutes = _median_minutes((opened, claimed) for opened, claimed in taken if claimed)
    return "" if minutes is None else in_words(minutes)


def _median_minutes(spans: Iterable[tuple[object, object]]) -> float | None:
    lengths = [(end - begin).total_seconds() / 60 for begin, end in spans]  # type: ignore[operator]
    return median(lengths) if lengths else None


def in_words(minutes: float) -> str:
    """A length of time as one says it: never more exact than it is."""
    rounded = max(1, round(minutes))
    if rounded > 120:
        return _("some hours")
    return ngettext("about %(n)d min", "about %(n)d min", rounded) % {"n": rounded}


def request_status(conversation: Conversation) -> str:
    """What became of the request for a person; "" where none was made."""
    if conversation.holder is not None:
        return _("%(name)s is with you") % {"name": conversation.holder.name}
    if conversation.person_requested_at is None:
        return ""
    case = conversation.cases.filter(state__in=Case.OPEN).select_related("claimed_by").first()
    if case is None:
        return _("A clinician has been told")
    if case.claimed_by is not None:
        told = _("Seen by %(name)s") % {"name": case.claimed_by.name}
    else:
        told = _("A clinician has seen your request") if case.seen_at else _("A clinician has been told")
    if case.due_at < timezone.now():
        return told + " · " + _("it takes longer than planned")
    due, now = timezone.localtime(case.due_at), timezone.localtime()
    by = date_format(due, "TIME_FORMAT" if due.date() == now.date() else "SHORT_DATETIME_FORMAT")
    return told + " · " + _("answer by %(time)s") % {"time": by}
