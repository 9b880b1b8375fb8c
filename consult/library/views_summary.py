"""The pages of a summary of articles: ask for one, wait, read it, stop it. No JavaScript is needed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later
from django.views.decorators.http import require_POST, require_safe

from accounts.access import user_of
from consult.library import summaries
from consult.library.literature import EXPORT_MAX, chosen_ids, clinicians_only, uuid_of
from consult.library.models import Document, Summary
from consult.library.wording import address_of

QUESTION_MAX = 500
WAITS = {
    "busy": later("The model is writing answers to patients. They come first; your summary waits in line."),
    "engine_down": later("The model is not there at the moment. It will be tried again."),
    "worker_lost": later("The worker stopped. Another one will begin anew."),
}
WHY = {
    "engine_down": later("The model could not be reached."),
    "worker_lost": later("The worker stopped several times."),
    "waited_too_long": later("The model had no time for it within ten minutes."),
    "nothing": later("None of the articles may be used any more."),
}
REFUSED = {
    "nothing": later("None of these can be summarised: only articles with an abstract that are not retracted."),
    "too_many": later("Three of your summaries are being written. Please wait for one of them, or stop it."),
}


@clinicians_only
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Put a summary of the chosen articles in line; of the first ones of the list where none is chosen."""
    ids = chosen_ids(request.POST)[:EXPORT_MAX]
    question = request.POST.get("q", "").strip()[:QUESTION_MAX]
    case, ticked = uuid_of(request.POST.get("case", "")), "id" in request.POST
    try:
        row = summaries.ask_for(user_of(request), ids, question, case, ticked=ticked)
    except summaries.Refused as refused:
        flash.error(request, str(REFUSED[refused.code]))
        return HttpResponseRedirect(_back(request))
    return redirect("library:summary", row.pk)


def _back(request: HttpRequest) -> str:
    """The results that the button stood under; the empty search page where that is not told."""
    came = request.META.get("HTTP_REFERER", "")
    ours = url_has_allowed_host_and_scheme(came, {request.get_host()}, require_https=request.is_secure())
    return came if ours else reverse("library:literature")


@clinicians_only
@require_safe
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands; once it is written, its sentences with their articles."""
    row = summaries.summary_for(user_of(request), pk)
    return render(request, "library/summary.html", _context(row))


@clinicians_only
@require_safe
def state(request: HttpRequest, pk: UUID) -> JsonResponse:
    """What the waiting page asks for: whether there is something new, and the line to show meanwhile."""
    row = summaries.summary_for(user_of(request), pk)
    return JsonResponse({"waiting": row.state in Summary.OPEN, "status": _status(row)})


@clinicians_only
@require_POST
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Not wanted any more."""
    summaries.stop(user_of(request), pk)
    return redirect("library:summary", pk)


def _status(row: Summary) -> str:
    if row.state == Summary.State.RUNNING:
        return _("The model is reading the abstracts and writing. This mostly takes about a minute.")
    return str(WAITS.get(row.failure, _("Your summary is in line.")))


def _context(row: Summary) -> dict[str, Any]:
    rows = Document.objects.select_related("source").in_bulk([UUID(one) for one in row.documents])
    articles = [(number, rows.get(UUID(one))) for number, one in enumerate(row.documents, start=1)]
    gone = {number for number, article in articles if article is None or not article.citable}
    shown = [line for line in row.lines if not gone & set(line["citations"])]
    cited = {number for line in shown for number in line["citations"]}
    return {
        "summary": row,
        "waiting": row.state in Summary.OPEN,
        "status": _status(row),
        "why": WHY.get(row.failure, _("Something went wrong while it was written.")),
        "lines": [(line["text"], _marks(line["citations"], rows, row)) for line in shown],
        "since_retracted": len(row.lines) - len(shown),
        "kept_back": sum(not _found_nothing(one) for one in row.refused),
        "articles": [(number, article, number in cited) for number, article in articles if article is not None],
        "model": ", ".join(filter(None, (row.base_model, row.adapter))),
    }


def _marks(numbers: list[int], rows: dict[UUID, Document], row: Summary) -> list[tuple[int, str, str]]:
    """Number, title and address of each article that a sentence cites."""
    held = [(number, rows[UUID(row.documents[number - 1])]) for number in numbers]
    return [(number, article.title, address_of(article)) for number, article in held]


def _found_nothing(refused: dict[str, Any]) -> bool:
    """A sentence that said only that there is nothing to say."""
    return any(reason["code"] == "not_held" for reason in refused["reasons"])
