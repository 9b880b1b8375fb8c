"""The administrator's pages. No text of any conversation is on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages as flash
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts import audit as record
from accounts.access import administrator_required, user_of
from accounts.models import Role, User
from consult.chat.models import Case, Conversation, LevelChoice, Reply
from consult.console import actions, adapters, lists, numbers, plot, processes
from consult.library.ingest import line
from consult.library.ingest.run import FORMATS

PER_PAGE = 50


def _words(request: HttpRequest, name: str) -> str:
    """What was asked, without the NUL that PostgreSQL refuses."""
    return request.GET.get(name, "").replace("\x00", "").strip()


@administrator_required
@require_GET
def today(request: HttpRequest) -> HttpResponse:
    """Five numbers, cases by level, the adapter, the processes."""
    days, series = numbers.cases_by_day()
    names = dict(LevelChoice.choices)
    rows = processes.table()
    context = {
        "numbers_today": numbers.five(),
        "days": days,
        "lines": [(line, names[line.name]) for line in plot.lines(series)],
        "ticks": plot.ticks(series),
        "plot": {"width": plot.WIDTH, "height": plot.HEIGHT, "left": plot.LEFT, "right": plot.WIDTH - plot.RIGHT},
        "level_names": [(level, names[level]) for level in LevelChoice.values],
        "by_day": [(day, [series[level][at] for level in LevelChoice.values]) for at, day in enumerate(days)][::-1],
        "totals": [sum(series[level]) for level in LevelChoice.values],
        "in_use": adapters.in_use(),
        "cards": {card.name: card for card in adapters.cards()},
        "processes": rows,
        "all_well": processes.all_well(rows),
    }
    return render(request, "console/today.html", context)


@administrator_required
@require_GET
def conversations(request: HttpRequest) -> HttpResponse:
    """Who, when, how much and how urgent; never what."""
    rows = _listed(request, "conversations.listed", lists.conversations())
    context = {"rows": rows, "levels": dict(LevelChoice.choices), "states": dict(Conversation.State.choices)}
    return render(request, "console/conversations.html", context)


@administrator_required
@require_GET
def cases(request: HttpRequest) -> HttpResponse:
    """When they came, who took them and how they ended."""
    state, level = _words(request, "state"), _words(request, "level")
    rows = _listed(request, "cases.listed", lists.cases(state, level))
    context = {
        "rows": rows, "state": state, "level": level, "kept": _kept(request), "states": dict(Case.State.choices),
        "levels": dict(LevelChoice.choices), "causes": dict(Case.Cause.choices), "outcomes": _outcomes(),
    }  # fmt: skip
    return render(request, "console/cases.html", context)


def _kept(request: HttpRequest) -> str:
    """What was filtered for, to stay in the links to other pages of the same list."""
    query = request.GET.copy()
    query.pop("page", None)
    return "&" + query.urlencode() if query else ""


def _outcomes() -> dict[str, str]:
    from consult.review.actions import Outcome

    return {value: str(label) for value, label in Outcome.choices}


@administrator_required
@require_GET
def replies(request: HttpRequest) -> HttpResponse:
    """The software's answers: how fast, with what, how many sentences were refused."""
    rows = _listed(request, "replies.listed", lists.replies())
    for row in rows:
        row["wait_s"] = _seconds(row["queued_at"], row["first_sentence_at"])
        row["whole_s"] = _seconds(row["queued_at"], row["finished_at"])
    context = {"rows": rows, "states": dict(Reply.State.choices)}
    return render(request, "console/replies.html", context)


def _seconds(start: Any, end: Any) -> float | None:
    return (end - start).total_seconds() if start and end else None


def _listed(request: HttpRequest, action: str, rows: lists.Rows) -> Any:
    """The page asked for; that it was read goes on record."""
    shown = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    record.record(user_of(request), action, page=shown.number)
    return shown


@administrator_required
@require_GET
def models(request: HttpRequest) -> HttpResponse:
    """What answers are written with."""
    context = {"in_use": adapters.in_use(), "cards": adapters.cards()}
    return render(request, "console/models.html", context)


@administrator_required
@require_GET
def library(request: HttpRequest) -> HttpResponse:
    """What was ingested and how far it has come, and the files that could be."""
    return _library(request)


def _library(request: HttpRequest, status: int = 200, refused: str = "") -> HttpResponse:
    rows = Paginator(lists.ingestions(), PER_PAGE).get_page(request.GET.get("page"))
    context = {"rows": rows, "files": line.files(), "formats": sorted(FORMATS), "refused": refused}
    return render(request, "console/library.html", context, status=status)


