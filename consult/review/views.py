"""The clinician's pages. Thin: access.py reads, page.py words it, actions.py writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages as flash
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import clinician_required, user_of
from accounts.models import User
from consult.chat import protocol, views_of
from consult.chat.models import Case
from consult.chat.views_documents import file_response
from consult.review import access, actions, due, forms, page


@clinician_required
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """All open cases; complete without socket or broker."""
    return render(request, "review/queue.html", _queue_context(user_of(request)))


@clinician_required
@require_GET
def queue_json(request: HttpRequest) -> JsonResponse:
    """The queue for a page that is open, where it is not the version ``v`` that the page shows."""
    user = user_of(request)
    cases = access.queue_for(user)
    if request.GET.get("v") == page.version_of(cases):
        return JsonResponse({"changed": False})
    context = _queue_context(user, selected=request.GET.get("case", ""))
    html = render_to_string("review/rows.html", context, request)
    counts = {name: context[name] for name in ("version", "waiting", "mine")}
    listed = [protocol.dump(views_of.case(row.case, user)) for row in context["rows"]]
    return JsonResponse({"changed": True, "html": html, "cases": listed, **counts})


def _queue_context(user: User, selected: str = "") -> dict[str, Any]:
    cases = access.read_queue(user)
    actions.mark_seen(cases)
    return {
        "rows": page.rows_for(user, cases),
        "version": page.version_of(cases),
        "waiting": sum(case.state == Case.State.WAITING for case in cases),
        "mine": sum(case.claimed_by_id == user.pk for case in cases),
        "selected": selected,
        "due_words": due.words(),
    }


@clinician_required
@require_GET
def case(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One case: why it is here, the conversation, what to do."""
    return _case_page(request, pk)


def _case_page(
    request: HttpRequest, pk: UUID, refused: actions.Refused | None = None, typed: dict[str, Any] | None = None
) -> HttpResponse:
    user = user_of(request)
    row = access.read_case(user, pk)
    context = _queue_context(user, selected=str(pk)) | _case_context(user, row)
    context |= {"refused": refused, "typed": typed or {}, "client_id": (typed or {}).get("client_id") or uuid4()}
    return render(request, "review/case.html", context, status=_status(refused))


def _status(refused: actions.Refused | None) -> int:
    """409 where somebody else is in the way, 400 for what was typed."""
    if refused is None:
        return 200
    return 409 if refused.code in ("not_allowed", "closed") else 400


def _case_context(user: User, row: Case, after: int = 0) -> dict[str, Any]:
    messages = access.messages_of(row)
    mine = row.state == Case.State.CLAIMED and row.claimed_by_id == user.pk
    return {
        "case": row,
        "due": due.in_words(row.due_at, timezone.now()),
        "why": page.why(row, messages),
        "profile": page.profile_facts(row),
        "entries": page.entries(row, user, messages, after),
        "last_seq": messages[-1].seq if messages else 0,
        "drafts": page.drafts(row),
        "writing": page.being_written(row),
        "held_by_me": mine,
        "held_by_other": row.state == Case.State.CLAIMED and not mine,
        "closed": row.state == Case.State.CLOSED,
        "state": _state_of(row),
        "outcome": page.outcome_name(row),
        "outcomes": actions.Outcome.choices,
        "lower_levels": page.lower_levels(row),
        "colleagues": access.colleagues_of(user) if mine else [],
        "max_chars": settings.MESSAGE_MAX_CHARS,
    }


def _state_of(row: Case) -> str:
    """Changes when the workspace does: who has the case, its level, its drafts."""
    drafts = ".".join(draft.reply.pk.hex[:8] for draft in page.drafts(row))
    return f"{row.state}-{row.changed_at.timestamp()}-{drafts}-{int(page.being_written(row))}"


@clinician_required
@require_GET
def case_json(request: HttpRequest, pk: UUID) -> JsonResponse:
    """What is new for an open page that holds messages up to ``after`` and shows ``state``."""
    user = user_of(request)
    row = access.case_for(user, pk)
    after = _number(request.GET.get("after", ""))
    state = _state_of(row)
    newest = row.conversation.last_seq if row.closed_at is None else after
    if newest <= after and request.GET.get("state") == state:
        return JsonResponse({"changed": False})
    row = access.read_case(user, pk, via="poll")
    context = _case_context(user, row, after)
    html = {name: render_to_string(f"review/{name}.html", context, request) for name in ("entries", "why", "drafts")}
    facts = {"changed": True, "state": context["state"], "last_seq": context["last_seq"], "mine": context["held_by_me"]}
    held_by = row.claimed_by.name if row.claimed_by else ""
    return JsonResponse(facts | html | {"case_state": row.state, "level": row.level, "held_by": held_by})


