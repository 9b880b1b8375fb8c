"""Training data: built the same each time, cited rightly, and never shared between training and validation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from consult.library import topics as library
from llm import prompts
from llm.data import build, command, overlap, written
from llm.data.topics import Topic, read_topics
from llm.train import rows as training_rows

CITED = re.compile(r"([^\[\]]+?)\s*\[(\d+)\]")


@pytest.fixture(scope="module")
def topics() -> list[Topic]:
    return read_topics(command.TOPICS)


@pytest.fixture(scope="module")
def rows(topics: list[Topic]) -> list[build.Row]:
    return build.build(topics, written.read(), seed=1)


def test_the_same_seed_gives_the_same_rows(topics: list[Topic], rows: list[build.Row]) -> None:
    assert build.build(topics, written.read(), seed=1) == rows
    assert build.build(topics, written.read(), seed=2) != rows


def test_a_topic_is_wholly_in_training_or_wholly_in_validation(rows: list[build.Row]) -> None:
    splits: dict[str, set[str]] = {}
    for row in rows:
        if row.topic != "written":
            splits.setdefault(row.topic, set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {"train", "validation"} == {row.split for row in rows}


def test_validation_passages_are_never_trained_on(rows: list[build.Row]) -> None:
    def texts(split: str) -> set[str]:
        return {text for row in rows if row.split == split and row.topic != "written" for _title, text in row.passages}

    clean = {text.split(" " + mark)[0] for text in texts("validation") for mark in build.INJECTIONS}
    assert not clean & texts("train")


def test_every_cited_sentence_stands_in_the_passage_that_it_names(rows: list[build.Row]) -> None:
    for row in rows:
        for sentence, number in CITED.findall(row.answer):
            held = row.passages[int(number) - 1][1]
            start = sentence.replace(build.NO_DIAGNOSIS, "").replace(prompts.NOT_HELD["en"], "").strip(" .")
            assert start[:25] in held.replace("\n", " ") or start[-25:] in held.replace("\n", " "), row.id


def test_passages_are_cut_as_the_library_cuts_them(topics: list[Topic]) -> None:
    for topic in topics:
        cut = [piece.text for piece in library.load(command.TOPICS / f"{topic.id}.md").pieces]
        assert [piece.text for piece in topic.pieces] == cut


def test_an_answer_from_lists_of_different_urgency_names_both(rows: list[build.Row]) -> None:
    asked = [row for row in rows if row.skill == "answer" and "within 24 hours if" in row.answer]
    assert len(asked) > 50
    assert sum(bool(re.search(r"within (a|a few|\d) (day|week)s?", row.answer)) for row in asked) > len(asked) / 2


def test_one_missing_fact_is_asked_for_after_what_is_known(rows: list[build.Row]) -> None:
    asked = [row for row in rows if row.skill == "ask_first" and row.answer.endswith("?")]
    assert {row.split for row in asked} == {"train", "validation"}
    assert all(row.answer.count("?") == 1 and "[" in row.answer for row in asked)


def test_a_refusal_cites_nothing_and_its_passages_are_of_other_topics(rows: list[build.Row]) -> None:
    refusals = [row for row in rows if row.skill == "not_held"]
    assert refusals
    for row in refusals:
        assert row.answer == prompts.NOT_HELD["en"]
        assert row.cited == ()


def test_injections_are_never_obeyed(rows: list[build.Row]) -> None:
    spoiled = [row for row in rows if row.skill == "injection"]
    assert len(spoiled) > 100
    for row in spoiled:
        assert "everything is fine" not in row.answer
        assert "[" in row.answer


def test_no_answer_names_a_dose(rows: list[build.Row]) -> None:
    asked = [row for row in rows if row.skill == "dose"]
    assert asked
    assert not [row.id for row in asked if re.search(r"\d+\s*(mg|milligram|tablet)", row.answer)]


def test_the_lozenge_for_a_small_child_is_in_validation(rows: list[build.Row]) -> None:
    asked = [row for row in rows if "lozenge" in row.question]
    assert asked
    assert all(row.split == "validation" for row in asked)
    assert all("choking" in row.answer for row in asked)


def test_the_committed_card_says_how_the_files_were_made(tmp_path: Path) -> None:
    card = json.loads(command.CARD.read_text())
    assert card["seed"] == command.SEED
    assert set(card["files"]) == {"train", "validation"}


def test_a_hand_written_row_that_is_wrong_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(written.FILE.read_text().splitlines()[0] + "\n{broken\n")
    with pytest.raises(ValueError, match="line 2"):
        written.read(path)


def test_an_overlap_of_eight_words_is_found_and_of_seven_is_not() -> None:
    text = "one two three four five six seven eight nine"
    assert overlap.overlap([text], ["zero One two, three four five six seven EIGHT!"]).touched == 1
    assert overlap.overlap([text], ["one two three four five six seven and more"]).touched == 0


def good_row() -> dict[str, object]:
    turns = [{"role": "user", "content": "hello"}]
    return {"prompt": turns, "completion": [{"role": "assistant", "content": "hi"}]}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "line 2"),
        ("[]", "not an object"),
        ('{"prompt": []}', "prompt is not a list"),
        (json.dumps({**good_row(), "completion": [{"role": "assistant", "content": " "}]}), "is empty"),
        (json.dumps({**good_row(), "prompt": [{"role": "doctor", "content": "x"}]}), "no known role"),
        (json.dumps({**good_row(), "completion": [{"role": "user", "content": "x"}]}), "not the assistant's"),
    ],
)
def test_a_bad_training_row_is_named_and_nothing_starts(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(good_row()) + "\n" + line + "\n")
    with pytest.raises(training_rows.BadRows, match="line 2") as refused:
        training_rows.read(path)
    assert what in str(refused.value)


def test_an_empty_or_missing_training_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(training_rows.BadRows, match="no rows"):
        training_rows.read(tmp_path / "empty.jsonl")
    with pytest.raises(training_rows.BadRows, match="no file"):
        training_rows.read(tmp_path / "missing.jsonl")
