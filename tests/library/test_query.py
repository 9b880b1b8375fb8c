"""From a message to a query; distances; and the metrics of the evaluation."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from consult.library import lexicon, query
from consult.library.evaluation import beir, sets
from consult.library.retrieval import distance

HELD = {"sore": 5, "throat": 5, "ankl": 3, "ice": 4, "喉咙": 3, "咙痛": 3}


def frequency(term: str) -> tuple[int, int]:
    return HELD.get(term, 0), HELD.get(term, 0)


def read(message: str, language: str = "en", **more: bool) -> query.Query:
    return query.read(message, language, frequency, 100, **more)


def surfaces(one: query.Query) -> list[str]:
    return [term.surface for term in one.terms]


def test_fillers_go_and_known_phrases_stay_together() -> None:
    assert surfaces(read("Hello doctor, I've had a sore throat for 3 days, what can I do?")) == ["sore throat"]


def test_a_phrase_brings_its_other_names() -> None:
    (term,) = read("high blood pressure").terms
    assert lexicon.stem("hypertension") in term.alternatives


def test_chinese_phrases_are_found_inside_a_sentence() -> None:
    found = read("我最近嗓子疼，应该怎么办？", "zh")
    assert surfaces(found) == ["嗓子疼"]
    assert ("喉咙", "咙痛") in found.terms[0].alternatives


def test_the_section_that_is_asked_for_is_seen_in_both_languages() -> None:
    assert "what-you-can-do" in read("sore throat, what can I do at home").sections
    assert "prevention" in read("怎么预防感冒", "zh").sections


LONG = "We drove to Wales. " + " ".join(f"Blah{n} blub{n} happened." for n in range(12)) + " Will ice help my ankle?"


def test_a_long_message_keeps_what_the_library_knows() -> None:
    found = read(LONG)
    assert found.reduced
    assert surfaces(found) == ["ice", "ankle"]
    assert found.text == "Will ice help my ankle?"


def test_reduction_can_be_turned_off() -> None:
    assert len(read(LONG, reduce=False).terms) > query.LONG_QUERY


@pytest.mark.parametrize("message", ["", "   ", "?!…", "the and of", "\ud800", "💊💊", "a" * 5000, "12345"])
def test_odd_messages_make_an_empty_or_small_query(message: str) -> None:
    assert len(read(message).terms) <= 1
    assert len(read(message, "zh").terms) <= 1


@pytest.mark.parametrize(
    ("one", "other", "edits"), [("a", "a", 0), ("headace", "headache", 1), ("ab", "ba", 1), ("cat", "dog", 3)]
)
def test_distances_count_swaps_as_one(one: str, other: str, edits: int) -> None:
    assert distance(one, other, 3) == edits
    assert distance(other, one, 3) == edits


def test_metrics_are_those_of_beir() -> None:
    got = beir.metrics(["x", "a", "y", "b"], {"a": 1, "b": 1, "c": 1})
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert got["ndcg@10"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert got["recall@10"] == pytest.approx(2 / 3)
    assert got["mrr@10"] == 0.5
    assert got["hit@3"] == 1.0
    assert beir.metrics([], {"a": 1})["ndcg@10"] == 0.0


def test_a_set_can_be_written_and_read_again(tmp_path: Path) -> None:
    one = beir.Set("s", [{"_id": "1", "text": "t"}], [{"_id": "q", "text": "?"}], {"q": {"1": 2}})
    beir.write(one, tmp_path)
    again = beir.read(tmp_path / "corpus.jsonl", tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")
    assert (again.corpus, again.queries, again.qrels) == (one.corpus, one.queries, one.qrels)


def test_at_least_three_hundred_wordings_are_measured_and_name_topics_by_their_ids() -> None:
    lines = [
        line for language in ("en", "zh") for line in (sets.HERE / f"queries_{language}.tsv").read_text().splitlines()
    ]
    assert len(lines) >= 300
    assert len({line.split("\t")[0] for line in lines}) == len(lines)
    assert not sets.library("en").notes


def test_a_chinese_word_that_nobody_uses_is_searched_by_its_characters() -> None:
    held = {"戒烟", "烟", "戒"}
    (term,) = query.read("怎么才能把烟戒了", "zh", lambda one: (5 * (one in held), 0), 100).terms
    assert (term.terms, term.apart) == (("烟", "戒"), True)
