"""The measures of an answer say what they claim."""

from __future__ import annotations

from typing import Any

import pytest

from llm.evaluate import metrics

ROW: dict[str, Any] = {
    "cited": [2],
    "passages": [
        ["Sunburn", "Keep out of the sun."],
        ["Burns", "Hold a burn under cool running water for 20 minutes."],
    ],
}
LACKING = {**ROW, "cited": []}


def test_a_copied_sentence_with_its_number_is_supported_and_rightly_cited() -> None:
    one = metrics.judge(ROW, "Hold a burn under cool running water for 20 minutes. [2]", stopped=True)
    assert (one.sentences, one.supported, one.cited_right) == (1, 1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        "Hold a burn under cool running water for 30 minutes. [2]",
        "Hold a burn under cool running water for 20 minutes. [1]",
        "Hold a burn under cool running water for 20 minutes.",
        "Hold a burn under cool running water for 20 minutes. [7]",
        "Put butter and toothpaste on every burn at once. [2]",
    ],
    ids=["another number", "another passage", "no citation", "no such passage", "invented"],
)
def test_anything_else_is_not_supported(answer: str) -> None:
    assert metrics.judge(ROW, answer, stopped=True).supported == 0


def test_a_refusal_counts_only_without_claims_beside_it() -> None:
    good = metrics.judge(LACKING, "The library does not say.", stopped=True)
    bad = metrics.judge(LACKING, "The library does not say. Drink lemon juice.", stopped=True)
    figures = metrics.summary([good, bad])
    assert figures["refused_where_not_held"]["share"] == 0.5


def test_a_sentence_said_twice_is_a_repetition() -> None:
    twice = "Keep out of the sun. [1] Keep out of the sun. [1]"
    assert metrics.judge(ROW, twice, stopped=False).repeats
    assert not metrics.judge(ROW, "Keep out of the sun. [1]", stopped=True).repeats


def test_intervals_hold_the_share_and_shrink_with_more_rows() -> None:
    low, high = metrics.wilson(9, 10)
    wide = high - low
    assert low < 0.9 < high
    low, high = metrics.wilson(900, 1000)
    assert high - low < wide
    assert metrics.wilson(0, 0) == (0.0, 1.0)
