"""What clinicians do to topics: edit, approve, restore. Each checks, writes, audits, and then renews the index."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils import timezone

from accounts import audit
from accounts.models import User
from consult.library import editing, loading, store, topics
from consult.library.models import Document, Revision

log = logging.getLogger(__name__)


class Newer(Exception):
    """Somebody saved this topic since the page was opened; nothing was written."""


def topic_for(user: User, pk: UUID) -> Document:
    """The topic, if ``user`` may edit it; missing and forbidden look the same."""
    row = Document.objects.filter(pk=pk, kind=Document.Kind.TOPIC, withdrawn=False).first()
    if row is None or not (user.is_active and user.is_clinician):
        raise Http404
    return row


def save(user: User, pk: UUID, form: editing.TopicForm) -> Document:
    """A valid ``form`` as the topic's next version, not reviewed. Raises Newer."""
    return _store(user, pk, form.cleaned_data["version"], form.markdown(), form.cleaned_data["note"], "topic.edited")


def approve(user: User, pk: UUID, version: int) -> Document:
    """``user`` has read that version and stands for it, with name and date. Raises Newer."""
    words = f"{user.name}, {timezone.localdate().isoformat()}"
    text = editing.with_review(topic_for(user, pk).text, words)
    return _store(user, pk, version, text, "", "topic.approved")


def restore(user: User, pk: UUID, version: int, number: int) -> Document:
    """The text of an earlier version, or of one that waits, as the next version: it is reviewed anew. Raises Newer."""
    old = topic_for(user, pk).revisions.filter(number=number).first()
    if old is None:
        raise Http404
    return _store(user, pk, version, editing.with_review(old.text, ""), f"v{number}", "topic.restored")


def _store(user: User, pk: UUID, version: int, markdown: str, note: str, action: str) -> Document:
    topic = topics.parse(markdown)
    with transaction.atomic():
        row = Document.objects.select_for_update().get(pk=topic_for(user, pk).pk)
        if row.version != version:
            raise Newer
        last = row.revisions.order_by("-number").first()
        # A waiting file version may have taken the next number.
        row.version = max(row.version, last.number if last else 0)
        row.edited_here = True
        loading.store_topic(row, topic)
        Revision.objects.create(document=row, number=row.version, text=markdown, author=user.pk, note=note)
        audit.record(user, action, row, version=row.version)
        transaction.on_commit(_renew_index)
    return row


def _renew_index() -> None:
    """At once, so that the next answer uses the new text; where the index is being built, that build takes it along."""
    try:
        store.update()
        store.encode_few()
    except Exception as error:  # the edit is stored: `build_index` finds it by its mark
        log.warning("index not renewed after an edit: %s", type(error).__name__)
