"""What is said about waiting is what was seen, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from consult.chat import actions, heartbeat, waiting
from consult.chat.models import Case, Conversation, Message, Reply

pytestmark = pytest.mark.django_db
Say = Callable[..., Message]


def queued(conversation: Conversation) -> Reply:
    return Reply.objects.get(conversation=conversation, state=Reply.State.QUEUED)


def test_with_no_model_at_work_it_says_so(conversation: Conversation, say: Say) -> None:
    say("My knee hurts")
    assert "not ready now" in waiting.for_answer(queued(conversation))


def test_where_nothing_was_seen_nothing_is_promised(conversation: Conversation, say: Say) -> None:
    say("My knee hurts")
    heartbeat.beat("worker-llm@x", "worker-llm", ready=True)
    assert waiting.for_answer(queued(conversation)) == ""


def test_the_estimate_grows_with_the_line(conversation: Conversation, say: Say, bob: User) -> None:
    heartbeat.beat("worker-llm@x", "worker-llm", ready=True)
    question = say("My knee hurts")
    now = timezone.now()
    Reply.objects.create(
        conversation=conversation, question=question, state=Reply.State.DONE, started_at=now - timedelta(minutes=3),
        finished_at=now,
    )  # fmt: skip
    row = queued(conversation)
    assert waiting.for_answer(row) == "about 3 min"
    Reply.objects.create(conversation=conversation, question=question, queued_at=now - timedelta(minutes=1))
    assert waiting.place_in_line(row) == 1
    assert waiting.for_answer(row) == "about 6 min"


def test_the_request_for_a_person_is_followed(alice: User, chen: User, conversation: Conversation, say: Say) -> None:
    say("I would rather talk to someone")
    assert waiting.request_status(conversation) == ""
    actions.request_person(alice, conversation.pk)
    conversation.refresh_from_db()
    assert waiting.request_status(conversation).startswith("A clinician has been told · answer by ")
    Case.objects.update(seen_at=timezone.now())
    assert waiting.request_status(conversation).startswith("A clinician has seen your request")
    Case.objects.update(claimed_by=chen, due_at=timezone.now() - timedelta(minutes=1))
    assert waiting.request_status(conversation) == "Seen by Dr Chen · it takes longer than planned"
    conversation.holder = chen
    assert waiting.request_status(conversation) == "Dr Chen is with you"


@pytest.mark.parametrize(("minutes", "words"), [(0.1, "about 1 min"), (14.6, "about 15 min"), (500, "some hours")])
def test_no_estimate_is_more_exact_than_it_is(minutes: float, words: str) -> None:
    assert waiting.in_words(minutes) == words
