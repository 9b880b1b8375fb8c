"""Ingestion: what goes in, what is told and left out, and that doing it twice does nothing."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from consult.library import store
from consult.library.index import Filters
from consult.library.ingest import files, medlineplus, pubmed, questions, run, xml
from consult.library.ingest.records import Broken, Deleted, Record, cut
from consult.library.models import Document, Ingestion, Passage, Source
from consult.library.search import ranked


def article(pmid: int, title: str = "A trial of rest", *, revised: int = 2020, extra: str = "", types: str = "") -> str:
    """One PubMed record."""
    return f"""<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID>
<DateRevised><Year>{revised}</Year><Month>02</Month><Day>03</Day></DateRevised>
<Article><Journal><JournalIssue><Volume>7</Volume><PubDate><Year>2019</Year><Month>Mar</Month></PubDate></JournalIssue>
<ISOAbbreviation>J Rest</ISOAbbreviation></Journal><ArticleTitle>{title}.</ArticleTitle>
<Abstract><AbstractText Label="BACKGROUND">Rest &amp; sleep are <i>old</i> remedies.</AbstractText>
<AbstractText Label="RESULTS">Rest helped tired sailors.</AbstractText></Abstract>
<AuthorList><Author><LastName>Rossi</LastName><Initials>AB</Initials></Author></AuthorList><Language>eng</Language>
<PublicationTypeList><PublicationType>Randomized Controlled Trial</PublicationType>{types}</PublicationTypeList>
</Article>
<MeshHeadingList><MeshHeading><DescriptorName>Humans</DescriptorName></MeshHeading></MeshHeadingList>{extra}
</MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="doi">10.1/{pmid}</ArticleId></ArticleIdList>
</PubmedData></PubmedArticle>"""


def related(kind: str, pmid: int) -> str:
    link = (
        f'<CommentsCorrections RefType="{kind}"><RefSource>J Rest</RefSource><PMID>{pmid}</PMID></CommentsCorrections>'
    )
    return f"<CommentsCorrectionsList>{link}</CommentsCorrectionsList>"


def pubmed_file(path: Path, *parts: str, top: str = "") -> Path:
    text = f'<?xml version="1.0"?>{top}<PubmedArticleSet>{"".join(parts)}</PubmedArticleSet>'
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def source(db: None, settings: object, tmp_path: Path) -> Source:
    settings.INDEX_DIR = tmp_path / "index"  # type: ignore[attr-defined]
    return Source.objects.create(slug="pubmed", name="PubMed")


def ingest(path: Path, source: Source, format_: str = "pubmed") -> Ingestion:
    ingestion = run.start(path, format_, source)
    for _step in run.go_on(ingestion, path):
        pass
    ingestion.refresh_from_db()
    return ingestion


class TestPubMed:
    @pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
    def test_a_record_keeps_what_a_citation_needs(self, tmp_path: Path, name: str) -> None:
        (record,) = pubmed.read(pubmed_file(tmp_path / name, article(7)))
        assert isinstance(record, Record)
        assert (record.external_id, record.title, str(record.written)) == ("7", "A trial of rest", "2019-03-01")
        assert record.passages[0][1].startswith("Background: Rest & sleep are old remedies. Results:")
        assert record.details["authors"] == ["Rossi AB"]
        assert record.details["doi"] == "10.1/7"
        assert record.address.endswith("/7/")

    def test_a_broken_record_is_told_with_its_place_and_the_others_go_in(self, tmp_path: Path) -> None:
        broken = article(2).replace("</Abstract>", "")
        path = pubmed_file(tmp_path / "a.xml", article(1), broken, article(3))
        items = list(pubmed.read(path))
        assert [one.external_id for one in items if isinstance(one, Record)] == ["1", "3"]
        (fault,) = [one for one in items if isinstance(one, Broken)]
        assert fault.position == f"byte {path.read_bytes().index(broken.encode())}"

    def test_a_record_that_is_never_closed_does_not_take_the_next_with_it(self, tmp_path: Path) -> None:
        torn = article(2).replace("</PubmedArticle>", "")
        items = list(pubmed.read(pubmed_file(tmp_path / "a.xml", article(1), torn, article(3))))
        assert [one.external_id for one in items if isinstance(one, Record)] == ["1", "3"]
        assert sum(isinstance(one, Broken) for one in items) == 1

    def test_a_truncated_archive_gives_what_was_whole(self, tmp_path: Path) -> None:
        path = pubmed_file(tmp_path / "a.xml.gz", *(article(n, f"Trial {n * 7919}") for n in range(1, 60)))
        path.write_bytes(path.read_bytes()[:-300])
        items = list(pubmed.read(path))
        assert isinstance(items[0], Record)
        assert any(isinstance(one, Broken) and "damaged" in one.reason for one in items)

    def test_entities_that_a_file_declares_are_never_expanded(self, tmp_path: Path) -> None:
        top = '<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
        path = pubmed_file(tmp_path / "a.xml", article(1, "&a; and &f;"), article(2), top=top)
        items = list(pubmed.read(path))
        assert isinstance(items[0], Broken)
        assert isinstance(items[1], Record)

    def test_a_document_type_inside_a_record_is_refused(self) -> None:
        with pytest.raises(xml.Refused):
            xml.parse(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')

    def test_deletions_are_read(self, tmp_path: Path) -> None:
        path = pubmed_file(tmp_path / "a.xml", "<DeleteCitation><PMID>4</PMID><PMID>5</PMID></DeleteCitation>")
        assert list(pubmed.read(path)) == [Deleted("4"), Deleted("5")]

    def test_records_cut_across_chunks_are_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = pubmed_file(tmp_path / "a.xml", *(article(n) for n in range(1, 6)))
        monkeypatch.setattr(xml, "CHUNK", 37)
        assert [one.external_id for one in pubmed.read(path) if isinstance(one, Record)] == list("12345")

    def test_an_endless_record_does_not_fill_the_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(xml, "MAX_RECORD", 5000)
        monkeypatch.setattr(xml, "CHUNK", 1000)
        path = pubmed_file(tmp_path / "a.xml", f"<PubmedArticle>{'x' * 20_000}", article(3))
        items = list(pubmed.read(path))
        assert isinstance(items[0], Broken)
        assert [one.external_id for one in items if isinstance(one, Record)] == ["3"]


class TestIntoTheLibrary:
    def test_the_same_file_again_does_nothing(self, tmp_path: Path, source: Source) -> None:
        path = pubmed_file(tmp_path / "a.xml", article(1), article(2))
        ingest(path, source)
        held = set(Passage.objects.values_list("pk", flat=True))
        assert list(run.go_on(run.start(path, "pubmed", source), path)) == []
        again = run.start(path, "pubmed", source, again=True)
        for _step in run.go_on(again, path):
            pass
        assert (again.new, again.revised, again.same) == (0, 0, 2)
        assert set(Passage.objects.values_list("pk", flat=True)) == held

    def test_a_stopped_run_goes_on_where_it_was(
        self, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run, "BATCH", 2)
        path = pubmed_file(tmp_path / "a.xml", *(article(n) for n in range(1, 6)))
        steps = run.go_on(run.start(path, "pubmed", source), path)
        next(steps)
        steps.close()
        assert Document.objects.count() == 2
        done = ingest(path, source)
        assert (done.read, done.new, Document.objects.count()) == (5, 5, 5)

    def test_a_revised_record_is_a_new_version_and_an_older_one_is_ignored(
        self, tmp_path: Path, source: Source
    ) -> None:
        ingest(pubmed_file(tmp_path / "a.xml", article(1)), source)
        ingest(pubmed_file(tmp_path / "b.xml", article(1, "A better title", revised=2022)), source)
        ingest(pubmed_file(tmp_path / "c.xml", article(1, "An old title", revised=2018)), source)
        row = Document.objects.get(external_id="1")
        assert (row.title, row.version) == ("A better title", 2)

    def test_a_deleted_record_is_withdrawn_and_kept_for_older_citations(self, tmp_path: Path, source: Source) -> None:
        ingest(pubmed_file(tmp_path / "a.xml", article(1)), source)
        done = ingest(pubmed_file(tmp_path / "b.xml", "<DeleteCitation><PMID>1</PMID></DeleteCitation>"), source)
        assert done.removed == 1
        assert Document.objects.get(external_id="1").withdrawn

    @pytest.mark.parametrize(
        "second",
        [
            article(1, revised=2021, types="<PublicationType>Retracted Publication</PublicationType>"),
            article(1, revised=2021, extra=related("RetractionIn", 9)),
            article(9, "Retraction of a trial", extra=related("RetractionOf", 1)),
        ],
    )
    def test_a_retracted_article_leaves_the_index_and_stays_retracted(
        self, tmp_path: Path, source: Source, second: str
    ) -> None:
        ingest(pubmed_file(tmp_path / "a.xml", article(1)), source)
        store.update()
        assert ranked("tired sailors", Filters(kinds=("article",)), limit=5, floor=False)
        ingest(pubmed_file(tmp_path / "b.xml", second), source)
        ingest(pubmed_file(tmp_path / "c.xml", article(1, revised=2023)), source)
        store.update()
        assert Document.objects.get(external_id="1").retracted
        found = ranked("tired sailors", Filters(kinds=("article",)), limit=5, floor=False)
        assert "A trial of rest" not in {one.found.title for one in found}

    def test_an_expression_of_concern_is_kept(self, tmp_path: Path, source: Source) -> None:
        ingest(pubmed_file(tmp_path / "a.xml", article(1, extra=related("ExpressionOfConcernIn", 8))), source)
        assert Document.objects.get(external_id="1").concern == "8"

    def test_the_command_tells_progress_and_faults(self, tmp_path: Path, source: Source) -> None:
        path = pubmed_file(tmp_path / "a.xml", article(1), article(2).replace("</Abstract>", ""))
        out = StringIO()
        call_command("ingest", "pubmed", str(path), "--no-vectors", stdout=out, stderr=out)
        assert "a.xml: 2 read, 1 new, 0 revised, 0 the same, 0 removed, 1 broken" in out.getvalue()
        assert "a.xml, byte " in out.getvalue()
        assert "documents indexed: 1" in out.getvalue()


class TestOtherFormats:
    def test_question_lines_are_read_and_broken_ones_told_by_line(self, tmp_path: Path) -> None:
        path = tmp_path / "q.jsonl"
        rows = [{"id": "1", "question": "What is rest?", "answer": "Lying down."}, {"question": "", "answer": "x"}]
        path.write_text("\n".join([*(json.dumps(row) for row in rows), "{not json", "[]", ""]))
        items = list(questions.read(path))
        assert isinstance(items[0], Record)
        assert [one.position for one in items if isinstance(one, Broken)] == ["line 2", "line 3", "line 4"]

    def test_one_id_for_two_questions_makes_two_documents(self, tmp_path: Path) -> None:
        path = tmp_path / "q.jsonl"
        path.write_text("".join(json.dumps({"id": "1", "question": q, "answer": "Yes."}) + "\n" for q in ("A?", "B?")))
        assert len({one.external_id for one in questions.read(path) if isinstance(one, Record)}) == 2

    def test_medlineplus_summaries_lose_their_markup_and_other_languages_are_passed_over(self, tmp_path: Path) -> None:
        topic = '<health-topic title="Rest" url="https://medlineplus.gov/rest.html" id="5" language="{}" '
        topic += 'date-created="01/31/2020"><also-called>Repose</also-called>'
        topic += "<full-summary>&lt;p&gt;Rest is &lt;b&gt;good&lt;/b&gt;.&lt;/p&gt;</full-summary></health-topic>"
        path = tmp_path / "m.xml"
        path.write_text(f"<health-topics>{topic.format('English')}{topic.format('Spanish')}</health-topics>")
        (record,) = medlineplus.read(path)
        assert isinstance(record, Record)
        assert (record.title, record.names, str(record.written)) == ("Rest", ("Repose",), "2020-01-31")
        assert record.passages == (("summary", "Rest is good."),)

    def test_html_keeps_headings_and_drops_scripts(self, tmp_path: Path) -> None:
        path = tmp_path / "g.html"
        path.write_text(
            "<title>Guide</title><script>evil()</script><h2>Dose</h2><p>Take <b>one</b>.</p><nav>menu</nav>"
        )
        (record,) = files.read_html(path)
        assert isinstance(record, Record)
        assert (record.title, record.passages) == ("Guide", (("Dose", "Take one."),))

    def test_a_file_that_is_no_pdf_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "g.pdf"
        path.write_bytes(b"not a pdf")
        (fault,) = files.read_pdf(path)
        assert isinstance(fault, Broken)

    def test_a_pdf_gives_a_passage_a_page(self, tmp_path: Path) -> None:
        path = tmp_path / "g.pdf"
        path.write_bytes(tiny_pdf("Rest for two days"))
        (record,) = files.read_pdf(path)
        assert isinstance(record, Record)
        assert record.passages == (("page 1", "Rest for two days"),)


def tiny_pdf(text: str) -> bytes:
    """A PDF of one page with one line of text."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
    parts = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(stream)}>>stream\n{stream}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(out))
        out += f"{number} 0 obj{part}endobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    start = len(out)
    out += f"xref\n0 6\n0000000000 65535 f \n{table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n{start}\n%%EOF".encode()
    return out


def test_long_texts_are_cut_at_sentences_into_passages_of_like_length() -> None:
    text = " ".join(f"This is sentence number {n} of the text." for n in range(100))
    parts = [part for _section, part in cut("answer", text)]
    assert " ".join(parts) == text
    assert all(part.endswith(".") for part in parts)
    lengths = [len(part.split()) for part in parts]
    assert max(lengths) < 260
    assert min(lengths) > 90
