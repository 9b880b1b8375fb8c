"""Pages of the library for everyone: A to Z, by part of the body, search, one topic, one document."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from consult.library import catalogue, markup
from consult.library.citations import notice_of
from consult.library.models import Document, Passage
from consult.library.search import Hit, library_language, search
from consult.library.wording import address_of, body_title, review_words, section_title

SEARCH_MAX_CHARS = 500


def _language(request: HttpRequest) -> str:
    return library_language(getattr(request, "LANGUAGE_CODE", "en"))


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """A to Z and by part of the body, or the answers to ``?q=``."""
    language = _language(request)
    query = request.GET.get("q", "").strip()[:SEARCH_MAX_CHARS]
    rows = catalogue.topics_in(language)
    context = {
        "letters": catalogue.by_letter(rows),
        "parts": catalogue.by_body(rows),
        "count": len(rows),
        "query": query,
        "results": _results(search(query, language=language, limit=12)) if query else [],
    }
    return render(request, "library/index.html", context)


def _results(hits: list[Hit]) -> list[dict[str, object]]:
    """One result a document, at its best passage, with the words found marked."""
    seen: dict[str, dict[str, object]] = {}
    for hit in hits:
        if hit.document_title not in seen:
            marked = markup.highlighted(hit.text, hit.highlights)
            seen[hit.document_title] = {"hit": hit, "marked": marked}
    return list(seen.values())


@require_safe
def topic(request: HttpRequest, language: str, topic: str) -> HttpResponse:
    """One topic, with an anchor at every passage."""
    row = Document.objects.filter(
        kind=Document.Kind.TOPIC, external_id=topic, language=language, withdrawn=False
    ).first()
    if row is None:
        raise Http404
    sections: dict[str, list[tuple[str, SafeString]]] = {}
    for passage in row.passages.filter(current=True).order_by("place"):
        sections.setdefault(passage.section, []).append((passage.anchor, markup.html(passage, language)))
    context = {
        "document": row,
        "sections": [(slug, section_title(slug, language), parts) for slug, parts in sections.items()],
        "reviewed": review_words(row),
        "parts": [(part, body_title(part)) for part in row.body],
        "other": _other_language(row),
    }
    return render(request, "library/topic.html", context)


def _other_language(row: Document) -> Document | None:
    """The same topic in another language."""
    same = Document.objects.filter(kind=row.kind, external_id=row.external_id, source=row.source_id, withdrawn=False)
    return same.exclude(language=row.language).first()


@require_safe
def document(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Any other document of the library: where a citation leads. Signed-out readers see what may speak to patients."""
    row = get_object_or_404(Document.objects.select_related("source"), pk=pk)
    if row.kind == Document.Kind.TOPIC:
        return HttpResponseRedirect(address_of(row))
    if not row.source.speaks_to_patients and not is_clinician(request):
        raise Http404
    passages: list[Passage] = list(row.passages.filter(current=True).order_by("place"))
    context = {"document": row, "passages": passages, "notice": notice_of(row), "reviewed": review_words(row)}
    return render(request, "library/document.html", context)


def is_clinician(request: HttpRequest) -> bool:
    """Whether a clinician is signed in; everyone else gets 404 from literature pages."""
    return getattr(request.user, "role", "") == "clinician"
