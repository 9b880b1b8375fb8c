"""The pages of a photo or document: bring it, wait, check its words, send or remove it. No JavaScript is needed."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages as flash
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import consenting_patient_required, user_of
from consult.chat import access, actions, attachments, files
from consult.chat.models import Attachment
from consult.documents.types import Reason

STATUS = {"too_many": 429, "too_long": 413}


@consenting_patient_required
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose a file; posted, it is kept and read."""
    conversation = access.conversation_for(user_of(request), pk)
    if request.method == "GET":
        return _add_page(request, pk)
    try:
        attachment = attachments.attach(user_of(request), conversation.pk, *_uploaded(request))
    except actions.Refused as refused:
        return _add_page(request, pk, refused)
    return redirect("chat:document", pk, attachment.pk)


def _uploaded(request: HttpRequest) -> tuple[bytes, str]:
    """The bytes and the name of what was sent. Of a body that was cut off Django gives no file at all."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.BODY_MAX_BYTES:
        raise actions.Refused("too_long", attachments.sentence(Reason.TOO_LARGE))
    upload = request.FILES.get("file")
    return (upload.read(), upload.name or "") if upload else (b"", "")


def _add_page(request: HttpRequest, pk: UUID, refused: actions.Refused | None = None) -> HttpResponse:
    conversation = access.conversation_for(user_of(request), pk)
    context = {
        "conversation": conversation,
        "unsent": access.unsent_attachments(conversation),
        "refused": refused,
        "max_mib": settings.ATTACHMENT_MAX_BYTES // 2**20,
        "max_bytes": settings.ATTACHMENT_MAX_BYTES,
        "max_pages": settings.ATTACHMENT_MAX_PAGES,
    }
    return render(request, "chat/document_add.html", context, status=STATUS.get(refused.code, 400) if refused else 200)


@consenting_patient_required
@require_GET
def document(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    """Where it stands; once it is read, its words to check."""
    return _page(request, access.attachment_for(user_of(request), pk, document))


def _page(
    request: HttpRequest, row: Attachment, refused: actions.Refused | None = None, typed: str | None = None
) -> HttpResponse:
    part = attachments.first_part(row.text)
    context = {
        "conversation": row.conversation,
        "document": row,
        "waiting": row.state in Attachment.OPEN,
        "kept": row.state in Attachment.KEPT,
        "why": attachments.sentence(row.reason),
        "text": part if typed is None else typed,
        "shortened": len(part) < len(row.text.rstrip()),
        "refused": refused,
        "max_chars": settings.MESSAGE_MAX_CHARS,
    }
    return render(request, "chat/document.html", context, status=400 if refused else 200)


@consenting_patient_required
@require_GET
def state(request: HttpRequest, pk: UUID, document: UUID) -> JsonResponse:
    """For a page that waits."""
    row = access.attachment_for(user_of(request), pk, document)
    return JsonResponse({"state": row.state, "waiting": row.state in Attachment.OPEN})


@consenting_patient_required
@require_GET
def file(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    """The file as it was cleaned; before that, and after a refusal, there is none."""
    return file_response(access.attachment_for(user_of(request), pk, document))


def file_response(row: Attachment) -> HttpResponse:
    """The bytes under a name of ours, to be saved and never run: a picture still shows inside a page."""
    if row.state not in Attachment.KEPT:
        raise Http404
    try:
        data = files.read(row.pk)
    except FileNotFoundError as error:
        raise Http404 from error
    response = HttpResponse(data, content_type=row.media_type)
    suffix = "jpg" if row.is_picture else "pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="document-{row.pk.hex[:8]}.{suffix}"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@consenting_patient_required
@require_POST
def use(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    """Send the words, as they stand in the form now."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    try:
        attachments.use(user_of(request), pk, document, text)
    except actions.Refused as refused:
        return _page(request, access.attachment_for(user_of(request), pk, document), refused, text)
    return redirect("chat:conversation", pk)


@consenting_patient_required
@require_POST
def remove(request: HttpRequest, pk: UUID, document: UUID) -> HttpResponse:
    """Delete it, words and file."""
    try:
        attachments.remove(user_of(request), pk, document)
    except actions.Refused as refused:
        return _page(request, access.attachment_for(user_of(request), pk, document), refused)
    flash.success(request, _("The document is deleted."))
    return redirect("chat:conversation", pk)
