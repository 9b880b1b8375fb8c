"""The literature pages: for clinicians only; what they find, keep and export."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from uuid import uuid4

import pytest

from accounts.models import User
from consult.library import store
from consult.library.ingest import run
from consult.library.models import Document, SavedArticle, Source
from tests.conftest import Login
from tests.library.test_ingest import article, pubmed_file


@pytest.fixture
def articles(db: None, settings: object, tmp_path: Path) -> None:
    """Two trials and a review; one of them will matter."""
    settings.INDEX_DIR = tmp_path / "index"  # type: ignore[attr-defined]
    source = Source.objects.create(slug="pubmed", name="PubMed")
    review = "<PublicationType>Review</PublicationType>"
    path = pubmed_file(
        tmp_path / "a.xml",
        article(1),
        article(2, "=SUM(1) sailors &amp; {sleep}", types=review),
        article(3, "Gout and diet"),
    )
    for _step in run.go_on(run.start(path, "pubmed", source), path):
        pass
    store.update()


@pytest.mark.usefixtures("articles")
class TestForClinicians:
    def test_a_search_shows_the_abstract_with_its_words_marked(self, chen: User, login: Login) -> None:
        page = login(chen).get("/library/literature/?q=gout").content.decode()
        assert "Gout and diet" in page
        assert "Rossi AB" in page

    def test_filters_narrow_by_type_and_year(self, chen: User, login: Login) -> None:
        browser = login(chen)
        page = browser.get("/library/literature/?q=tired+sailors&type=review").content.decode()
        assert "SUM(1)" in page
        assert "A trial of rest" not in page
        assert "A trial of rest" not in browser.get("/library/literature/?q=tired+sailors&since=2021").content.decode()
        assert "A trial of rest" in browser.get("/library/literature/?q=tired+sailors&since=2019").content.decode()

    def test_a_year_that_is_no_year_is_told_and_filters_nothing(self, chen: User, login: Login) -> None:
        answer = login(chen).get("/library/literature/?q=tired+sailors&since=soon")
        assert answer.status_code == 200
        assert "A trial of rest" in answer.content.decode()

    def test_a_retracted_article_is_not_found(self, chen: User, login: Login) -> None:
        Document.objects.filter(external_id="3").update(retracted=True)
        assert "Gout and diet" not in login(chen).get("/library/literature/?q=gout").content.decode()

    def test_exports_hold_the_references_and_no_formulas(self, chen: User, login: Login) -> None:
        ids = "&".join(f"id={pk}" for pk in Document.objects.values_list("pk", flat=True))
        browser = login(chen)
        table = list(csv.DictReader(io.StringIO(browser.get(f"/library/literature/export/csv?{ids}").content.decode())))
        assert len(table) == 3
        assert "'=SUM(1) sailors & {sleep}" in {row["title"] for row in table}
        ris = browser.get(f"/library/literature/export/ris?{ids}").content.decode()
        assert ris.count("TY  - JOUR") == ris.count("ER  - ") == 3
        assert r"\{sleep\}" in browser.get(f"/library/literature/export/bibtex?{ids}").content.decode()

    @pytest.mark.parametrize("path", ["export/xml", "export/ris?id=nonsense"])
    def test_odd_exports_do_no_harm(self, chen: User, login: Login, path: str) -> None:
        assert login(chen).get(f"/library/literature/{path}").status_code in (200, 404)

    def test_saving_twice_keeps_one_and_each_clinician_sees_only_their_own(
        self, chen: User, diaz: User, login: Login
    ) -> None:
        pk, case = Document.objects.get(external_id="3").pk, uuid4()
        browser = login(chen)
        for _time in range(2):
            browser.post(f"/library/literature/{pk}/save", {"case": str(case)})
            browser.post(f"/library/literature/{pk}/save")
        assert SavedArticle.objects.count() == 2
        assert "Gout and diet" in browser.get(f"/library/literature/saved/?case={case}").content.decode()
        assert "Gout and diet" not in login(diaz).get("/library/literature/saved/").content.decode()
        entry = SavedArticle.objects.first()
        assert entry is not None
        assert login(diaz).post(f"/library/literature/saved/{entry.pk}/remove").status_code == 404
        assert browser.post(f"/library/literature/saved/{entry.pk}/remove").status_code == 302

    def test_similar_articles_say_so_where_there_are_no_vectors(self, chen: User, login: Login) -> None:
        pk = Document.objects.get(external_id="3").pk
        assert "None are known" in login(chen).get(f"/library/literature/{pk}/similar").content.decode()
