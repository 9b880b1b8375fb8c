"""What a page without JavaScript has to do by itself: be at the right place, and tell the time."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from consult.chat.models import Conversation, Message

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
Say = Callable[..., Message]
CHEST_PAIN = "I have crushing chest pain going down my left arm"


def sent(client: Client, conversation: Conversation, text: str) -> str:
    """Where the browser goes after the form."""
    address = reverse("chat:post", args=[conversation.pk])
    return str(client.post(address, {"text": text, "client_id": str(uuid4())})["Location"])


def test_after_sending_the_page_is_at_the_message(alice: User, conversation: Conversation, login: Login) -> None:
    browser = login(alice)
    sent(browser, conversation, "hello")
    assert sent(browser, conversation, "My knee hurts").endswith(f"/chat/{conversation.pk}/#m-2")


def test_the_card_of_an_emergency_takes_the_focus_and_nothing_else_does(
    alice: User, conversation: Conversation, login: Login
) -> None:
    browser = login(alice)
    calm = sent(browser, conversation, "My knee hurts")
    assert "autofocus" not in browser.get(calm).content.decode()
    page = sent(browser, conversation, CHEST_PAIN)
    assert "#" not in page  # a place in the address would win over the focus
    card = re.search(r'<section class="care-card level-emergency"[^>]*>', browser.get(page).content.decode())
    assert card is not None
    assert "autofocus" in card[0]


def test_when_a_message_was_sent_is_told(alice: User, say: Say, conversation: Conversation, login: Login) -> None:
    say("hello")
    page = login(alice).get(reverse("chat:conversation", args=[conversation.pk])).content.decode()
    assert re.search(r"<time [^>]*data-local>[^<]*\d", page)
