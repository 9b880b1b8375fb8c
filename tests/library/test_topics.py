"""Topic files: what is accepted, what is refused, and how they are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from consult.library import topics
from tests.library.conftest import six, topic_text

GOOD = topic_text("sore-throat", "Sore throat", ["tonsillitis"], six("A sore throat"))


def test_a_good_file_keeps_its_header_and_sections() -> None:
    topic = topics.parse(GOOD)
    assert (topic.id, topic.names, topic.icd10) == ("sore-throat", ("tonsillitis",), ("J02",))
    assert list(topic.sections) == list(topics.SECTIONS)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id = "sore-throat"', 'id = "Sore Throat"', "small letters"),
        ("written = 2026-01-02", 'written = "2026-01-02"', "must be a date"),
        ('icd10 = ["J02"]', 'icd10 = ["throat"]', "is not a code"),
        ('audience = ["adult"]', 'audience = ["everyone"]', "is unknown"),
        ('audience = ["adult"]', "audience = []", "at least one value"),
        ("https://www.nhs.uk/", "http://www.nhs.uk/", "https://"),
        ('reviewed = ""', 'reviewed = ""\ncolour = "red"', "unknown 'colour'"),
        ('names = ["tonsillitis"]', "", "lacks 'names'"),
        ("## Prevention", "## Preventing it", "unknown section"),
        ("## Prevention", "## What it is", "stands twice"),
        ("A sore throat is common.", "", "is empty"),
        ("A sore throat is common.", "<script>x</script>", "HTML"),
        ("A sore throat is common.", "![a](b.png)", "HTML and images"),
    ],
)
def test_a_faulty_file_is_refused_with_its_fault(old: str, new: str, fault: str) -> None:
    text = GOOD.replace("names = ['tonsillitis']", 'names = ["tonsillitis"]')
    assert old in text
    with pytest.raises(topics.TopicError, match=fault):
        topics.parse(text.replace(old, new, 1))


def test_sections_out_of_order_are_refused() -> None:
    swapped = GOOD.replace("## What it is", "## X").replace("## What you can do", "## What it is")
    with pytest.raises(topics.TopicError, match="not in the fixed order"):
        topics.parse(swapped.replace("## X", "## What you can do"))


def test_every_fault_of_the_header_is_told_at_once() -> None:
    with pytest.raises(topics.TopicError) as caught:
        topics.parse(GOOD.replace('"adult"', '"robot"').replace('"J02"', '"?"'))
    assert len(caught.value.faults) == 2


def test_the_file_must_be_named_for_its_topic(tmp_path: Path) -> None:
    folder = tmp_path / "en"
    folder.mkdir()
    (folder / "cough.md").write_text(GOOD)
    with pytest.raises(topics.TopicError, match="file's name"):
        topics.load(folder / "cough.md")


def test_a_list_stays_with_the_sentence_that_introduces_it() -> None:
    body = "Call now if you have a sore throat and:\n\n- you drool\n- you can't breathe\n\n" + "Other words. " * 60
    first, *_rest = topics.cut("emergency-signs", body)
    assert first.text.startswith("Call now")
    assert "can't breathe" in first.text


def test_long_sections_are_cut_between_paragraphs_into_passages_with_stable_keys() -> None:
    body = "\n\n".join(f"Paragraph {n}" + " word" * 40 for n in range(5))
    pieces = list(topics.cut("what-it-is", body))
    assert [one.key("flu") for one in pieces] == [f"flu#what-it-is-{n}" for n in range(1, len(pieces) + 1)]
    assert all(topics.words_in(one.text) <= topics.PASSAGE_WORDS for one in pieces)
    assert "\n\n".join(one.markup for one in pieces) == body.strip()


def test_passage_text_has_no_link_marks() -> None:
    assert topics.plain("See [high fever](fever-adult) **now**.") == "See high fever now."


def test_chinese_is_measured_by_characters() -> None:
    assert topics.words_in("高血压很常见") == 4


def test_every_topic_of_the_library_can_be_read() -> None:
    faults = [str(one) for one in topics.load_all() if isinstance(one, topics.TopicError)]
    assert faults == []
