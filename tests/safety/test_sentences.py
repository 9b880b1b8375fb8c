"""Cutting text into sentences while it is still being written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consult.safety.sentences import cited, split, split_complete, without_citations


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Rest helps. [1] Drink water [2]. Then sleep.", ["Rest helps. [1]", "Drink water [2].", "Then sleep."]),
        ("Take 2.5 ml, e.g. with food. See Dr. Smith.", ["Take 2.5 ml, e.g. with food.", "See Dr. Smith."]),
        ("多喝水。[1]注意休息！要睡觉吗？好", ["多喝水。[1]", "注意休息！", "要睡觉吗？", "好"]),
        ("多喝水 [1]。再看医生。", ["多喝水 [1]。", "再看医生。"]),
        ("1. Rest well.\n2. Drink\n\n- Eat soup", ["1. Rest well.", "2. Drink", "- Eat soup"]),
        ("Stop at 8 p.m. Sleep then.", ["Stop at 8 p.m.", "Sleep then."]),
        ("Wait until 8 p.m. if you can.", ["Wait until 8 p.m. if you can."]),
        ("It is E. coli. It spreads.", ["It is E. coli.", "It spreads."]),
        ('She said "rest." Then she left.', ['She said "rest."', "Then she left."]),
        ("Really?! Yes... maybe.", ["Really?!", "Yes... maybe."]),
        ("Use it [1][2]. Both [1, 3] help.", ["Use it [1][2].", "Both [1, 3] help."]),
        ("", []),
        ("  \n \n", []),
    ],
)
def test_text_is_cut_at_the_ends_of_its_sentences(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_a_sentence_is_not_given_out_before_its_citation_can_have_come() -> None:
    assert split_complete("Rest helps.") == ([], "Rest helps.")
    assert split_complete("Rest helps. [") == ([], "Rest helps. [")
    assert split_complete("Rest helps. [1] D") == (["Rest helps. [1]"], " D")


def test_a_number_that_may_go_on_is_not_cut() -> None:
    assert split_complete("Take 2.") == ([], "Take 2.")
    assert split_complete("Take 2.5 ml") == ([], "Take 2.5 ml")


PIECES = st.lists(
    st.sampled_from(
        ["Rest. ", "[1]", " ", "\n", "2.5", "多喝水。", "e.g. ", "Why? ", "- a", "Dr. Li ", "ok", ".", "【2】", "！"]
    )
)


@settings(max_examples=300, deadline=None)
@given(PIECES, st.integers(1, 7))
def test_feeding_the_text_in_pieces_cuts_it_as_feeding_it_whole(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    found: list[str] = []
    rest = ""
    for start in range(0, len(text), size):
        done, rest = split_complete(rest + text[start : start + size])
        found += done
    whole, end = split_complete(text)
    assert (found, rest) == (whole, end)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_cut_and_no_letter_of_it_is_lost(text: str) -> None:
    def letters(part: str) -> str:
        return "".join(part.split())

    assert "".join(letters(part) for part in split(text)) == letters(text)


def test_citations_are_read_in_every_form_that_models_write() -> None:
    assert cited("Rest [1]. Sleep [2, 3] 【4】 [5-7].") == (1, 2, 3, 4, 5, 6, 7)
    assert cited("No marks (1) here") == ()
    assert cited("A huge range [1-99]")[-1] <= 21


def test_marks_leave_no_trace_in_the_text() -> None:
    assert without_citations("Rest helps [1]. [2]") == "Rest helps."
    assert without_citations("多喝水【1】。") == "多喝水。"
