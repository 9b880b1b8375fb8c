"""``manage.py evaluate_answers`` on a small set: the figures, the page, and what is not there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consult.chat.evaluation import answers
from tests.library.conftest import content, library

pytestmark = pytest.mark.django_db
__all__ = ["content", "library"]
QUESTIONS = ["What helps a sore throat?", "I have a headache, what <b>now</b>?", "What is the price of gold?"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "kqa").mkdir(parents=True)
    (folder / "kqa" / "questions.jsonl").write_text("\n".join(json.dumps({"Question": one}) for one in QUESTIONS))
    return folder


@pytest.mark.usefixtures("library")
def test_answers_are_counted_and_shown_and_missing_sets_named(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    said = io.StringIO()
    call_command("evaluate_answers", data=data, out=tmp_path / "out", no_model=True, stdout=io.StringIO(), stderr=said)
    assert "medicationqa" in said.getvalue()
    report: dict[str, Any] = json.loads((tmp_path / "out" / "answers.json").read_text())
    figures = report["sets"]["all"]
    assert figures["questions"] == 3
    assert figures["composed"]["passages"]["part"] == 2
    assert figures["composed"]["none"]["part"] == 1
    assert figures["citations_right"]["share"] == 1.0
    page = (tmp_path / "out" / "answers.html").read_text()
    assert "&lt;b&gt;now" in page
    assert "<b>now" not in page
    assert "What is wrong with them" in page


def test_nothing_to_measure_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not measured"):
        call_command("evaluate_answers", data=tmp_path, no_model=True)


def test_the_same_seed_asks_the_same_questions(data: Path) -> None:
    assert answers.sample(data, 2) == answers.sample(data, 2)
    assert len(answers.sample(data, 2)[0]) == 2


@pytest.mark.parametrize(
    ("line", "held"),
    [("Rest helps a sore throat.", 1.0), ("Take 400 mg.", 0.0), ("Take ibuprofen.", 0.0), ("Bananas cure gout.", 0.0)],
)
def test_support_is_judged_by_words_numbers_and_medicines(line: str, held: float) -> None:
    assert answers.share_held(line, "Sore throat. Rest helps a sore throat. Take 200 mg.") == held
