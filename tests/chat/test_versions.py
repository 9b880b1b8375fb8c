"""A question worded anew: both versions stay, both are seen, and only the newest counts for the answer."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from consult.chat import access, actions, reply, views_of
from consult.chat.models import Conversation, Message, Reply
from consult.review import page

pytestmark = pytest.mark.django_db
Say = Callable[..., Message]
Login = Callable[[User], Client]


def reword(alice: User, old: Message, text: str) -> Message:
    return actions.post_patient_message(alice, old.conversation_id, uuid4(), text, old.pk).message


def test_nothing_is_erased(alice: User, conversation: Conversation, say: Say, login: Login) -> None:
    old = say("My knee hurts")
    reword(alice, old, "My left knee hurts since Monday")
    html = login(alice).get(f"/chat/{conversation.pk}/").content.decode()
    assert "My knee hurts" in html
    assert "My left knee hurts since Monday" in html
    assert "You changed this question later." in html
    assert "new version of an earlier question" in html


def test_the_clinician_sees_both_versions(alice: User, chen: User, conversation: Conversation, say: Say) -> None:
    old = say("I have crushing chest pain going down my left arm")
    reword(alice, old, "It was only my arm")
    case = access.open_cases_for(chen).get()
    shown = page.entries(case, chen, access.messages_after(conversation, 0))
    patients = [one for one in shown if one.author == "patient"]
    assert [one.label for one in patients] == ["Patient", "Patient · new version of an earlier question"]
    assert case.level == "emergency"  # wording it anew never lowers anything


def test_the_model_is_not_asked_with_the_old_wording(alice: User, conversation: Conversation, say: Say) -> None:
    old = say("My knee hurts")
    conversation.refresh_from_db()
    answer = actions.append(conversation, Message.Author.SOFTWARE, "Rest the knee.")
    Reply.objects.filter(question=old).update(message=answer, state=Reply.State.DONE)
    new = reword(alice, old, "My hip hurts")
    row = Reply.objects.get(question=new)
    assert "knee" not in str(reply._asked(row)).lower()


def test_only_ones_own_message_of_that_conversation_can_be_reworded(
    alice: User, bob: User, conversation: Conversation, say: Say, login: Login
) -> None:
    say("My knee hurts")
    other = actions.start_conversation(alice, language="en")
    elsewhere = actions.post_patient_message(alice, other.pk, uuid4(), "My ear hurts").message
    theirs = actions.start_conversation(bob, language="en")
    strange = actions.post_patient_message(bob, theirs.pk, uuid4(), "My toe hurts").message
    for wrong in (elsewhere.pk, strange.pk, uuid4()):
        data = {"client_id": str(uuid4()), "text": "changed", "replaces": str(wrong)}
        answer = login(alice).post(f"/chat/{conversation.pk}/messages/", data, content_type="application/json")
        assert answer.status_code == 404
    assert not Message.objects.exclude(replaces=None).exists()


def test_sent_twice_it_is_one_version(alice: User, conversation: Conversation, say: Say) -> None:
    old, client_id = say("My knee hurts"), uuid4()
    for _ in range(2):
        actions.post_patient_message(alice, conversation.pk, client_id, "My left knee hurts", old.pk)
    assert old.versions.count() == 1


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("short", "short"),
        ("a" * 60, "a" * 60),
        ("a" * 61, "a" * 59 + "…"),
        ("Since Monday " * 5, "Since Monday Since Monday Since Monday Since Monday Since…"),
        ("word, " * 20, "word, " * 9 + "word…"),
        ("one\n\n two", "one two"),
        ("疼" * 80, "疼" * 59 + "…"),
    ],
)  # fmt: skip
def test_a_title_is_cut_between_words_and_says_so(text: str, title: str) -> None:
    assert actions.title_of(text) == title
    assert len(title) <= actions.TITLE_MAX


def test_the_browsers_own_wish_for_an_icon_is_met(eve: Client, db: None) -> None:
    assert eve.get("/favicon.ico")["Location"].endswith("img/favicon.ico")


def test_views_name_the_version(alice: User, conversation: Conversation, say: Say) -> None:
    old = say("My knee hurts")
    new = reword(alice, old, "My left knee hurts")
    assert views_of.message(new, alice).replaces == old.pk