@administrator_required
@require_POST
def ingest(request: HttpRequest) -> HttpResponse:
    """Put a file of the folder in line for a worker."""
    name, format_ = request.POST.get("file", ""), request.POST.get("format", "")
    try:
        run = actions.ingest(user_of(request), name, format_, patients=request.POST.get("patients") == "yes")
    except actions.Refused as refused:
        return _library(request, status=400, refused=refused.text)
    done = run.finished_at and run.state != run.State.WAITING
    flash.success(request, _("This file is in the library already.") if done else _("A worker will read it."))
    return redirect("console:library")


@administrator_required
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Everyone with an account."""
    return _people(request)


def _people(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    search, role = _words(request, "q"), _words(request, "role")
    rows = Paginator(lists.people(search, role), PER_PAGE).get_page(request.GET.get("page"))
    record.record(user_of(request), "people.listed", page=rows.number)
    staff_roles = [(value, label) for value, label in Role.choices if value != Role.PATIENT]
    context = {
        "rows": rows, "search": search, "role": role, "kept": _kept(request), "roles": Role.choices,
        "staff_roles": staff_roles,
    }  # fmt: skip
    return render(request, "console/people.html", context | more, status=status)


@administrator_required
@require_POST
def change_role(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give a person another role."""
    role = request.POST.get("role", "")
    return _change(request, lambda by: actions.change_role(by, pk, role), _("The role was changed."))


@administrator_required
@require_POST
def set_active(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Shut a person out, or let them in again."""
    active = request.POST.get("active") == "yes"
    done = _("The account is active again.") if active else _("The account is shut. Its pages are closed.")
    return _change(request, lambda by: actions.set_active(by, pk, active), done)


def _change(request: HttpRequest, verb: Callable[[User], User], done: str) -> HttpResponse:
    try:
        verb(user_of(request))
    except actions.Refused as refused:
        return _people(request, status=400, refused=refused.text)
    flash.success(request, done)
    return redirect("console:people")


@administrator_required
@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """A new member of staff. The link is shown in this answer only and stored nowhere."""
    typed = {name: request.POST.get(name, "") for name in ("username", "name", "role")}
    try:
        person, token = actions.invite(user_of(request), typed["username"], typed["name"], typed["role"])
    except actions.Refused as refused:
        return _people(request, status=400, invite_refused=refused.text, typed=typed)
    return _people(request, link=_link(request, token), invited=person)


@administrator_required
@require_POST
def new_link(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Another link for staff who have not signed in yet."""
    try:
        person, token = actions.new_link(user_of(request), pk)
    except actions.Refused as refused:
        return _people(request, status=400, refused=refused.text)
    return _people(request, link=_link(request, token), invited=person)


def _link(request: HttpRequest, token: str) -> str:
    return request.build_absolute_uri(reverse("sign_in_by_link", args=[token]))


@administrator_required
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what. Looking at it is on record too."""
    wanted = _wanted(request)
    entries = lists.audit_entries(wanted, PER_PAGE + 1)
    actor = lists.person_id(wanted.actor) if wanted.actor and wanted.actor != "system" else None
    patient = lists.person_id(wanted.patient) if wanted.patient else None
    record.record(
        user_of(request), "audit.read", patient=patient, action_filter=wanted.action or None,
        actor_filter=str(actor) if actor else None, before=wanted.before or None,
    )  # fmt: skip
    shown = entries[:PER_PAGE]
    context = {
        "entries": _named(shown), "wanted": wanted, "actions": lists.audit_actions(),
        "older": _older(request, shown) if len(entries) > PER_PAGE else "",
    }  # fmt: skip
    return render(request, "console/audit.html", context)


def _wanted(request: HttpRequest) -> lists.AuditFilter:
    given = {name: _words(request, name) for name in ("actor", "patient")} | {"action": _words(request, "action")[:64]}
    before = request.GET.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else 0
    return lists.AuditFilter(**given, before=number)


def _named(entries: list[Any]) -> list[dict[str, Any]]:
    names = lists.names_of(entries)
    roles = dict(Role.choices)
    return [
        {
            "entry": one, "actor": names.get(one.actor, ""), "patient": names.get(one.patient, ""),
            "role": roles.get(one.role, _("System")),
            "detail": [f"{key}: {value}" for key, value in one.detail.items()],
        }
        for one in entries
    ]  # fmt: skip


def _older(request: HttpRequest, shown: list[Any]) -> str:
    query = request.GET.copy()
    query["before"] = str(shown[-1].pk)
    return "?" + query.urlencode()
