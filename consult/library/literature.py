"""The clinicians' literature page: search with filters, similar articles, export, a list of one's own.

Summaries have pages of their own (``views_summary``).

Everyone else gets 404: the page does not exist for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consult.library import exports, markup, search, summaries
from consult.library.index import Filters
from consult.library.models import Document, Passage, SavedArticle, Summary
from consult.library.store import meaning
from consult.library.views import is_clinician

RESULTS = 25
SIMILAR = 10
EXPORT_MAX = 200
SUMMARIES = 20
YEAR = {"class": "input", "inputmode": "numeric"}
KINDS = Document.LITERATURE
TYPES = (
    ("", _("Any type")),
    ("meta-analysis", _("Meta-analysis")),
    ("systematic review", _("Systematic review")),
    ("randomized controlled trial", _("Randomised controlled trial")),
    ("review", _("Review")),
    ("practice guideline", _("Practice guideline")),
    ("case reports", _("Case report")),
)
View = Callable[..., HttpResponse]


class SearchForm(forms.Form):
    """What a clinician asks for. Every field may be empty."""

    q = forms.CharField(max_length=500, required=False, label=_("Search"))
    type = forms.ChoiceField(
        choices=TYPES, required=False, label=_("Type of article"), widget=forms.Select(attrs={"class": "input"})
    )
    since = forms.IntegerField(
        min_value=1800, max_value=2200, required=False, label=_("From year"), widget=forms.NumberInput(attrs=YEAR)
    )
    until = forms.IntegerField(
        min_value=1800, max_value=2200, required=False, label=_("To year"), widget=forms.NumberInput(attrs=YEAR)
    )
    humans = forms.BooleanField(required=False, label=_("In humans"))

    def filters(self) -> Filters:
        """The filters of the index; a field that was not understood filters nothing."""
        held = self.cleaned_data
        marks = [f"type:{held['type']}"] if held.get("type") else []
        marks += ["species:humans"] if held.get("humans") else []
        return Filters(
            language="en", kinds=tuple(KINDS), marks=tuple(marks), since=held.get("since") or 0,
            until=held.get("until") or 0,
        )  # fmt: skip


def clinicians_only(view: View) -> View:
    """404 for everyone else."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not is_clinician(request):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def _article(pk: UUID) -> Document:
    return get_object_or_404(Document.objects.select_related("source"), pk=pk, kind__in=KINDS)


@clinicians_only
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Search results, best first; retracted articles are not among them."""
    form = SearchForm(request.GET or None)
    form.is_valid()
    query = form.cleaned_data.get("q", "").strip() if form.is_bound else ""
    found = []
    if query:
        ranked = search.ranked(query, form.filters(), limit=RESULTS, per_document=1, floor=False)
        found = [(hit, markup.highlighted(hit.text, hit.highlights)) for hit in search.hits(ranked)]
    documents = _documents([hit.passage_id for hit, _marked in found])
    context = {
        "form": form,
        "query": query,
        "results": [(hit, marked, documents[hit.passage_id]) for hit, marked in found],
        "held": Document.objects.filter(kind__in=KINDS).exists(),
        "case": request.GET.get("case", ""),
        "summary_max": summaries.ARTICLES_MAX,
    }
    return render(request, "library/literature.html", context)


def _documents(passages: list[UUID]) -> dict[UUID, Document]:
    rows = Passage.objects.filter(pk__in=passages).select_related("document", "document__source")
    return {row.pk: row.document for row in rows}


@clinicians_only
@require_safe
def similar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Articles near in meaning; none where this installation has no vectors."""
    row = _article(pk)
    first = row.passages.filter(current=True).order_by("place").first()
    half = meaning()
    near = half.similar(str(first.pk), SIMILAR * 3) if half is not None and first is not None else {}
    rows = Passage.objects.filter(
        pk__in=list(near), current=True, document__kind__in=KINDS, document__retracted=False, document__withdrawn=False
    ).select_related("document", "document__source")
    best: dict[UUID, Document] = {}
    for passage in sorted(rows, key=lambda one: -near[str(one.pk)]):
        if passage.document_id != row.pk:
            best.setdefault(passage.document_id, passage.document)
    context = {"document": row, "articles": list(best.values())[:SIMILAR]}
    return render(request, "library/similar.html", context)


@clinicians_only
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, form: str) -> HttpResponse:
    """The chosen articles as a file. It may be posted: the list stands in a form that also asks for summaries."""
    if form not in exports.FORMATS:
        raise Http404
    write, kind, ending = exports.FORMATS[form]
    ids = chosen_ids(request.POST if request.method == "POST" else request.GET)[:EXPORT_MAX]
    rows = Document.objects.filter(pk__in=ids, kind__in=KINDS).select_related("source").order_by("title")
    response = HttpResponse(write(rows), content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="articles.{ending}"'
    return response


def _owner(request: HttpRequest) -> UUID:
    """The clinician; ``clinicians_only`` has made sure that someone is signed in."""
    owner = request.user.pk
    assert isinstance(owner, UUID)
    return owner


def chosen_ids(sent: QueryDict) -> list[UUID]:
    """The articles that were ticked; where none was, all that were listed (``listed``). Nonsense is passed over."""
    given = sent.getlist("id") or sent.getlist("listed")
    return list(dict.fromkeys(one for one in map(uuid_of, given) if one))


def uuid_of(value: str) -> UUID | None:
    """The id that ``value`` writes, if it writes one."""
    try:
        return UUID(value)
    except ValueError:
        return None


@clinicians_only
@require_safe
def saved(request: HttpRequest) -> HttpResponse:
    """One's own list and summaries; of one case with ``?case=``."""
    rows = SavedArticle.objects.filter(owner=_owner(request)).select_related("document", "document__source")
    case = uuid_of(request.GET.get("case", ""))
    if case:
        rows = rows.filter(case=case)
    written = Summary.objects.filter(owner=_owner(request)).order_by("-at")
    written = written.filter(case=case) if case else written
    context = {"saved": rows.order_by("-at")[:EXPORT_MAX], "case": case, "summaries": written[:SUMMARIES]}
    return render(request, "library/saved.html", context)


@clinicians_only
@require_POST
def save(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep an article, for a case where one is named; a second time changes nothing."""
    row, case = _article(pk), uuid_of(request.POST.get("case", ""))
    SavedArticle.objects.get_or_create(owner=_owner(request), case=case, document=row)
    return HttpResponseRedirect(reverse("library:saved") + (f"?case={case}" if case else ""))


@clinicians_only
@require_POST
def unsave(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take an entry off one's own list."""
    get_object_or_404(SavedArticle, pk=pk, owner=_owner(request)).delete()
    return HttpResponseRedirect(reverse("library:saved"))
