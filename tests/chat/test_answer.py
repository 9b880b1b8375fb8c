"""``manage.py answer``: rows of a file go the way of the chat, offline."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consult.chat import reply, tasks
from consult.chat.models import Conversation, Reply
from llm.fake import FakeEngine
from llm.types import EngineDown, RequestRefused
from tests.library.conftest import content, library

pytestmark = pytest.mark.django_db
__all__ = ["content", "library"]  # the small library of its own tests
GOOD = "A sore throat is common. [1] Rest with a sore throat. [2] Drink plenty. [2]"
SORE = {"id": "a", "text": "What helps a sore throat?"}
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], library: Path) -> Run:
    """Answer these rows (or lines); what was printed comes back, and complaints lie in ``run.said``."""

    def answer(*rows: object, engine: object = None, **options: object) -> list[dict[str, Any]]:
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in rows))
        if isinstance(engine, Exception):

            def missing() -> None:
                raise engine

            monkeypatch.setattr(tasks, "engine", missing)
        else:
            monkeypatch.setattr(tasks, "engine", lambda: engine or FakeEngine(GOOD))
        out, complaints = io.StringIO(), io.StringIO()
        try:
            call_command("answer", path, stdout=out, stderr=complaints, **options)
        finally:
            answer.said = complaints.getvalue()  # type: ignore[attr-defined]
            answer.lines = [json.loads(line) for line in out.getvalue().splitlines()]  # type: ignore[attr-defined]
        return answer.lines  # type: ignore[attr-defined,no-any-return]

    return answer


def test_a_row_is_answered_by_the_model_with_its_sources(run: Run) -> None:
    (row,) = run(SORE)
    assert list(row) == [
        "id", "level", "text", "citations", "composed", "would_ask", "refused", "model", "adapter", "ms",
    ]  # fmt: skip
    assert (row["id"], row["level"], row["model"]) == ("a", "self_care", "fake")
    assert {one["title"] for one in row["citations"]} == {"Sore throat"}
    assert "[1]" in row["text"]
    assert "gets worse" in row["text"]  # what the page adds under every answer


def test_nothing_is_stored(run: Run) -> None:
    run(SORE)
    assert not Conversation.objects.exists()
    assert not Reply.objects.exists()


def test_an_emergency_gets_the_fixed_card_and_the_model_is_not_asked(run: Run) -> None:
    engine = FakeEngine(GOOD)
    (row,) = run({"id": 1, "text": "I have crushing chest pain and my left arm is numb"}, engine=engine)
    assert (row["level"], row["composed"], row["model"]) == ("emergency", "fixed", "")
    assert not engine.requests


def test_what_the_guard_refused_is_told_with_its_reasons(run: Run) -> None:
    (row,) = run(SORE, engine=FakeEngine("You have strep throat. " + GOOD))
    assert "strep" not in row["text"]
    assert row["refused"][0]["reasons"]


def test_a_bad_row_is_named_by_its_line_and_the_others_go_on(run: Run) -> None:
    bad = ["{broken", "[1]", json.dumps({"text": "no id"}), json.dumps({"id": 1, "text": 5}), json.dumps({"id": 1}),
           json.dumps({"id": 1, "text": "x" * 20_001}), json.dumps({"id": 1, "turns": [{"role": "assistant",
           "text": "hello"}]}), json.dumps({"id": 1, "text": "hi", "profile": {"shoe": 41}})]  # fmt: skip
    with pytest.raises(CommandError, match="8 of the rows"):
        run(*bad, SORE)
    said = run.said  # type: ignore[attr-defined]
    assert [line.split(":")[0] for line in said.splitlines()] == [f"line {number}" for number in range(1, 9)]
    assert "no id" not in said  # no words of a row
    assert [row["id"] for row in run.lines] == ["a"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["x" * 20_000, "血压高" * 6_000, "😀" * 20_000, "sore throat \ud83d help?", "\x00 ?!"])
def test_any_text_up_to_twenty_thousand_characters_is_answered(run: Run, text: str) -> None:
    (row,) = run({"id": 1, "text": text})
    assert row["text"]


def test_without_weights_it_says_so_and_the_passages_answer(run: Run) -> None:
    (row,) = run(SORE, engine=EngineDown("no weights"))
    assert (row["composed"], row["model"]) == ("passages", "")
    assert "no model" in run.said  # type: ignore[attr-defined]
    assert "Rest with" in row["text"]


def test_no_model_asks_for_no_engine(run: Run) -> None:
    (row,) = run(SORE, engine=EngineDown("never asked"), no_model=True)
    assert row["composed"] == "passages"
    assert run.said == ""  # type: ignore[attr-defined]


def test_a_question_that_is_too_long_for_the_model_is_answered_by_the_passages(run: Run) -> None:
    (row,) = run(SORE, engine=FakeEngine(RequestRefused("too long")))
    assert row["composed"] == "passages"


def test_earlier_turns_reach_the_prompt_and_a_shared_profile_too(run: Run) -> None:
    engine = FakeEngine(GOOD)
    turns = [{"role": "user", "text": "I have a cough"}, {"role": "assistant", "text": "A cough is common. [1]"},
             {"role": "user", "text": "And what helps a sore throat?"}]  # fmt: skip
    run({"id": 1, "turns": turns, "profile": {"age_years": 41, "pregnant": True}}, engine=engine)
    prompt = [message.content for message in engine.requests[0].messages]
    assert prompt[1:3] == ["I have a cough", "A cough is common."]
    assert "age 41; pregnant" in prompt[-1]


def test_a_long_question_is_cut_in_the_middle_for_the_model(run: Run) -> None:
    engine = FakeEngine(GOOD)
    run(
        {"id": 1, "text": "A sore throat. " + "and then it was so " * 600 + "Is it a sore throat?"},
        engine=engine,
    )
    question = engine.requests[0].messages[-1].content
    assert "A sore throat." in question
    assert "Is it a sore throat?" in question
    assert question.count("then") < 600
    assert reply.QUESTION_CHARS < 11_000


def test_what_the_library_does_not_hold_is_said(run: Run) -> None:
    (row,) = run({"id": 1, "text": "How do I change the tyre of my car?"})
    assert (row["composed"], row["citations"]) == ("none", [])


def test_a_chinese_question_is_answered_in_chinese_by_the_passages(run: Run) -> None:
    (row,) = run({"id": 1, "text": "血压高怎么办？"})
    assert row["composed"] == "passages"
    assert "少吃盐" in row["text"]
    assert row["citations"][0]["section"] == "您可以做什么"


def test_a_question_that_names_nothing_is_searched_with_the_turn_before_it(run: Run) -> None:
    turns = [{"role": "user", "text": "I have a sore throat"}, {"role": "assistant", "text": "It is common. [1]"},
             {"role": "user", "text": "what can I do at home?"}]  # fmt: skip
    (row,) = run({"id": 1, "turns": turns}, no_model=True)
    assert row["composed"] == "passages"
    assert row["text"].startswith("**Sore throat: What you can do**\n\n- Rest with")


@pytest.mark.parametrize("text", ["Are there any side effects of this medication?", "What is the treatment?"])
def test_a_question_that_names_nothing_at_all_is_asked_what_it_is_about(run: Run, text: str) -> None:
    (row,) = run({"id": 1, "text": text})
    assert row["composed"] == "none"
    assert row["text"].startswith("What is it about?")
