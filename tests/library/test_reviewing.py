"""Clinicians review, edit, approve and restore topics. Who else may not: tests/library/test_access.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from consult.library import citations, loading, search
from consult.library.models import Document
from tests.conftest import Login
from tests.library.conftest import topic_text

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("library")]


@pytest.fixture
def topic(library: Path) -> Document:
    return Document.objects.get(external_id="headache", language="en")


def form_of(browser: Client, topic: Document, **changed: Any) -> dict[str, Any]:
    """What a browser would send: the form as it came, with these changes."""
    form = browser.get(f"/library/review/{topic.pk}/").context["form"]
    data = {name: form[name].value() for name in form.fields}
    data["sources"] = form.fields["sources"].prepare_value(data["sources"])
    data |= {name: form.fields[name].prepare_value(data[name]) for name in ("names", "body", "icd10")}
    return {**data, "note": "Clearer", "do": "save", **changed}


def test_topics_that_nobody_has_reviewed_are_listed_first(chen: User, login: Login, topic: Document) -> None:
    browser = login(chen)
    assert "Headache" in browser.get("/library/review/").content.decode()
    browser.post(f"/library/review/{topic.pk}/approve", {"version": topic.version})
    assert "Headache" not in browser.get("/library/review/").content.decode()
    assert "Headache" in browser.get("/library/review/?state=approved").content.decode()
    assert "Headache" not in browser.get("/library/review/?state=approved&lang=zh").content.decode()


def test_an_edit_is_a_new_version_that_search_finds_at_once(chen: User, login: Login, topic: Document) -> None:
    browser = login(chen)
    data = form_of(browser, topic, **{"what-you-can-do": "- Rest with a headache.\n- Sip ginger broth."})
    assert browser.post(f"/library/review/{topic.pk}/", data).status_code == 302
    topic.refresh_from_db()
    assert (topic.version, topic.edited_here, topic.indexed) == (2, True, True)
    assert topic.revisions.get(number=2).author == chen.pk
    assert any("ginger" in hit.text for hit in search.search("ginger broth for a headache", language="en"))
    assert AuditEntry.objects.get(action="topic.edited").actor == chen.pk


def test_a_preview_changes_nothing(chen: User, login: Login, topic: Document) -> None:
    browser = login(chen)
    page = browser.post(
        f"/library/review/{topic.pk}/", form_of(browser, topic, prevention="Sleep **enough**.", do="preview")
    )
    assert "<strong>enough</strong>" in page.content.decode()
    topic.refresh_from_db()
    assert topic.version == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", ""), ("what-it-is", ""), ("prevention", "<b>no</b>"), ("prevention", "## Another heading"),
     ("icd10", "headache"), ("sources", "NHS | A page"), ("sources", "NHS | A page | http://plain.example"),
     ("prevention", "+++"), ("note", ""), ("body", "")],
)  # fmt: skip
def test_a_bad_edit_is_refused_beside_its_field_and_nothing_typed_is_lost(
    chen: User, login: Login, topic: Document, field: str, value: str
) -> None:
    browser = login(chen)
    changed = {"emergency-signs": "A marker: kept text.", field: value}
    page = browser.post(f"/library/review/{topic.pk}/", form_of(browser, topic, **changed))
    assert page.status_code == 422
    assert page.context["form"].errors[field]
    assert "A marker: kept text." in page.content.decode()
    topic.refresh_from_db()
    assert topic.version == 1


def test_quotes_and_backslashes_survive_the_header(chen: User, login: Login, topic: Document) -> None:
    browser = login(chen)
    browser.post(f"/library/review/{topic.pk}/", form_of(browser, topic, title='A "sore" \\ head', names="it's\nsore"))
    topic.refresh_from_db()
    assert (topic.title, topic.names) == ('A "sore" \\ head', ["it's", "sore"])


def test_who_saves_second_is_told_and_keeps_the_text(chen: User, diaz: User, login: Login, topic: Document) -> None:
    first, second = login(chen), login(diaz)
    late = form_of(second, topic, prevention="Second thoughts.")
    first.post(f"/library/review/{topic.pk}/", form_of(first, topic, prevention="First."))
    page = second.post(f"/library/review/{topic.pk}/", late)
    assert page.status_code == 422
    assert "Second thoughts." in page.content.decode()
    topic.refresh_from_db()
    assert topic.version == 2


def test_an_approval_stands_on_the_page_and_under_citations_until_the_next_edit(
    chen: User, eve: Client, login: Login, topic: Document
) -> None:
    browser = login(chen)
    browser.post(f"/library/review/{topic.pk}/approve", {"version": topic.version})
    topic.refresh_from_db()
    assert topic.review_state == Document.Review.APPROVED
    assert "Reviewed by Dr Chen on 20" in eve.get("/library/en/headache/").content.decode()
    hit = search.search("headache", language="en")[0]
    assert "Reviewed by Dr Chen on 20" in citations.describe([hit.passage_id])[0].reviewed
    browser.post(f"/library/review/{topic.pk}/", form_of(browser, topic, prevention="Drink water."))
    assert "Not clinically reviewed" in eve.get("/library/en/headache/").content.decode()
    assert AuditEntry.objects.filter(action="topic.approved").count() == 1


def test_what_was_not_read_is_not_approved(chen: User, diaz: User, login: Login, topic: Document) -> None:
    login(diaz).post(f"/library/review/{topic.pk}/", form_of(login(diaz), topic, prevention="Changed."))
    page = login(chen).post(f"/library/review/{topic.pk}/approve", {"version": 1}, follow=True)
    assert "has changed this topic" in page.content.decode()
    topic.refresh_from_db()
    assert topic.review_state == Document.Review.NOT_REVIEWED


def test_versions_say_who_when_and_what_and_an_earlier_one_can_be_used_again(
    chen: User, login: Login, topic: Document
) -> None:
    browser = login(chen)
    before = topic.text
    browser.post(f"/library/review/{topic.pk}/", form_of(browser, topic, prevention="Wear a hat in the sun."))
    page = browser.get(f"/library/review/{topic.pk}/versions").content.decode()
    assert "Dr Chen" in page
    assert "<ins>Wear a hat in the sun.</ins>" in page
    browser.post(f"/library/review/{topic.pk}/versions/1/restore", {"version": 2})
    topic.refresh_from_db()
    assert (topic.version, topic.text) == (3, before)
    assert browser.post(f"/library/review/{topic.pk}/versions/99/restore", {"version": 3}).status_code == 404


def test_a_changed_file_waits_beside_an_edit(chen: User, login: Login, topic: Document, library: Path) -> None:
    browser = login(chen)
    browser.post(f"/library/review/{topic.pk}/", form_of(browser, topic, prevention="Edited here."))
    bodies = [f"{part} of a headache is new." for part in ("One", "Two", "Three", "Four", "Five", "Six")]
    (library / "en" / "headache.md").write_text(topic_text("headache", "Headache", ["head pain"], bodies))
    loading.load_topics(library)
    assert "Headache" in browser.get("/library/review/?state=waiting").content.decode()
    browser.post(f"/library/review/{topic.pk}/versions/3/restore", {"version": 2})
    topic.refresh_from_db()
    assert "Six of a headache" in topic.text
    assert topic.version == 4
