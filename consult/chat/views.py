"""The patient's pages, and the same by HTTP when the socket is gone. Thin: access.py reads, actions.py writes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import consenting_patient_required, user_of
from consult.chat import access, actions, events, followup, history, protocol, views_of, waiting
from consult.chat.forms import MessageForm, NameForm, StartForm
from consult.chat.models import Conversation
from consult.library import catalogue

STATUS = {"too_many": 429, "not_allowed": 403, "not_found": 404}


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The landing page; whoever is signed in goes to where their work is."""
    user = request.user
    if not user.is_authenticated:
        return render(request, "home.html")
    person = user_of(request)
    if person.is_clinician:
        return redirect("review:queue")
    return redirect("console:today" if person.is_administrator else "chat:start")


@consenting_patient_required
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """The patient's conversations, and the way to begin one."""
    return start_page(request)


def start_page(request: HttpRequest, query: str = "", form: StartForm | None = None, empty: str = "") -> HttpResponse:
    """The same page with all conversations, or those that hold the words of ``query``; ``empty`` says why the first
    message of ``form`` was not taken."""
    too_long = len(query) > history.QUERY_MAX
    context = {
        "conversations": [] if too_long else history.find(user_of(request), query),
        "query": query,
        "query_too_long": too_long,
        "query_max": history.QUERY_MAX,
        "asked": followup.asked_of(user_of(request)),
        "topics": catalogue.common(request.LANGUAGE_CODE),
        "form": form or StartForm(initial={"subject": request.GET.get("for", "")}),
        "empty": empty,
    }
    return render(request, "chat/start.html", context, status=400 if too_long or empty else 200)


@consenting_patient_required
@require_POST
def new(request: HttpRequest) -> HttpResponse:
    """Begin with the first message, with a photo or document, or with both."""
    form = StartForm(request.POST)
    form.is_valid()
    subject = "other" if form.cleaned_data.get("subject") == "other" else "self"
    text = str(form.cleaned_data.get("text", "")).strip()
    attach = "attach" in request.POST
    if not actions.is_visible(text) and not attach:
        return start_page(request, form=form, empty=_("Please write something first."))
    user = user_of(request)
    conversation = actions.start_conversation(user, language=request.LANGUAGE_CODE, subject=subject)
    if actions.is_visible(text):
        try:
            actions.post_patient_message(user, conversation.pk, uuid4(), text)
        except actions.Refused as refused:
            return conversation_page(request, conversation, MessageForm({"text": text}), refused)
    return redirect("chat:documents" if attach else "chat:conversation", conversation.pk)


@consenting_patient_required
@require_GET
def conversation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One conversation, readable without JavaScript."""
    return conversation_page(request, access.conversation_for(user_of(request), pk), MessageForm())


def conversation_page(
    request: HttpRequest,
    row: Conversation,
    form: MessageForm,
    refused: actions.Refused | None = None,
    name: NameForm | None = None,
) -> HttpResponse:
    """The page of ``row``, with what was typed and why it could not be taken: a message, or a ``name``."""
    snapshot = views_of.snapshot(row, user_of(request), 0)
    context = {
        "conversation": row,
        "snapshot_json": protocol.dump(snapshot),
        "messages": snapshot.messages,
        "unsent": access.unsent_attachments(row),
        "alarms": actions.FIXED_LEVELS,
        "replaced": {one.replaces for one in snapshot.messages},
        "form": form,
        "client_id": uuid4(),
        "refused": refused,
        "name": name,
        "person_wait": waiting.for_person(row),
        "person_status": snapshot.person_status,
        "follow_up": followup.open_for(row),
        "max_chars": settings.MESSAGE_MAX_CHARS,
    }
    return render(request, "chat/conversation.html", context, status=400 if refused or name else 200)


@consenting_patient_required
@require_POST
def post(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A message by form (then back to the page) or by JSON (then what is new)."""
    wants_json = request.content_type == "application/json"
    data = _json(request) if wants_json else request.POST
    form = MessageForm(data)
    if not form.is_valid():
        return _refuse(request, pk, form, actions.Refused("bad_frame", _("This message could not be read.")))
    user = user_of(request)
    try:
        posted = actions.post_patient_message(user, pk, **form.cleaned_data)
    except actions.Refused as refused:
        return _refuse(request, pk, form, refused)
    if not wants_json:
        # Without JavaScript the page would begin at its top. A card of an emergency takes the focus there by itself.
        place = "" if posted.message.level in actions.FIXED_LEVELS else f"#m-{posted.message.seq}"
        return redirect(reverse("chat:conversation", args=[pk]) + place)
    cursor = events.Cursor(pk, user, seq=posted.message.seq - 1)
    snapshot = events.snapshot(cursor)
    body = {
        "message": protocol.dump(snapshot.messages[0]),
        "messages": [protocol.dump(one) for one in snapshot.messages],
        "snapshot": protocol.dump(snapshot),
    }
    return JsonResponse(body, status=201 if posted.created else 200)


def _json(request: HttpRequest) -> dict[str, Any]:
    """The object in the body; {} for anything else, which the form then refuses."""
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _refuse(request: HttpRequest, pk: UUID, form: MessageForm, refused: actions.Refused) -> HttpResponse:
    """Say why beside the field; nothing that was typed is lost."""
    row = access.conversation_for(user_of(request), pk)
    if request.content_type != "application/json":
        return conversation_page(request, row, form, refused)
    error = {"code": refused.code, "text": refused.text, "retry_after_s": refused.retry_after_s}
    return JsonResponse({"error": error}, status=STATUS.get(refused.code, 400))


@consenting_patient_required
@require_GET
def snapshot(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The state for a page without a socket."""
    last = request.GET.get("last_seq", "0")
    seq = int(last) if last.isascii() and last.isdigit() and len(last) < 9 else 0
    frame = events.snapshot(events.Cursor(pk, user_of(request), seq=seq))
    return JsonResponse(protocol.dump(frame))


@consenting_patient_required
@require_POST
def person(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The patient asks for a human."""
    actions.request_person(user_of(request), pk)
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"requested": True})
    flash.success(request, _("A clinician has been told."))
    return redirect("chat:conversation", pk)


@consenting_patient_required
@require_POST
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop the answer that is being written."""
    row = access.conversation_for(user_of(request), pk)
    reply = access.open_reply(row)
    if reply is not None:
        actions.stop_reply(user_of(request), pk, reply.pk)
    return redirect("chat:conversation", pk)
