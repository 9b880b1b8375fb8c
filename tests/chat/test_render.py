"""Text becomes a handful of harmless tags, whoever wrote it."""

from __future__ import annotations

import pytest

from consult.chat import render

URLS = {1: "/library/en/sore-throat/"}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/a.png)",
        "[a](javascript:alert(1))",
        "<https://evil.example>",
        '"><svg onload=alert(1)>',
    ],
)
def test_nothing_that_fetches_or_runs_survives(text: str) -> None:
    for html in (render.answer(text, URLS), render.plain(text), render.sentence(text, URLS)):
        assert not any(tag in html for tag in ("<script", "<img", "<svg", "<a ", "src=x onerror=alert(1)>\n<"))


def test_a_mark_becomes_a_link_to_our_page_and_an_unknown_one_disappears() -> None:
    html = render.answer("Drink water. [1] Rest. [7]", URLS)
    assert 'href="/library/en/sore-throat/"' in html
    assert "[7]" not in html


def test_what_a_patient_typed_keeps_its_line_breaks_and_its_stars() -> None:
    assert render.plain("a\nb\n\n**c**") == "<p>a<br>b</p><p>**c**</p>"


def test_a_list_among_the_sentences_stands_apart() -> None:
    text = render.joined(["First. [1]", "- one\n- two [2]", "Last. [1]"])
    assert text == "First. [1]\n\n- one\n- two [2]\n\nLast. [1]"
    assert render.answer(text, URLS).count("<li>") == 2


def test_sentences_alone_make_one_paragraph() -> None:
    assert render.joined(["First. [1]", "Second. [1]"]) == "First. [1] Second. [1]"


def test_a_list_that_is_being_written_looks_as_it_will_stand() -> None:
    piece = "Do this:\n\n- rest\n- drink [1]"
    assert render.sentence(piece, {1: "/library/x/"}) == render.answer(piece, {1: "/library/x/"})
    assert "<ul>" in render.sentence(piece, {})
