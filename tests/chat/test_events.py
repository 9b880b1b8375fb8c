"""What a page is told while an answer is written: sentences that were let through, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from consult.chat import events, lease
from consult.chat.models import Conversation, Message, Reply
from consult.safety.types import Reason, Verdict

pytestmark = pytest.mark.django_db
Say = Callable[..., Message]
REFUSED = "Your lump is certainly nothing."
ALLOWED = "Drink plenty of water."


@pytest.fixture
def writing(say: Say) -> Reply:
    """An answer whose first sentence was refused."""
    say("What helps against a sore throat?")
    claimed = lease.claim(Reply.objects.get().pk, "worker")
    assert claimed is not None
    refusal = Verdict(False, REFUSED, (), (Reason("reassurance", "It says that nothing is wrong."),))
    assert lease.store_sentence(claimed, 0, None, refusal, REFUSED)
    return claimed


def test_a_page_that_opens_meanwhile_gets_no_refused_sentence(
    writing: Reply, alice: User, conversation: Conversation
) -> None:
    frame = events.snapshot(events.Cursor(conversation.pk, alice))
    assert frame.reply is not None
    assert frame.reply.sentences == []


def test_an_open_page_is_told_of_the_sentences_after_a_refused_one_and_not_of_it(
    writing: Reply, alice: User, conversation: Conversation
) -> None:
    cursor = events.Cursor(conversation.pk, alice)
    assert [frame.type for frame in events.news(cursor)] == ["message.created", "reply.started"]
    lease.store_sentence(writing, 1, 0, Verdict(True, ALLOWED, (), ()), ALLOWED)
    (chunk,) = events.news(cursor)
    assert (chunk.type, chunk.number, chunk.html) == ("reply.chunk", 0, ALLOWED)  # type: ignore[union-attr]
    assert events.news(cursor) == []
    frame = events.snapshot(events.Cursor(conversation.pk, alice))
    assert frame.reply is not None
    assert frame.reply.sentences == [ALLOWED]
