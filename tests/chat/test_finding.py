"""What is found for an answer: every passage once, and each medicine of the question with the passages about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import uuid4

import pytest

from consult.chat import finding, personal
from consult.library import search
from consult.library.search import Hit


def hit(title: str, text: str) -> Hit:
    return Hit(
        passage_id=uuid4(),
        key=title,
        document_title=title,
        section="",
        text=text,
        source="",
        reviewed="",
        written=None,
        url="",
        score=1.0,
        why=(),
        highlights=(),
    )


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``library(find, pages)``: what each text is answered with, and the medicine pages' titles and other names."""

    def hold(find: Callable[[str], list[Hit]], pages: Mapping[str, list[str]] | None = None) -> None:
        listed = [(uuid4(), title, names) for title, names in (pages or {}).items()]
        monkeypatch.setattr(search, "search", lambda text, **_: find(text))
        monkeypatch.setattr(search, "medicine_pages", lambda _language: listed)
        monkeypatch.setattr(search, "has_subject", lambda *_: True)

    return hold


def test_a_passage_found_again_for_the_medicine_stays_one_passage(library: Callable[..., None]) -> None:
    page = hit("Antibiotics", "Feeling sick is a common side effect of amoxicillin.")
    other = hit("Chest infection", "Rest, and drink plenty of water.")
    library(lambda text: [replace(page, score=0.4)] if "side effects" in text else [other, page])
    found = finding.find("Does amoxicillin help a chest infection?", "en", "", personal.About())
    assert found.hits == [other, page]
    assert found.medicines == ((2,),)
    assert found.lacking == ()


def test_a_page_with_the_medicine_among_its_names_is_about_it(library: Callable[..., None]) -> None:
    page = hit("Antibiotics", "Feeling sick is a common side effect.")
    library(lambda _: [page], {"Antibiotics": ["amoxicillin", "doxycycline"]})
    found = finding.find("What are the side effects of amoxicillin?", "en", "", personal.About())
    assert found.medicines == ((1,),)
    assert found.lacking == ()


def test_a_passage_of_another_medicine_is_not_taken_for_the_one_asked_about(library: Callable[..., None]) -> None:
    """Search gives its nearest passage for any name."""
    nearest = hit("Antibiotics", "Feeling sick is a common side effect.")
    pressure = hit("High blood pressure", "Eat less salt.")
    library(lambda text: [pressure] if "pressure" in text else [nearest], {"Antibiotics": ["amoxicillin"]})
    found = finding.find("Does rivaroxaban help high blood pressure?", "en", "", personal.About())
    assert found.hits == [pressure]
    assert found.lacking == ("rivaroxaban",)


def test_pages_of_other_medicines_do_not_answer_for_one_that_is_not_held(library: Callable[..., None]) -> None:
    other = hit("Antibiotics", "Take them with food.")
    library(lambda _: [other], {"Antibiotics": ["amoxicillin"]})
    found = finding.find("How is rivaroxaban taken?", "en", "", personal.About())
    assert found.hits == []
    assert found.lacking == (), "nothing is answered, so nothing is passed over"


def test_a_medicine_spelt_nearly_so_is_held(library: Callable[..., None]) -> None:
    page = hit("Antibiotics", "Feeling sick is a common side effect.")
    library(lambda _: [page], {"Antibiotics": ["amoxicillin"]})
    found = finding.find("What are the side effects of amoxicilin?", "en", "", personal.About())
    assert found.medicines == ((1,),)
    assert found.lacking == ()
