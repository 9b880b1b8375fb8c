"""What one page advises and another page warns this person of, told by the library's own pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from consult.chat import personal, reply
from consult.library import loading, store
from consult.library.topics import CONTENT
from consult.safety.types import Level

pytestmark = pytest.mark.django_db
BACK = "I have low back pain, what can I do?"
TOPICS = ("low-back-pain", "nsaids", "blood-thinners", "paracetamol", "statins", "eczema")


class Kept:
    """Keeps nothing."""

    def passages(self, ids: list[str]) -> None: ...
    def model(self, identity: object) -> None: ...
    def sentence(self, position: int, number: int | None, verdict: object, raw: str) -> None: ...
    def ask(self) -> None: ...


@pytest.fixture(autouse=True)
def few_pages(tmp_path: Path, settings: object) -> None:
    """Some of the site's own pages, indexed by words."""
    settings.INDEX_DIR = tmp_path / "index"  # type: ignore[attr-defined]
    (tmp_path / "content" / "en").mkdir(parents=True)
    for name in TOPICS:
        (tmp_path / "content" / "en" / f"{name}.md").write_text((CONTENT / "en" / f"{name}.md").read_text())
    loading.load_topics(tmp_path / "content")
    store.update()


def answered(question: str, **profile: object) -> reply.Answer:
    asked = reply.Asked("1", question, "en", Level.SELF_CARE, personal.about(profile), asked_before=None)
    return reply.answer(asked, None, Kept())


def test_warfarin_in_the_profile_brings_the_caution_of_another_page_about_what_this_one_advises() -> None:
    said = answered(BACK, medicines=["Warfarin 3 mg"])
    assert "Low back pain" in said.text
    assert "blood thinner" in said.text
    assert "ibuprofen" in said.text.lower() or "NSAID" in said.text
    assert said.used == ("medicines",)


def test_it_is_cited_from_the_page_that_says_it_and_headed_by_its_name() -> None:
    text = answered(BACK, medicines=["apixaban"]).text
    heading = next(line for line in text.splitlines() if line.startswith("**") and "Low back pain" not in line)
    assert "Blood thinners" in heading or "NSAID" in heading


@pytest.mark.parametrize("medicine", ["atorvastatin", "nothing in particular", "a cream"])
def test_a_medicine_that_does_not_clash_brings_none(medicine: str) -> None:
    said = answered(BACK, medicines=[medicine])
    assert said.text == answered(BACK).text
    assert said.used == ()


def test_pregnancy_brings_what_the_page_of_the_advised_medicine_says_of_it() -> None:
    said = answered(BACK, pregnant=True)
    assert "pregnan" in said.text
    assert "pregnancy" in said.used


def test_an_illness_finds_its_item_in_a_list_that_asks_first() -> None:
    said = answered(BACK, conditions=["asthma"])
    assert "asthma" in said.text
    assert said.used == ("conditions",)


def test_where_the_page_advises_no_medicine_nothing_is_added() -> None:
    question = "How do I look after my skin with eczema?"
    assert "blood thinner" not in answered(question, medicines=["warfarin"]).text


def test_nothing_of_it_for_somebody_else() -> None:
    question = "My husband has low back pain, what can he do?"
    assert "blood thinner" not in answered(question, medicines=["warfarin"]).text
