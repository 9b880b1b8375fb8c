"""Who may open which page of the library: topics are for everybody, literature and reviewing for clinicians alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from accounts.models import User
from consult.library.models import Document, SavedArticle, Source, Summary
from consult.library.urls import urlpatterns
from tests.conftest import Login

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("library")]

OPEN = ["index", "topic", "document"]
GET = [
    "literature",
    "saved",
    "export",
    "similar",
    "summary",
    "summary_state",
    "review",
    "review_edit",
    "review_versions",
]
POST = ["save", "unsave", "summarise", "summary_stop", "review_edit", "review_approve", "review_restore"]


@pytest.fixture
def topic(library: Path) -> Document:
    return Document.objects.get(external_id="headache", language="en")


@pytest.fixture
def kept(topic: Document, chen: User) -> SavedArticle:
    source = Source.objects.create(slug="pubmed", name="PubMed")
    article = Document.objects.create(source=source, kind=Document.Kind.ARTICLE, external_id="1", title="A trial")
    return SavedArticle.objects.create(owner=chen.pk, document=article)


def address(name: str, topic: Document, kept: SavedArticle) -> str:
    """With ids that exist, so that only the person decides."""
    written, _made = Summary.objects.get_or_create(owner=kept.owner)
    arguments: dict[str, list[Any]] = {
        "topic": ["en", "headache"], "export": ["ris"], "similar": [kept.document_id], "save": [kept.document_id],
        "unsave": [kept.pk], "summary": [written.pk], "summary_state": [written.pk], "summary_stop": [written.pk],
        "review_restore": [topic.pk, 1],
    }  # fmt: skip
    return reverse(f"library:{name}", args=arguments.get(name, [topic.pk] if takes_an_id(name) else []))


def takes_an_id(name: str) -> bool:
    return any(one.name == name and "pk" in one.pattern.converters for one in urlpatterns)


def test_the_matrix_names_every_address() -> None:
    assert set(OPEN + GET + POST) == {str(one.name) for one in urlpatterns}


@pytest.mark.parametrize("person", ["alice", "olu", ""])
def test_to_patients_administrators_and_strangers_the_clinicians_pages_do_not_exist(
    person: str, topic: Document, kept: SavedArticle, login: Login, eve: Client, request: pytest.FixtureRequest
) -> None:
    client = login(request.getfixturevalue(person)) if person else eve
    for name in GET:
        assert client.get(address(name, topic, kept)).status_code == 404, name
    for name in POST:
        assert client.post(address(name, topic, kept), {"version": topic.version}).status_code == 404, name
    topic.refresh_from_db()
    assert (topic.version, topic.edited_here, topic.review_state) == (1, False, Document.Review.NOT_REVIEWED)
    assert SavedArticle.objects.get() == kept


def test_everybody_reads_topics(topic: Document, kept: SavedArticle, eve: Client) -> None:
    for name in OPEN:
        assert eve.get(address(name, topic, kept), follow=True).status_code == 200, name


def test_a_clinician_opens_all_of_it(topic: Document, kept: SavedArticle, chen: User, login: Login) -> None:
    client = login(chen)
    for name in GET:
        assert client.get(address(name, topic, kept)).status_code == 200, name


def test_nothing_is_done_by_following_a_link(topic: Document, kept: SavedArticle, chen: User, login: Login) -> None:
    client = login(chen)
    for name in set(POST) - set(GET):
        assert client.get(address(name, topic, kept)).status_code == 405, name


def test_a_colleagues_list_is_not_found(topic: Document, kept: SavedArticle, diaz: User, login: Login) -> None:
    assert login(diaz).post(address("unsave", topic, kept)).status_code == 404
    assert SavedArticle.objects.get() == kept
