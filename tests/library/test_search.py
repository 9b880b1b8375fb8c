"""Search: what is found, what is honestly not held, and what may be cited."""

from __future__ import annotations

from pathlib import Path

import pytest

from consult.library import loading, store
from consult.library.models import Document, Passage, Source
from consult.library.search import Hit, has_subject, search


def keys(hits: list[Hit]) -> list[str]:
    return [hit.key for hit in hits]


@pytest.mark.usefixtures("library")
class TestFinding:
    def test_home_care_comes_first_for_a_question_about_home_care(self) -> None:
        hits = search("I've had a sore throat for three days, what can I do at home?", language="en")
        assert keys(hits)[0] == "sore-throat#what-you-can-do-1"

    def test_lay_words_find_the_medical_name(self) -> None:
        assert search("water pill", language="en")[0].document_title == "Diuretics"

    def test_chinese_in_another_order_of_words_is_found(self) -> None:
        assert search("我血压高，怎么办", language="zh")[0].document_title == "高血压"

    def test_site_language_codes_are_understood(self) -> None:
        assert search("血压高", language="zh-hans")[0].document_title == "高血压"

    def test_a_misspelt_word_is_found(self) -> None:
        hits = search("bad headace", language="en")
        assert hits[0].document_title == "Headache"
        assert any("spelt nearly" in why for why in hits[0].why)

    @pytest.mark.parametrize(
        "question", ["what is the capital of France", "write a poem", "", "   ", "???", "你好", "法国的首都是哪里"]
    )
    def test_what_the_library_does_not_hold_gives_nothing(self, question: str) -> None:
        assert search(question, language="en") == search(question, language="zh") == []

    def test_a_long_story_is_reduced_to_what_matters(self) -> None:
        story = (
            "Hello doctor, thanks for reading. I was at my sister's wedding in Leeds last weekend and we danced all "
            "night and the music was very loud and the food was lovely. My uncle drove us back on Sunday in his new "
            "car. Since then I have a sore throat and it hurts to swallow, and my boss wants me at work tomorrow. "
            "The bus is always late. What can I do about it at home?"
        )
        assert search(story, language="en")[0].key == "sore-throat#what-you-can-do-1"

    def test_the_words_found_can_be_marked_in_the_text(self) -> None:
        hit = search("sore throat", language="en")[0]
        assert {hit.text[start:end].lower() for start, end in hit.highlights} >= {"sore", "throat"}

    def test_no_more_than_the_limit_comes_back(self) -> None:
        assert len(search("sore throat", language="en", limit=2)) == 2

    def test_kinds_narrow_the_search(self) -> None:
        assert search("sore throat", language="en", kinds=["article"]) == []

    def test_an_audience_narrows_the_search(self) -> None:
        assert search("sore throat", language="en", audience="adult")
        assert search("sore throat", language="en", audience="pregnant") == []


class TestWhatMayBeCited:
    def test_a_retracted_document_is_never_returned_though_the_index_holds_it(self, library: Path) -> None:
        Document.objects.filter(external_id="sore-throat").update(retracted=True)
        assert "sore-throat" not in {key.split("#")[0] for key in keys(search("sore throat", language="en"))}

    def test_a_source_that_may_not_speak_to_patients_is_silent(self, library: Path) -> None:
        Source.objects.update(speaks_to_patients=False)
        assert search("sore throat", language="en") == []

    def test_a_topic_whose_file_is_gone_is_withdrawn(self, library: Path) -> None:
        (library / "en" / "headache.md").unlink()
        assert loading.load_topics(library).withdrawn == 1
        store.update()
        assert search("headache", language="en") == []
        assert Passage.objects.filter(document__external_id="headache").exists()

    def test_nothing_is_found_before_the_first_build(self, tmp_path: Path, db: None, settings: object) -> None:
        settings.INDEX_DIR = tmp_path / "none"  # type: ignore[attr-defined]
        assert search("sore throat", language="en") == []


@pytest.mark.usefixtures("library")
def test_search_narrows_by_the_year_of_writing() -> None:
    assert search("sore throat", language="en", since=2026, until=2026)
    assert search("sore throat", language="en", since=2027) == []
    assert search("sore throat", language="en", until=2025) == []


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("question", ["Does it have side effects?", "what is the treatment"])
def test_a_question_that_names_nothing_finds_nothing(question: str) -> None:
    assert search(question, language="en") == []
    assert not has_subject(question, "en")


@pytest.mark.usefixtures("library")
def test_a_name_that_is_the_question_comes_first() -> None:
    assert search("it hurts when I swallow", language="en")[0].document_title == "Sore throat"
