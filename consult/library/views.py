"""Pages of the library for everyone: A to Z, by part of the body, search, one topic, one document."""

from __future__ import annotations

from base64 import b64decode, b64encode
from secrets import token_urlsafe
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from accounts.crypto import DecryptionError, seal, unseal
from consult.library import catalogue, markup
from consult.library.citations import notice_of
from consult.library.models import Document, Passage
from consult.library.search import Hit, library_language, search
from consult.library.wording import address_of, body_title, review_words, section_title

SEARCH_MAX_CHARS = 500
SEARCHES_KEPT = 5  # of one visitor, for the back button
SEARCHES, PLACE = "library_searches", b"library search"


def _language(request: HttpRequest) -> str:
    return library_language(getattr(request, "LANGUAGE_CODE", "en"))


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """A to Z and by part of the body; or what was found for words that were posted.

    What somebody looks for tells of her illness: it stays out of addresses, histories and logs. The address names a
    search of this visitor's own session, so that going back and reloading ask nothing.
    """
    if request.method == "POST":
        query = request.POST.get("q", "").replace("\x00", "").strip()
        if len(query) > SEARCH_MAX_CHARS:
            return _index_page(request, query)
        return redirect(f"{reverse('library:index')}?found={_keep(request, query)}" if query else "library:index")
    query = _kept(request)
    answer = _index_page(request, query)
    if query:
        answer.headers["Cache-Control"] = "no-store, private"
    return answer


def _kept(request: HttpRequest) -> str:
    """The words of the search that the address names; "" for none, or for one of somebody else."""
    sealed = dict(request.session.get(SEARCHES, [])).get(request.GET.get("found", ""), "")
    try:
        return unseal(b64decode(sealed), PLACE).decode() if sealed else ""
    except DecryptionError:
        return ""  # its key is gone


def _keep(request: HttpRequest, query: str) -> str:
    """Remember the search, encrypted, as long as the session lasts; returns its name."""
    name, sealed = token_urlsafe(6), b64encode(seal(query.encode("utf-8", "replace"), PLACE)).decode()
    request.session[SEARCHES] = [*request.session.get(SEARCHES, []), (name, sealed)][-SEARCHES_KEPT:]
    return name


def _index_page(request: HttpRequest, query: str) -> HttpResponse:
    language = _language(request)
    too_long = len(query) > SEARCH_MAX_CHARS
    rows = catalogue.topics_in(language)
    context = {
        "letters": catalogue.by_letter(rows),
        "parts": catalogue.by_body(rows),
        "count": len(rows),
        "query": query,
        "query_too_long": too_long,
        "query_max": SEARCH_MAX_CHARS,
        "results": _results(search(query, language=language, limit=12)) if query and not too_long else [],
    }
    return render(request, "library/index.html", context, status=400 if too_long else 200)


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
