"""A conversation of Alice's."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from accounts.models import User
from consult.chat import actions
from consult.chat.models import Conversation, Message

Say = Callable[..., Message]


@pytest.fixture
def conversation(alice: User) -> Conversation:
    return actions.start_conversation(alice, language="en")


@pytest.fixture
def say(alice: User, conversation: Conversation) -> Say:
    """Alice writes; the message comes back."""

    def post(text: str, client_id: UUID | None = None) -> Message:
        return actions.post_patient_message(alice, conversation.pk, client_id or uuid4(), text).message

    return post
