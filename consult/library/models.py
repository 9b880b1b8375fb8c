"""Library content in the database: public, so not encrypted. The index is built from these rows.

Passages are never changed or deleted once they could have been cited (promise P6: an answer can be explained
later): a changed passage is a new row, and the old one stays with ``current`` false.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedTextField

LIBRARY = "consult-library"  # the source of the topics that come with Consult


class Source(models.Model):
    """Where documents come from, and whether the site lets it speak to patients."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    licence = models.CharField(max_length=200, blank=True)
    speaks_to_patients = models.BooleanField(default=False)

    def __str__(self) -> str:
        """Our own library is called so in the reader's language; others have the name that they gave themselves."""
        return gettext("Consult library") if self.slug == LIBRARY else self.name


class Document(models.Model):
    """A topic, an article, a guideline or a question with its answer, in one language."""

    class Kind(models.TextChoices):
        """What sort of document; search filters by it."""

        TOPIC = "topic", _("Health topic")
        HEALTH_TOPIC = "health_topic", _("Health topic of another publisher")
        ARTICLE = "article", _("Article")
        GUIDELINE = "guideline", _("Guideline")
        QUESTION = "question", _("Question and answer")

    class Review(models.TextChoices):
        """Whether a clinician of this site has read and approved it."""

        NOT_REVIEWED = "not_reviewed", _("Not clinically reviewed")
        APPROVED = "approved", _("Reviewed")

    LITERATURE = (Kind.ARTICLE, Kind.GUIDELINE)  # what the clinicians' pages search

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="documents")
    external_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    title = models.TextField()
    language = models.CharField(max_length=8)
    names = models.JSONField(default=list)
    body = models.JSONField(default=list)  # parts of the body, for browsing
    audience = models.JSONField(default=list)
    codes = models.JSONField(default=list)  # ICD-10 for topics, MeSH terms for articles
    references = models.JSONField(default=list)  # {organisation, title, address} of a topic's facts
    details = models.JSONField(default=dict)  # of articles: authors, journal, doi, types
    address = models.URLField(max_length=500, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    written = models.DateField(null=True)
    reviewed = models.CharField(max_length=200, blank=True)
    review_state = models.CharField(max_length=16, choices=Review.choices, default=Review.NOT_REVIEWED)
    retracted = models.BooleanField(default=False)
    concern = models.TextField(blank=True)  # an expression of concern, shown with every citation
    withdrawn = models.BooleanField(default=False)  # no longer in the source; kept because answers cite it
    version = models.PositiveIntegerField(default=1)
    text = models.TextField(blank=True)  # the whole source text, where it is edited here (topics)
    digest = models.CharField(max_length=64)  # of what was last loaded from outside
    edited_here = models.BooleanField(default=False)  # a clinician's edit outlives a changed file
    indexed = models.BooleanField(default=False)  # whether the index holds this version
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id", "language"], name="one_document_per_external_id")
        ]
        indexes = [
            models.Index(fields=["kind", "language", "title"], name="library_browse"),
            # The indexer asks for what it has not put into the index; nearly all rows are done.
            models.Index(fields=["id"], condition=models.Q(indexed=False), name="library_not_indexed"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def citable(self) -> bool:
        """Whether an answer of today may rest on it."""
        return not (self.retracted or self.withdrawn)


class Passage(models.Model):
    """A piece of a document that an answer can cite; its words never change."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="passages")
    section = models.CharField(max_length=64)
    position = models.PositiveIntegerField()  # within the section, from 1
    place = models.PositiveIntegerField()  # within the document, from 0
    key = models.CharField(max_length=300)  # "sore-throat#what-you-can-do-2"
    text = models.TextField()
    markup = models.TextField(blank=True)  # Markdown of the same words; "" where the text is all there is
    digest = models.CharField(max_length=64)
    version = models.PositiveIntegerField(default=1)  # of the document, when this passage first stood in it
    current = models.BooleanField(default=True)

    class Meta:
        indexes = [models.Index(fields=["document", "current", "place"], name="library_reading_order")]

    def __str__(self) -> str:
        return self.key

    @property
    def anchor(self) -> str:
        """The fragment of this passage on its page."""
        return self.key.partition("#")[2]


class Revision(models.Model):
    """One version of a document that is edited here, with who made it. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    author = models.UUIDField(null=True)  # a user; null: loaded from a file
    note = models.CharField(max_length=200, blank=True)
    applied = models.BooleanField(default=True)  # False: a new file version waiting beside a clinician's edit
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="one_revision_per_number")]

    def __str__(self) -> str:
        return f"{self.document_id} v{self.number}"


