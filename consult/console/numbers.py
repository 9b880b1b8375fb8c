"""The five numbers of the first page, and cases by day. Counts and times only; no text is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from consult.chat import cases
from consult.chat.models import Case, Conversation, LevelChoice, Reply, ReplySentence
from consult.safety.types import Level

WEEK = timedelta(days=7)
DAYS = 14
NEWEST = 2000  # rows that a median looks at, at most


@dataclass(frozen=True, slots=True)
class Number:
    """One number, what it is, what to hold against it, and where its rows are."""

    label: str
    value: str
    note: str
    href: str
    tone: str = ""


def five() -> list[Number]:
    """What a day is judged by."""
    now = timezone.now()
    return [_conversations(now), _waiting(now), _first_action(now), _refused(now), _first_sentence(now)]


def _conversations(now: datetime) -> Number:
    """Begun today; beside it as many as a week ago by this time of day."""
    start = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Conversation.objects.filter(created_at__gte=start).count()
    before = Conversation.objects.filter(created_at__gte=start - WEEK, created_at__lt=now - WEEK).count()
    note = _("%(n)d a week ago by this time") % {"n": before}
    return Number(_("Conversations today"), str(today), note, reverse("console:conversations"))


def _waiting(now: datetime) -> Number:
    waiting = Case.objects.filter(state=Case.State.WAITING)
    oldest = waiting.order_by("opened_at").values_list("opened_at", flat=True).first()
    late = waiting.filter(due_at__lt=now).count()
    note = _("oldest %(wait)s") % {"wait": span(now - oldest)} if oldest else _("nobody")
    if late:
        note += " · " + ngettext("%(n)d late", "%(n)d late", late) % {"n": late}
    href = reverse("console:cases") + "?state=waiting"
    return Number(_("Waiting now"), str(waiting.count()), note, href, "urgent" if late else "")


def _first_action(now: datetime) -> Number:
    """From the case to the clinician who takes it: median of the urgent ones of the last week."""
    taken = Case.objects.filter(level=LevelChoice.URGENT, opened_at__gte=now - WEEK).exclude(claimed_at=None)
    pairs = taken.order_by("-opened_at").values_list("opened_at", "claimed_at")[:NEWEST]
    waits = sorted((claimed - opened).total_seconds() for opened, claimed in pairs if claimed)
    target = cases.DUE[Level.URGENT]
    href = reverse("console:cases") + "?level=urgent"
    note = _("target %(target)s") % {"target": span(target)}
    if not waits:
        return Number(_("First action, urgent"), "–", note, href)
    median = timedelta(seconds=quantile(waits, 0.5))
    return Number(_("First action, urgent"), span(median), note, href, "good" if median <= target else "urgent")


def _refused(now: datetime) -> Number:
    """The share of the model's sentences that the guard kept back, in the last week."""
    sentences = ReplySentence.objects.filter(reply__queued_at__gte=now - WEEK)
    total, refused = sentences.count(), sentences.filter(number=None).count()
    share = f"{100 * refused / total:.1f} %" if total else "–"
    note = _("%(refused)d of %(total)d, 7 days") % {"refused": refused, "total": total}
    return Number(_("Refused sentences"), share, note, reverse("console:replies"))


def _first_sentence(now: datetime) -> Number:
    """From the question to the first sentence on the screen: median and 95th percentile of the last week."""
    waits = first_sentence_waits(now - WEEK)
    href = reverse("console:replies")
    if not waits:
        return Number(_("First sentence"), "–", _("no answer in 7 days"), href)
    note = _("95 %% within %(s).1f s") % {"s": quantile(waits, 0.95)}
    return Number(_("First sentence"), f"{quantile(waits, 0.5):.1f} s", note, href)


def first_sentence_waits(since: datetime) -> list[float]:
    """Seconds from queued to the first sentence, shortest first, of the newest replies since then."""
    rows = Reply.objects.filter(queued_at__gte=since).exclude(first_sentence_at=None).order_by("-queued_at")
    pairs = rows.values_list("queued_at", "first_sentence_at")[:NEWEST]
    return sorted((first - queued).total_seconds() for queued, first in pairs if first)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``ordered`` (not empty) do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def span(length: timedelta) -> str:
    """A length of time in words, to the minute."""
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return _("%(n)d min") % {"n": minutes}
    if minutes < 2880:
        return _("%(n)d h") % {"n": round(minutes / 60)}
    return _("%(n)d days") % {"n": round(minutes / 1440)}


def cases_by_day() -> tuple[list[date], dict[str, list[int]]]:
    """The last 14 days, oldest first, and for each level how many cases were opened on each."""
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    series = {level: [0] * DAYS for level in reversed(LevelChoice.values)}
    recent = Case.objects.filter(opened_at__gte=timezone.now() - timedelta(days=DAYS + 1))
    counted = recent.annotate(day=TruncDate("opened_at")).values_list("day", "level").annotate(n=Count("pk"))
    for day, level, count in counted.order_by("day"):
        if day in days:
            series[level][days.index(day)] = count
    return days, series
