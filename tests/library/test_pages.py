"""The library's pages: open to everyone, and nothing in them that was not meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from consult.library.models import Document, Passage, Source


@pytest.mark.usefixtures("library")
class TestPages:
    def test_someone_signed_out_can_browse(self, eve: Client) -> None:
        page = eve.get("/library/").content.decode()
        assert "/library/en/sore-throat/" in page
        assert 'id="letter-s"' in page
        assert "Throat" in page

    def test_chinese_topics_are_listed_for_chinese_readers(self, eve: Client) -> None:
        page = eve.get("/library/", headers={"accept-language": "zh-hans"}).content.decode()
        assert "高血压" in page
        assert 'id="letter-g"' in page

    def test_each_passage_of_a_topic_has_its_anchor(self, eve: Client) -> None:
        page = eve.get("/library/en/sore-throat/").content.decode()
        for passage in Passage.objects.filter(document__external_id="sore-throat"):
            assert f'id="{passage.anchor}"' in page

    def test_a_topic_says_whether_it_was_reviewed(self, eve: Client) -> None:
        assert "Not clinically reviewed" in eve.get("/library/en/sore-throat/").content.decode()

    def test_a_search_marks_the_words_found(self, eve: Client) -> None:
        assert "<mark>" in eve.post("/library/", {"q": "sore throat"}, follow=True).content.decode()

    def test_a_search_for_what_is_not_held_says_so(self, eve: Client) -> None:
        assert "does not hold" in eve.post("/library/", {"q": "capital of france"}, follow=True).content.decode()

    def test_markup_in_a_search_is_shown_as_text(self, eve: Client) -> None:
        page = eve.post("/library/", {"q": "<script>alert(1)</script>"}, follow=True).content.decode()
        assert "<script>alert" not in page

    @pytest.mark.parametrize("path", ["en/nothing/", "zh/sore-throat/", "xx/sore-throat/"])
    def test_unknown_topics_are_404(self, eve: Client, path: str) -> None:
        assert eve.get(f"/library/{path}").status_code == 404

    def test_what_is_searched_for_is_in_no_address_and_in_nobody_elses_results(self, eve: Client) -> None:
        answer = eve.post("/library/", {"q": "sore throat"})
        assert answer.status_code == 302
        assert "throat" not in answer.url
        assert "throat" not in str(eve.session.items())
        for _again in range(2):
            assert "<mark>" in eve.get(answer.url).content.decode()
        assert "<mark>" not in Client().get(answer.url).content.decode()
        assert "<mark>" not in eve.get("/library/?q=sore+throat").content.decode()

    def test_a_search_needs_the_token_of_its_page(self) -> None:
        assert Client(enforce_csrf_checks=True).post("/library/", {"q": "sore throat"}).status_code == 403


def article(source: str = "pubmed", **more: object) -> Document:
    """A document of another source with one passage."""
    owner, _made = Source.objects.get_or_create(slug=source, defaults={"name": source})
    row = Document.objects.create(
        source=owner, external_id="1", kind="article", title="A trial", language="en", digest="0", **more
    )
    Passage.objects.create(
        document=row, section="abstract", position=1, place=0, key="pubmed:1#abstract-1", text="Words <b>bold</b>",
        digest="0",
    )  # fmt: skip
    return row


def test_an_article_is_hidden_from_who_may_not_read_it(db: None, eve: Client, alice: object, login: object) -> None:
    row = article()
    assert eve.get(f"/library/document/{row.pk}").status_code == 404
    assert login(alice).get(f"/library/document/{row.pk}").status_code == 404  # type: ignore[operator]


def test_a_clinician_reads_an_article_and_is_told_that_it_was_retracted(chen: object, login: object) -> None:
    row = article(retracted=True)
    page = login(chen).get(f"/library/document/{row.pk}").content.decode()  # type: ignore[operator]
    assert "retracted" in page
    assert "&lt;b&gt;" in page


def test_links_in_a_topic_lead_only_to_topics(library: Path, eve: Client) -> None:
    from consult.library import loading

    path = library / "en" / "headache.md"
    evil = "[a](headache) [b](https://evil.example/) [c](javascript:alert(1)) A headache is common."
    path.write_text(path.read_text().replace("A headache is common.", evil))
    loading.load_topics(library)
    page = eve.get("/library/en/headache/").content.decode()
    assert 'href="/library/en/headache/"' in page
    assert "evil.example" not in page
    assert 'href="javascript' not in page
