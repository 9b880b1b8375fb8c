"""From topic files to rows: new, changed and vanished topics. Running it again changes nothing.

Passages whose words did not change keep their row, so citations of earlier answers stay exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from django.db import transaction

from consult.library import topics
from consult.library.models import LIBRARY, Document, Passage, Revision, Source

LIBRARY_NAME = "Consult library"


@dataclass(slots=True)
class Outcome:
    """What loading did; ``faults`` are the files left out, with every reason."""

    new: int = 0
    changed: int = 0
    same: int = 0
    withdrawn: int = 0
    kept_edits: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage as it comes from a file."""

    section: str
    position: int
    key: str
    text: str
    markup: str = ""

    @property
    def digest(self) -> str:
        """Of the words only: the same words are the same passage."""
        return sha256((self.markup or self.text).encode()).hexdigest()


def library_source() -> Source:
    """The site's own topics; they speak to patients."""
    source, _made = Source.objects.get_or_create(
        slug=LIBRARY, defaults={"name": LIBRARY_NAME, "speaks_to_patients": True}
    )
    return source


def load_topics(content: Path = topics.CONTENT) -> Outcome:
    """Bring the rows in line with the files of ``content``. A faulty file leaves its topic as it was."""
    outcome, source = Outcome(), library_source()
    held = {(one.external_id, one.language): one for one in Document.objects.filter(source=source).defer("text")}
    present: set[tuple[str, str]] = set()
    for topic in topics.load_all(content):
        if isinstance(topic, topics.TopicError):
            outcome.faults.append(str(topic))
            continue
        present.add((topic.id, topic.language))
        _load(topic, source, held.get((topic.id, topic.language)), outcome)
    faulty = {fault.partition(".md")[0] for fault in outcome.faults}
    for key, document in held.items():
        if key not in present and key[0] not in faulty and not document.withdrawn:
            Document.objects.filter(pk=document.pk).update(withdrawn=True, indexed=False)
            outcome.withdrawn += 1
    return outcome


@transaction.atomic
def _load(topic: topics.Topic, source: Source, document: Document | None, outcome: Outcome) -> None:
    if document is not None and document.digest == topic.digest and not document.withdrawn:
        outcome.same += 1
        return
    if document is not None and document.edited_here and document.digest != topic.digest:
        _propose(document, topic)
        outcome.kept_edits += 1
        return
    if document is None:
        document = Document(source=source, external_id=topic.id, language=topic.language, version=0)
        outcome.new += 1
    else:
        outcome.changed += 1
    document.digest = topic.digest
    store_topic(document, topic)
    Revision.objects.create(document=document, number=document.version, text=topic.markdown, note="file")


def store_topic(document: Document, topic: topics.Topic) -> None:
    """Write a topic as the next version of its document, with its passages."""
    document.kind = Document.Kind.TOPIC
    document.title, document.names, document.body = topic.title, list(topic.names), list(topic.body)
    document.audience, document.codes = list(topic.audience), list(topic.icd10)
    document.references = [
        {"organisation": one.organisation, "title": one.title, "address": one.address} for one in topic.sources
    ]
    document.written, document.text = topic.written, topic.markdown
    document.reviewed = topic.reviewed
    document.review_state = Document.Review.APPROVED if topic.reviewed else Document.Review.NOT_REVIEWED
    document.withdrawn, document.indexed = False, False
    document.version += 1
    document.save()
    keep_passages(
        document,
        [NewPassage(one.section, one.position, one.key(topic.id), one.text, one.markup) for one in topic.pieces],
    )


def _propose(document: Document, topic: topics.Topic) -> None:
    """A clinician edited this topic here: the file's new text waits beside it."""
    document.digest = topic.digest
    document.save(update_fields=["digest", "updated_at"])
    last = document.revisions.order_by("-number").first()
    number = (last.number if last else document.version) + 1
    Revision.objects.create(document=document, number=number, text=topic.markdown, note="file", applied=False)


def keep_passages(document: Document, wanted: Iterable[NewPassage]) -> None:
    """Make these the current passages: unchanged ones stay, gone ones are kept as not current."""
    held = {(one.key, one.digest): one for one in document.passages.all()}
    stay: set[object] = set()
    for place, new in enumerate(wanted):
        row = held.get((new.key, new.digest))
        if row is None:
            row = Passage.objects.create(
                document=document, section=new.section, position=new.position, place=place, key=new.key,
                text=new.text, markup=new.markup, digest=new.digest, version=document.version,
            )  # fmt: skip
        elif not row.current or row.place != place:
            row.current, row.place = True, place
            row.save(update_fields=["current", "place"])
        stay.add(row.pk)
    gone = [one.pk for one in held.values() if one.current and one.pk not in stay]
    if gone:
        Passage.objects.filter(pk__in=gone).update(current=False)