@clinician_required
@require_GET
def document(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    """A photo or PDF of the patient's, large, beside what was read and what the patient made of it."""
    row = access.read_document(user_of(request), pk, document, via="page")
    return render(request, "review/document.html", {"case_pk": pk, "document": row, "sent": row.message})


@clinician_required
@require_GET
def document_file(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    """Its bytes."""
    return file_response(access.read_document(user_of(request), pk, document, via="file"))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


@clinician_required
@require_POST
def claim(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the case; the page of one who came second says who has it."""
    return _act(request, pk, lambda user: actions.claim(user, pk))


@clinician_required
@require_POST
def reply(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The clinician's words by form; with ``Accept: application/json`` for a page without a socket."""
    form = forms.ReplyForm(request.POST)
    if not form.is_valid():
        return _refuse(request, pk, _unreadable())
    data = form.cleaned_data
    try:
        actions.reply(user_of(request), pk, data["client_id"], data["text"])
    except actions.Refused as refused:
        return _refuse(request, pk, refused)
    if _wants_json(request):
        return JsonResponse({"sent": True})
    return redirect("review:case", pk)


@clinician_required
@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send the draft, as it is or as the clinician changed it; or put it aside."""
    form = forms.ApproveForm(request.POST)
    if not form.is_valid():
        return _refuse(request, pk, _unreadable())
    data = form.cleaned_data
    if request.POST.get("do") == "discard":
        return _act(request, pk, lambda user: actions.discard(user, pk, data["reply"]))
    return _act(request, pk, lambda user: actions.approve(user, pk, data["reply"], data["text"]))


@clinician_required
@require_POST
def release(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give it back to the queue."""
    done = _("The case is back in the queue.")
    return _act(request, pk, lambda user: actions.release(user, pk), then="review:queue", done=done)


@clinician_required
@require_POST
def hand_over(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give it to a colleague."""
    form = forms.HandOverForm(request.POST)
    to = form.cleaned_data["to"] if form.is_valid() else UUID(int=0)
    done = _("The case was handed over.")
    return _act(request, pk, lambda user: actions.hand_over(user, pk, to), then="review:queue", done=done)


@clinician_required
@require_POST
def close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End the case."""
    data = _cleaned(forms.CloseForm(request.POST))
    outcome, note = data.get("outcome", ""), data.get("note", "")
    done = _("The case is closed. The software answers again.")
    return _act(request, pk, lambda user: actions.close(user, pk, outcome, note), then="review:queue", done=done)


@clinician_required
@require_POST
def lower(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Set a lower level, with a reason."""
    data = _cleaned(forms.LowerForm(request.POST))
    level, reason = data.get("level", ""), data.get("reason", "")
    return _act(request, pk, lambda user: actions.lower(user, pk, level, reason))


def _cleaned(form: Form) -> dict[str, Any]:
    form.is_valid()
    return form.cleaned_data


def _act(
    request: HttpRequest, pk: UUID, verb: Callable[[User], object], then: str = "review:case", done: str = ""
) -> HttpResponse:
    """Do it, and go on to the case or the queue; a refusal shows the page with the reason and what was typed."""
    try:
        verb(user_of(request))
    except actions.Refused as refused:
        return _refuse(request, pk, refused)
    if done:
        flash.success(request, done)
    return redirect(then, pk) if then == "review:case" else redirect(then)


def _refuse(request: HttpRequest, pk: UUID, refused: actions.Refused) -> HttpResponse:
    if not _wants_json(request):
        return _case_page(request, pk, refused, request.POST.dict())
    access.case_for(user_of(request), pk)
    return JsonResponse({"error": {"code": refused.code, "text": refused.text}}, status=_status(refused))


def _unreadable() -> actions.Refused:
    return actions.Refused("bad_frame", _("This could not be read. Please try again."))


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
