"""Pages on which clinicians read, edit and approve topics. Everyone else gets 404: the pages do not exist for them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import user_of
from accounts.models import User
from consult.library import actions, editing, markup, topics
from consult.library.literature import clinicians_only
from consult.library.models import Document, Passage, Revision
from consult.library.wording import review_words, section_title

ON_A_PAGE = 40
STATES = ("not_reviewed", "approved", "waiting", "")


@clinicians_only
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every topic, those that nobody has reviewed first; ``?state=`` and ``?lang=`` narrow, ``?q=`` looks at titles."""
    state, language = request.GET.get("state", "not_reviewed"), request.GET.get("lang", "")
    query = request.GET.get("q", "").strip()[:100]
    rows = Document.objects.filter(kind=Document.Kind.TOPIC, withdrawn=False).defer("text").order_by("title")
    counts = {value: _narrowed(rows, value).count() for value in STATES}
    rows = _narrowed(rows, state)
    if language in topics.LANGUAGES:
        rows = rows.filter(language=language)
    if query:
        rows = rows.filter(title__icontains=query)
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page, "rows": [(row, review_words(row)) for row in page], "state": state, "language": language,
        "query": query, "counts": counts, "narrowing": request.GET.urlencode(),
    }  # fmt: skip
    return render(request, "library/review.html", context)


def _narrowed(rows: Any, state: str) -> Any:
    if state == "waiting":
        return rows.filter(revisions__applied=False).distinct()
    return rows.filter(review_state=state) if state in Document.Review.values else rows


@clinicians_only
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The topic as a form; POST with ``do=preview`` shows it as patients would read it, with ``do=save`` stores it."""
    row = actions.topic_for(user_of(request), pk)
    form = editing.form_for(row, request.POST or None)
    preview: list[tuple[str, Any]] = []
    newer = False
    if request.method == "POST" and form.is_valid():
        if request.POST.get("do") == "preview":
            preview = list(_preview(form.topic))
        else:
            try:
                actions.save(user_of(request), pk, form)
            except actions.Newer:
                newer = True
            else:
                messages.success(request, _("Saved as a new version. It is not reviewed until somebody approves it."))
                return redirect("library:review_edit", pk)
    context = {
        "document": row, "form": form, "preview": preview, "newer": newer, "reviewed": review_words(row),
        "sections": [form[slug] for slug in topics.SECTIONS], "waiting": row.revisions.filter(applied=False).exists(),
        "header": [form[name] for name in ("names", "audience", "body", "icd10", "sources")],
    }  # fmt: skip
    return render(request, "library/review_edit.html", context, status=200 if not form.errors and not newer else 422)


def _preview(topic: topics.Topic) -> Iterator[tuple[str, Any]]:
    for slug in topics.SECTIONS:
        parts = [one for one in topic.pieces if one.section == slug]
        rows = [Passage(text=one.text, markup=one.markup) for one in parts]
        yield section_title(slug, topic.language), [markup.html(row, topic.language) for row in rows]


@clinicians_only
@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The version that was on the page is approved."""
    return _done(request, pk, lambda user, version: actions.approve(user, pk, version), _("Approved."))


@clinicians_only
@require_POST
def restore(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """An earlier version becomes the newest."""
    told = _("Version %(n)d is the newest again.") % {"n": number}
    return _done(request, pk, lambda user, version: actions.restore(user, pk, version, number), told)


def _done(request: HttpRequest, pk: UUID, act: Any, told: str) -> HttpResponse:
    version = request.POST.get("version", "")
    try:
        act(user_of(request), int(version) if version.isdecimal() else -1)
    except actions.Newer:
        messages.error(request, _("Somebody has changed this topic since. Please read it again."))
    else:
        messages.success(request, told)
    return redirect("library:review_edit", pk)


@clinicians_only
@require_safe
def versions(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who changed what, newest first, each with its difference from the one before."""
    user = user_of(request)
    row = actions.topic_for(user, pk)
    held = list(row.revisions.order_by("number"))
    people = {one.pk: one.name for one in User.objects.filter(pk__in=[one.author for one in held if one.author])}
    before: Revision | None = None
    shown = []
    for one in held:
        shown.append((one, people.get(one.author, "") if one.author else "", _changes(before, one)))
        before = one if one.applied else before
    audit.record(user, "topic.versions_read", row)
    return render(request, "library/review_versions.html", {"document": row, "versions": shown[::-1]})


def _changes(before: Revision | None, after: Revision) -> list[tuple[str, str]]:
    """Lines with "add", "gone" or "same"; nothing for the first version."""
    if before is None:
        return []
    lines = difflib.unified_diff(before.text.splitlines(), after.text.splitlines(), n=1, lineterm="")
    kinds = {"+": "add", "-": "gone", " ": "same"}
    return [(kinds[line[0]], line[1:]) for line in list(lines)[2:] if line[0] in kinds]
