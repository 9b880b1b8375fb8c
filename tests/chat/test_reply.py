"""Writing an answer: from a queued row to its end state, with a scripted model and the real guard and library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from consult.chat import actions, lease, reply, sweeper, tasks, views_of
from consult.chat.models import Case, Conversation, Message, Reply
from llm.fake import FakeEngine
from llm.types import EngineBusy, EngineDown, RequestRefused

pytestmark = pytest.mark.django_db
Say = Callable[..., Message]
QUESTION = "I've had a sore throat for three days, what can I do at home?"


@dataclass(frozen=True)
class Hit:
    """A search result, as the library gives it."""

    passage_id: object
    document_title: str
    text: str
    section: str = ""
    score: float = 1.0
    audience: tuple[str, ...] = ()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> list[Hit]:
    """The library holds these two passages; a test may empty the list."""
    hits = [
        Hit(uuid4(), "Sore throat", "A sore throat normally gets better within a week."),
        Hit(uuid4(), "Sore throat", "Drink plenty of water. Gargle with warm salty water to ease a sore throat."),
    ]
    monkeypatch.setattr(reply.library, "search", lambda *args, **kwargs: hits)
    return hits


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, library: list[Hit]) -> Callable[[FakeEngine], Reply]:
    """Run the task for the only reply with that engine, as a worker would."""

    def with_engine(engine: FakeEngine) -> Reply:
        monkeypatch.setattr(tasks, "engine", lambda: engine)
        row = Reply.objects.get(state=Reply.State.QUEUED)
        tasks.generate_reply(str(row.pk))
        row.refresh_from_db()
        return row

    return with_engine


Run = Callable[[FakeEngine], Reply]
GOOD = "A sore throat normally gets better within a week. [1] Gargle with warm salty water to ease a sore throat. [2]"


def test_a_supported_answer_is_finished_with_its_sources(say: Say, run: Run, conversation: Conversation) -> None:
    say(QUESTION)
    row = run(FakeEngine(GOOD))
    assert (row.state, row.composed) == (Reply.State.DONE, "model")
    assert row.message is not None
    assert "[1]" in row.message.body
    assert "[2]" in row.message.body
    assert row.base_model == "fake"
    assert len(row.passages) == 2
    assert row.first_sentence_at is not None


def test_sources_are_numbered_as_the_reader_meets_them(say: Say, run: Run, library: list[Hit]) -> None:
    say(QUESTION)
    gargle, better = (
        "Gargle with warm salty water to ease a sore throat.",
        "A sore throat normally gets better within a week.",
    )
    second_first = f"{gargle} [2] {better} [1]"
    row = run(FakeEngine(second_first))
    assert row.message is not None
    assert row.message.body.index("[1]") < row.message.body.index("[2]")
    assert row.message.body.startswith("Gargle with warm salty water to ease a sore throat. [1]")
    assert row.passages == [str(library[1].passage_id), str(library[0].passage_id)]


def test_a_refused_sentence_is_kept_for_staff_and_not_shown(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine("You have strep throat. " + GOOD + " Take 500 mg amoxicillin twice a day. [1]"))
    assert row.message is not None
    assert "amoxicillin" not in row.message.body
    assert "strep" not in row.message.body
    refused = [sentence for sentence in row.sentences.all() if sentence.number is None]
    assert any("amoxicillin" in sentence.text for sentence in refused)
    assert all(sentence.reasons for sentence in refused)


def test_when_nothing_of_the_model_is_left_the_passages_answer(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine("You certainly have cancer. Do not see a doctor."))
    assert row.composed == "passages"
    assert row.message is not None
    assert "salty water" in row.message.body
    assert "cancer" not in row.message.body


def test_a_single_sentence_of_the_model_is_filled_up_from_the_passages(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine("A sore throat normally gets better within a week. [1]"))
    assert row.composed == "passages"
    assert row.message is not None
    assert row.message.body.startswith("A sore throat normally gets better within a week. [1]")
    assert "salty water" in row.message.body


def test_when_the_library_holds_nothing_it_says_so_and_the_model_is_not_asked(
    say: Say, run: Run, library: list[Hit]
) -> None:
    library.clear()
    say(QUESTION)
    engine = FakeEngine(GOOD)
    row = run(engine)
    assert (row.state, row.composed) == (Reply.State.DONE, "none")
    assert not engine.requests
    assert row.message is not None
    assert row.message.body


def test_a_supervised_answer_waits_and_the_patient_sees_nothing_of_it(
    say: Say, run: Run, conversation: Conversation
) -> None:
    message = say(QUESTION)
    Reply.objects.update(supervised=True)
    row = run(FakeEngine(GOOD))
    assert row.state == Reply.State.WAITING_APPROVAL
    assert row.message is None
    assert "salty" in row.final
    assert conversation.messages.last() == message


def test_every_answer_says_what_to_do_if_it_gets_worse(say: Say, run: Run, alice: User) -> None:
    say(QUESTION)
    row = run(FakeEngine(GOOD))
    assert row.message is not None
    assert "worsening" in views_of.message(row.message, alice).html
    assert "gets worse" in views_of.message(row.message, alice).html
    assert "gets worse" not in row.message.body  # the application's words, not the model's


def test_an_answer_that_leaves_out_the_best_passage_is_filled_up(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine("Drink plenty of water. [2] Gargle with warm salty water to ease a sore throat. [2]"))
    assert row.composed == "passages"
    assert row.message is not None
    assert "within a week" in row.message.body


def test_a_chinese_question_on_an_english_page_is_answered_in_chinese(
    say: Say, run: Run, library: list[Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(reply.library, "search", lambda *args, language, **rest: asked.append(language) or [])
    say("嗓子疼了三天，在家可以怎么办？")
    row = run(FakeEngine(GOOD))
    assert asked == ["zh"]
    assert row.message is not None
    assert any("一" <= letter <= "鿿" for letter in row.message.body)


def test_a_language_that_the_model_does_not_write_is_answered_by_the_passages(
    say: Say, run: Run, library: list[Hit]
) -> None:
    library[:] = [Hit(uuid4(), "喉咙痛", "喉咙痛通常在一周内好转。多喝水可以缓解喉咙痛。")]
    say("喉咙痛怎么缓解？")
    engine = FakeEngine("胡言乱语。[1]")
    row = run(engine)
    assert not engine.requests
    assert row.composed == "passages"


def test_a_second_task_for_the_same_row_does_nothing(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine(GOOD))
    tasks.generate_reply(str(row.pk))
    assert Message.objects.filter(author_kind="software").count() == 1


def test_once_a_clinician_has_the_conversation_the_model_writes_nothing_more(
    say: Say, run: Run, conversation: Conversation, chen: User
) -> None:
    say(QUESTION)

    def taken_in_the_middle(request: object) -> str:
        open_reply = Reply.objects.get()
        Conversation.objects.update(holder=chen)
        actions.end_reply(Conversation.objects.get(), open_reply, Reply.State.WITHHELD)
        return GOOD

    row = run(FakeEngine(taken_in_the_middle))
    assert row.state == Reply.State.WITHHELD
    assert not Message.objects.filter(author_kind="software").exists()
    assert not row.sentences.exists()


def test_a_held_conversation_is_not_claimed_by_a_worker(say: Say, conversation: Conversation, chen: User) -> None:
    say(QUESTION)
    Conversation.objects.update(holder=chen)
    assert lease.claim(Reply.objects.get().pk) is None


def test_a_busy_model_costs_no_attempt(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine(EngineBusy(30)))
    assert (row.state, row.attempt) == (Reply.State.QUEUED, 0)


def test_a_model_that_dies_is_tried_three_times_and_then_a_clinician_is_told(say: Say, run: Run) -> None:
    say(QUESTION)
    for _attempt in range(3):
        row = run(FakeEngine(EngineDown("gone")))
    assert row.state == Reply.State.FAILED
    assert Case.objects.get().cause == Case.Cause.FAILED
    assert Message.objects.filter(kind="notice").count() == 1


def test_a_request_that_the_model_refuses_fails_at_once(say: Say, run: Run) -> None:
    say(QUESTION)
    assert run(FakeEngine(RequestRefused("too long"))).state == Reply.State.FAILED


def test_a_second_attempt_starts_from_the_beginning(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine(GOOD, fail_after=12))
    assert row.state == Reply.State.QUEUED
    row = run(FakeEngine(GOOD))
    assert row.state == Reply.State.DONE
    assert row.message is not None
    assert row.message.body.count("salty water") == 1


def test_a_dead_workers_reply_goes_back_in_line_and_the_dead_one_writes_nothing(say: Say, library: list[Hit]) -> None:
    say(QUESTION)
    dead = lease.claim(Reply.objects.get().pk)
    assert dead is not None
    Reply.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()
    assert Reply.objects.get().state == Reply.State.QUEUED
    again = lease.claim(dead.pk)
    assert again is not None
    assert again.attempt == 2
    assert not lease.is_mine(dead)
    assert not lease.finish(dead, text="late", draft="", composed="model")
    assert lease.finish(again, text="in time", draft="", composed="model")


def test_a_worker_that_starts_again_takes_back_what_it_was_writing(say: Say, library: list[Hit]) -> None:
    say(QUESTION)
    lease.claim(Reply.objects.get().pk, "worker-llm@a")
    lease.take_back_from("worker-llm@b")
    assert Reply.objects.get().state == Reply.State.RUNNING
    lease.take_back_from("worker-llm@a")
    assert Reply.objects.get().state == Reply.State.QUEUED


def test_a_sign_of_life_keeps_the_replies_of_that_process_alone(say: Say, library: list[Hit]) -> None:
    say(QUESTION)
    lease.claim(Reply.objects.get().pk, "worker-llm@a")
    past = timezone.now() - timedelta(seconds=1)
    Reply.objects.update(lease_until=past)
    lease.renew_all("worker-llm@b")
    assert Reply.objects.get().lease_until == past
    lease.renew_all("worker-llm@a")
    sweeper.sweep()
    assert Reply.objects.get().state == Reply.State.RUNNING


def test_a_model_that_has_lost_the_thread_is_not_listened_to_for_ever(say: Say, run: Run) -> None:
    say(QUESTION)
    engine = FakeEngine(" ".join(f"You have disease number {n}." for n in range(100)))
    row = run(engine)
    assert engine.cancelled
    assert row.sentences.filter(number=None).count() == reply.REFUSED_MAX
    assert row.composed == "passages"


def test_a_reply_that_waited_too_long_fails_for_all_to_see(say: Say) -> None:
    say(QUESTION)
    Reply.objects.update(queued_at=timezone.now() - timedelta(minutes=11))
    sweeper.sweep()
    assert Reply.objects.get().state == Reply.State.FAILED
    assert Case.objects.exists()


def test_the_prompt_holds_passages_and_question_and_only_what_the_patient_shares(
    say: Say, run: Run, alice: User
) -> None:
    from accounts.models import Profile

    Profile.objects.create(user=alice, data={"age_years": 34, "conditions": ["Markerwort"]}, share_with_model=False)
    say(QUESTION)
    engine = FakeEngine(GOOD)
    run(engine)
    prompt = " ".join(message.content for message in engine.requests[0].messages)
    assert "warm salty water" in prompt
    assert QUESTION in prompt
    assert "Markerwort" not in prompt


def test_what_is_agreed_to_be_shared_reaches_the_model(say: Say, run: Run, alice: User) -> None:
    from accounts.models import Profile

    Profile.objects.create(user=alice, data={"age_years": 34, "conditions": ["asthma"]}, share_with_model=True)
    say(QUESTION)
    engine = FakeEngine(GOOD)
    run(engine)
    assert "asthma" in engine.requests[0].messages[-1].content


def test_an_answer_says_which_shared_fields_it_used_and_only_those(say: Say, run: Run, alice: User) -> None:
    from accounts.models import Profile

    profile = Profile.objects.create(
        user=alice, data={"sex": "female", "conditions": ["asthma"]}, share_with_model=True
    )
    say(QUESTION)
    row = run(FakeEngine(GOOD))
    assert row.message is not None
    assert "I used: your sex, your long-term illnesses." in views_of.message(row.message, alice).html
    profile.share_with_model = False
    profile.save()
    say(QUESTION)
    row = run(FakeEngine(GOOD))
    assert row.message is not None
    assert "I used" not in views_of.message(row.message, alice).html


def test_a_model_that_finds_no_answer_does_not_say_so_above_the_passages(say: Say, run: Run) -> None:
    say(QUESTION)
    row = run(FakeEngine("The library does not say."))
    assert row.composed == "passages"
    assert row.message is not None
    assert "does not say" not in row.message.body
