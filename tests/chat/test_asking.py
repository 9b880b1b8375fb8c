"""The question before an answer, as the patient meets it; and what an answer says to this patient in particular."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import Profile, User
from consult.chat import reply, tasks, views_of
from consult.chat.models import Conversation, Message, Reply
from llm.fake import FakeEngine
from llm.types import EngineDown
from tests.chat.test_answer import run as answer_rows
from tests.conftest import Login
from tests.library.conftest import content, six, topic_text

pytestmark = pytest.mark.django_db
__all__ = ["answer_rows", "content"]
Say = Callable[..., Message]
FEVER = "My daughter has a fever, what can I do?"
PAINKILLER = "Can I take ibuprofen for a headache?"


@pytest.fixture
def library(content: Path, tmp_path: Path, db: None, settings: object) -> Path:
    """A small library in which age, pregnancy and time matter."""
    from consult.library import loading, store

    fever = six("A fever")
    fever[1] = "Drink plenty with a fever. See a doctor today if a baby under 3 months old has a fever."
    head = six("A headache")
    head[2] = "See a doctor if a headache lasts for more than 3 weeks."
    head[4] = (
        "Ibuprofen can ease a headache.\n\nPregnant women must not take ibuprofen.\n\nIbuprofen is taken with food."
    )
    folder = content / "en"
    text = topic_text("fever", "Fever", ["high temperature", "my daughter has a fever"], fever)
    (folder / "fever.md").write_text(text.replace('["adult"]', '["adult", "child"]'))
    (folder / "headache.md").write_text(topic_text("headache", "Headache", ["head pain"], head))
    settings.INDEX_DIR = tmp_path / "index"  # type: ignore[attr-defined]
    loading.load_topics(content)
    store.update()
    return content


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, library: Path) -> Callable[[], Reply]:
    """Let a worker whose model says nothing of use write the reply in line."""

    def once() -> Reply:
        monkeypatch.setattr(tasks, "engine", lambda: FakeEngine("You certainly have cancer."))
        row = Reply.objects.get(state=Reply.State.QUEUED)
        tasks.generate_reply(str(row.pk))
        row.refresh_from_db()
        return row

    return once


Run = Callable[[], Reply]


def words(row: Reply) -> str:
    assert row.message is not None
    return row.message.body


def test_what_would_change_the_answer_is_asked_first_and_the_model_is_not(say: Say, run: Run) -> None:
    say(FEVER)
    row = run()
    assert (row.state, row.composed, row.base_model) == (Reply.State.DONE, "asked", "")
    assert "How old is the child?" in words(row)
    assert "I'm not sure" in words(row)


def test_the_answer_to_our_question_answers_the_one_before(say: Say, run: Run) -> None:
    say(FEVER)
    run()
    say("My child is between 5 and 11 years old.")
    row = run()
    assert row.composed == "passages"
    assert "Fever" in words(row)


def test_not_sure_is_an_answer_and_the_same_is_never_asked_again(say: Say, run: Run) -> None:
    say(FEVER)
    run()
    say("I'm not sure how old.")
    assert "Fever" in words(run())
    say("And my son has a fever too, what can I do?")
    assert run().composed == "passages"


def test_a_young_baby_with_fever_is_raised_by_the_answer_that_was_pressed(say: Say, run: Run) -> None:
    say(FEVER)
    run()
    assert say("My child is 2 months old or younger.").level in ("urgent", "emergency")


def test_after_three_questions_of_ours_there_is_help(
    say: Say, run: Run, monkeypatch: pytest.MonkeyPatch, conversation: Conversation
) -> None:
    keys = iter(["ask_since", "ask_child_age", "ask_pregnant", "ask_medicine"])
    monkeypatch.setattr(reply.asks, "question", lambda *args: next(keys))
    say("My head, a headache.")
    for _n in range(3):
        assert run().composed == "asked"
        say("I'm not sure about a headache.")
    assert run().composed == "passages"


def test_nobody_who_must_be_seen_soon_is_asked(say: Say, run: Run, conversation: Conversation) -> None:
    Conversation.objects.update(level="urgent")
    say(FEVER)
    Reply.objects.update(supervised=False)
    assert run().composed == "passages"


def test_choices_are_buttons_of_the_composer_for_the_patient_alone(
    say: Say, run: Run, alice: User, chen: User, login: Login, conversation: Conversation
) -> None:
    say(FEVER)
    row = run()
    assert row.message is not None
    assert "card-choices" not in views_of.message(row.message, chen).html
    page = login(alice).get(reverse("chat:conversation", args=[conversation.pk])).content.decode()
    assert page.count('form="composer"') == 6
    assert "Standard question" in page


def test_pressing_a_choice_sends_it_without_javascript_and_loses_nothing_typed(
    say: Say, run: Run, alice: User, login: Login, conversation: Conversation
) -> None:
    say(FEVER)
    run()
    data = {"client_id": uuid4(), "choice": "My child is between 1 and 4 years old.", "text": "She also coughs."}
    assert login(alice).post(reverse("chat:post", args=[conversation.pk]), data).status_code == 302
    last = conversation.messages.filter(author_kind="patient").last()
    assert last is not None
    assert last.body == "My child is between 1 and 4 years old.\nShe also coughs."
    assert "card-choices" not in login(alice).get(reverse("chat:conversation", args=[conversation.pk])).content.decode()


def test_bob_presses_nothing_in_alices_conversation(
    say: Say, bob: User, login: Login, conversation: Conversation
) -> None:
    data = {"client_id": uuid4(), "choice": "Yes, pregnant or trying to become pregnant."}
    assert login(bob).post(reverse("chat:post", args=[conversation.pk]), data).status_code == 404
    assert not conversation.messages.exists()


def test_a_shared_pregnancy_spares_the_question_and_its_caution_comes_first(say: Say, run: Run, alice: User) -> None:
    Profile.objects.create(user=alice, data={"pregnant": True}, share_with_model=True)
    say(PAINKILLER)
    row = run()
    assert row.composed == "passages"
    assert words(row).index("Pregnant women must not") < words(row).index("can ease")
    assert row.used == ["pregnancy"]
    assert row.message is not None
    assert "I used: pregnancy." in views_of.message(row.message, alice).html


def test_a_pregnancy_that_is_not_shared_is_neither_used_nor_told(say: Say, run: Run, alice: User) -> None:
    Profile.objects.create(user=alice, data={"pregnant": True}, share_with_model=False)
    say(PAINKILLER)
    assert run().composed == "asked"
    say("Not pregnant and not breastfeeding.")
    assert run().used == []


def test_a_medicine_that_the_library_does_not_hold_is_named_as_it_was_written(say: Say, run: Run, alice: User) -> None:
    say("Can I take Zorbifexa with a sore throat?")
    row = run()
    assert words(row).startswith("Our library has nothing about Zorbifexa")
    assert "pharmacist" in words(row)
    assert "**Sore throat" in words(row)
    say("Can I take <b>Zorbifexa</b> tablets with a sore throat?")
    row = run()
    assert row.message is not None
    assert "<b>" not in views_of.message(row.message, alice).html


def test_a_medicine_that_it_holds_elsewhere_is_not_passed_over(say: Say, run: Run, alice: User) -> None:
    Profile.objects.create(user=alice, data={"sex": "male"}, share_with_model=True)
    say("What helps a sore throat while I take diuretics?")
    row = run()
    assert "**Sore throat" in words(row)
    assert "**Diuretics" in words(row)


def test_offline_there_is_nobody_to_ask_so_it_answers_and_says_what_it_would_have_asked(
    answer_rows: Callable[..., list[dict[str, object]]], library: Path
) -> None:
    rows = answer_rows({"id": 1, "text": FEVER}, {"id": 2, "text": "What helps a sore throat?"}, engine=EngineDown(""))
    assert [row["would_ask"] for row in rows] == ["ask_child_age", ""]
    assert [row["composed"] for row in rows] == ["passages", "passages"]
