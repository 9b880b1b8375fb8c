"""Pages about what was said: finding it again, a name of one's own, a copy to take along, whether it helped."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from accounts.access import consenting_patient_required, user_of
from consult.chat import feedback, history
from consult.chat.views import start_page


@consenting_patient_required
@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Posted, because a patient's words do not belong into addresses and their logs."""
    return start_page(request, request.POST.get("q", "").strip())


@consenting_patient_required
@require_POST
def rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Name a conversation."""
    history.rename(user_of(request), pk, request.POST.get("title", ""))
    return redirect("chat:conversation", pk)


@consenting_patient_required
@require_GET
def export(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The conversation as a JSON file."""
    response = JsonResponse(
        history.export(user_of(request), pk), json_dumps_params={"ensure_ascii": False, "indent": 1}
    )
    response.headers["Content-Disposition"] = f'attachment; filename="conversation-{str(pk)[:8]}.json"'
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
