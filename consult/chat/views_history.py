"""Pages about what was said: finding it again, a name of one's own, a copy to take along, whether it helped."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import fresh
from accounts.access import consenting_patient_required, user_of
from consult.chat import access, copies, feedback, history
from consult.chat.forms import MessageForm, NameForm
from consult.chat.views import conversation_page, start_page


@consenting_patient_required
@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Posted, because a patient's words do not belong into addresses and their logs."""
    return start_page(request, request.POST.get("q", "").strip())


@consenting_patient_required
@require_POST
def rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Name a conversation."""
    form = NameForm(request.POST)
    if not form.is_valid():
        row = access.conversation_for(user_of(request), pk)
        return conversation_page(request, row, MessageForm(), name=form)
    history.rename(user_of(request), pk, form.cleaned_data["title"])
    return redirect("chat:conversation", pk)


@consenting_patient_required
@fresh.fresh_sign_in_required
@require_GET
def take_along(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The copies that one can take, and what each is good for."""
    row = access.conversation_for(user_of(request), pk)
    return render(request, "chat/take_along.html", {"conversation": row})


@consenting_patient_required
@require_GET
def export(request: HttpRequest, pk: UUID, kind: str) -> HttpResponse:
    """The conversation as a file: ``kind`` is json, pdf or fhir."""
    if not fresh.is_fresh(request):
        return redirect("chat:take_along", pk)  # which asks for the password, and is a page to come back to
    made = copies.make(user_of(request), pk, kind)
    response = HttpResponse(made.content, content_type=made.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


@consenting_patient_required
@require_POST
def rate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Whether an answer helped."""
    given = request.POST
    try:
        message = UUID(given.get("message", ""))
        feedback.rate(
            user_of(request), pk, message, helpful=given.get("helpful") == "yes", reason=given.get("reason", "")
        )
    except ValueError:
        return HttpResponseBadRequest()
    return HttpResponse(status=204)
