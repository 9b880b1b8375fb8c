"""Every address of the patient's side by every role: another patient and staff meet what is not there, Eve the door."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from consult.chat import actions
from consult.chat.models import Conversation, Message
from consult.chat.urls import urlpatterns

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]

NAMED = [one for one in urlpatterns if isinstance(one, URLPattern)]
OF_ONE = sorted(str(one.name) for one in NAMED if "pk" in one.pattern.converters)
OF_ALL = sorted(str(one.name) for one in NAMED if "pk" not in one.pattern.converters)


def address(name: str, row: Conversation) -> str:
    """With ids that exist, so that only the person decides; kinds and documents of any name."""
    converters = next(one for one in NAMED if one.name == name).pattern.converters
    values: dict[str, object] = {"pk": row.pk, "kind": "pdf"}
    return reverse(f"chat:{name}", kwargs={key: values.get(key, uuid4()) for key in converters})


@pytest.fixture
def spoken(alice: User) -> Conversation:
    row = actions.start_conversation(alice, language="en")
    actions.post_patient_message(alice, row.pk, uuid4(), "My knee hurts, markerword")
    return row


def ask(client: Client, url: str) -> list[object]:
    """By both verbs; one of them may not be allowed, which tells nobody anything."""
    sent = {"client_id": str(uuid4()), "text": "hello", "title": "mine", "days": "1", "answer": "better"}
    return [one for one in (client.get(url), client.post(url, sent)) if one.status_code != 405]


@pytest.mark.parametrize("name", OF_ONE)
def test_nobody_but_its_patient_finds_a_conversation(
    name: str, spoken: Conversation, bob: User, chen: User, olu: User, login: Login
) -> None:
    before = Message.objects.count()
    for other in (bob, chen, olu):
        answers = ask(login(other), address(name, spoken))
        assert answers
        assert {one.status_code for one in answers} <= {400, 404}, f"{other.username}"  # type: ignore[attr-defined]
        assert all(b"markerword" not in one.content for one in answers)  # type: ignore[attr-defined]
    assert Message.objects.count() == before


@pytest.mark.parametrize("name", OF_ONE + OF_ALL)
def test_signed_out_one_is_led_to_the_door(name: str, spoken: Conversation, eve: Client) -> None:
    for answer in ask(eve, address(name, spoken)):
        assert answer.status_code == 302  # type: ignore[attr-defined]
        assert answer["Location"].startswith("/account/login/")  # type: ignore[index]


@pytest.mark.parametrize("name", OF_ALL)
def test_staff_have_no_conversations_of_their_own(
    name: str, spoken: Conversation, chen: User, olu: User, login: Login
) -> None:
    for other in (chen, olu):
        assert {one.status_code for one in ask(login(other), address(name, spoken))} == {404}  # type: ignore[attr-defined]
