"""Alice has written, and a case is in the queue."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from accounts.models import User
from consult.chat import actions as chat
from consult.chat import lease
from consult.chat.models import Case, Conversation, Message, Reply
from consult.safety.types import Reason, Verdict

Say = Callable[[str], Message]
CHEST_PAIN = "I have crushing chest pain going down my left arm"
BLOOD = "There is blood in my pee since yesterday"
SORE_THROAT = "I've had a sore throat for three days, what can I do at home?"


@pytest.fixture
def conversation(alice: User) -> Conversation:
    return chat.start_conversation(alice, language="en")


@pytest.fixture
def say(alice: User, conversation: Conversation) -> Say:
    """Alice writes; the message comes back."""
    return lambda text: chat.post_patient_message(alice, conversation.pk, uuid4(), text).message


@pytest.fixture
def case(say: Say) -> Case:
    """An emergency of Alice's, waiting."""
    say(CHEST_PAIN)
    return Case.objects.get()


@pytest.fixture
def draft(say: Say) -> Reply:
    """An answer to an urgent question that waits for approval; one of its sentences was refused."""
    say(BLOOD)
    reply = lease.claim(Reply.objects.get(supervised=True).pk)
    assert reply is not None
    lease.store_sentence(reply, 0, 0, Verdict(True, "Blood in urine is checked within a day."), "")
    refused = Verdict(False, "", (), (Reason("diagnosis", "A diagnosis stated as fact."),))
    lease.store_sentence(reply, 1, None, refused, "You have cystitis.")
    lease.finish(reply, text="Blood in urine is checked within a day.", draft="both sentences", composed="model")
    reply.refresh_from_db()
    return reply
