"""Pages of "check on me": the wish, and the answer when it was asked."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import consenting_patient_required, user_of
from consult.chat import access, actions, followup


@consenting_patient_required
@require_POST
def wish(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask me in so many days; 0 for never mind."""
    try:
        days = int(request.POST.get("days", ""))
        followup.wish(user_of(request), pk, days, by_mail=request.POST.get("by_mail") == "yes")
    except ValueError:
        return HttpResponseBadRequest()
    flash.success(request, _("We will ask you then.") if days else _("We will not ask."))
    return redirect("chat:conversation", pk)


@consenting_patient_required
@require_http_methods(["GET", "POST"])
def how(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How is it now? Better, the same or worse, and words where the patient wants."""
    conversation = access.conversation_for(user_of(request), pk)
    given, words, error = request.POST.get("answer", ""), request.POST.get("words", ""), ""
    if request.method == "POST":
        try:
            followup.answer(user_of(request), pk, given, words)
            return redirect("chat:conversation", pk)
        except ValueError:
            error = _("Please choose one of the three.")
        except actions.Refused as refused:
            error = refused.text
    context = {
        "conversation": conversation,
        "open": followup.open_for(conversation) is not None,
        "choices": [("better", _("Better")), ("same", _("The same")), ("worse", _("Worse"))],
        "given": given,
        "words": words,
        "error": error,
    }
    return render(request, "chat/how.html", context, status=400 if error else 200)