class Ingestion(models.Model):
    """How far the reading of one file has come; an interrupted one goes on where it stopped.

    One that a worker does changes its ``state`` only by conditional UPDATE (ingest/line.py).
    """

    class State(models.TextChoices):
        """Who is at it."""

        COMMAND = "command", _("By the command line")
        WAITING = "waiting", _("In line")
        READING = "reading", _("Being read")
        DONE = "done", _("Done")
        FAILED = "failed", _("Stopped")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    format = models.CharField(max_length=16)
    file = models.CharField(max_length=300)  # the name, without its folder
    digest = models.CharField(max_length=64)  # of the file's bytes
    read = models.PositiveIntegerField(default=0)  # records passed, broken ones too
    new = models.PositiveIntegerField(default=0)
    revised = models.PositiveIntegerField(default=0)
    same = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    broken = models.JSONField(default=list)  # {position, reason}; the first hundred
    broken_count = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.COMMAND)
    failure = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)  # when the task was last put on the broker
    started_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "format", "digest"], name="one_ingestion_per_file_content")
        ]

    def __str__(self) -> str:
        return self.file


class SavedArticle(models.Model):
    """An article that a clinician keeps, with or without a case. The case's id is only a name here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.UUIDField(db_index=True)  # the clinician
    case = models.UUIDField(null=True)
    document = models.ForeignKey(Document, on_delete=models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "case", "document"], name="saved_once_per_case"),
            models.UniqueConstraint(
                fields=["owner", "document"], condition=models.Q(case=None), name="saved_once_without_a_case"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} for {self.case}"


class Summary(models.Model):
    """A summary of a few articles by the model, for the clinician who asked for it. ``state`` changes only by
    conditional UPDATE (summaries.py); the case's id is only a name here.
    """

    class State(models.TextChoices):
        """How far it has come."""

        WAITING = "waiting", _("In line")
        RUNNING = "running", _("Being written")
        DONE = "done", _("Done")
        FAILED = "failed", _("Not finished")
        STOPPED = "stopped", _("Stopped")

    class Composed(models.TextChoices):
        """Of what it was made."""

        MODEL = "model", _("Written by the model")
        ABSTRACTS = "abstracts", _("The abstracts' own conclusions")
        NONE = "none", _("Nothing could be taken from the abstracts")

    OPEN = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.UUIDField(db_index=True)  # the clinician
    case = models.UUIDField(null=True)
    question = EncryptedTextField(default="")  # what was searched for: it may tell of a patient
    documents = models.JSONField(default=list)  # ids of the articles, in the order of their numbers
    left_out = models.PositiveIntegerField(default=0)  # of those chosen: retracted, without an abstract, too many
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    failure = models.CharField(max_length=32, blank=True)  # why it waits again, or why it ended
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)  # when the task was last put on the broker
    at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    passages = models.JSONField(default=list)  # of each article, the ids of the passages that its abstract was made of
    lines = models.JSONField(default=list)  # {text, citations}: what is shown
    refused = models.JSONField(default=list)  # {text, reasons}: what the guard kept back
    composed = models.CharField(max_length=10, choices=Composed.choices, blank=True)
    base_model = models.CharField(max_length=200, blank=True)
    base_hash = models.CharField(max_length=64, blank=True)
    adapter = models.CharField(max_length=200, blank=True)
    adapter_hash = models.CharField(max_length=64, blank=True)
    prompt_version = models.CharField(max_length=32, blank=True)
    guard_version = models.CharField(max_length=16, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "lease_until"], name="summary_sweep")]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"
