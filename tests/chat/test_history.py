"""Earlier conversations: found by their words, named, taken along, and only ever one's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.test import Client

from accounts.models import AuditEntry, User
from consult.chat import actions, history
from consult.chat.models import Conversation

Login = Callable[[User], Client]


def asked(user: User, text: str) -> Conversation:
    conversation = actions.start_conversation(user, language="en")
    actions.post_patient_message(user, conversation.pk, uuid.uuid4(), text)
    conversation.refresh_from_db()
    return conversation


def test_a_conversation_is_found_by_any_of_its_words_in_any_order(alice: User) -> None:
    knee, _sleep = asked(alice, "My knee hurts on stairs"), asked(alice, "I sleep badly")
    assert history.find(alice, "STAIRS knee") == [knee]
    assert history.find(alice, "knee badly") == []
    assert len(history.find(alice, "")) == 2


def test_chinese_words_are_found(alice: User) -> None:
    row = asked(alice, "我嗓子疼了三天")
    assert history.find(alice, "嗓子") == [row]


def test_nobody_finds_the_words_of_another_patient(alice: User, bob: User, login: Login) -> None:
    asked(alice, "My knee hurts on stairs")
    assert history.find(bob, "knee") == []
    assert "My knee" not in login(bob).post("/chat/search/", {"q": "stairs"}).content.decode()
    assert "My knee" in login(alice).post("/chat/search/", {"q": "stairs"}).content.decode()


def test_the_list_says_when_nothing_is_found_and_keeps_the_query(alice: User, login: Login) -> None:
    asked(alice, "My knee hurts")
    page = login(alice).post("/chat/search/", {"q": '"><script>'}).content.decode()
    assert "Nothing found" in page
    assert 'value="&quot;&gt;&lt;script&gt;"' in page


def test_a_conversation_gets_a_name(alice: User, login: Login) -> None:
    row = asked(alice, "My knee hurts")
    login(alice).post(f"/chat/{row.pk}/name/", {"title": "  Knee,\n left  "})
    row.refresh_from_db()
    assert row.title == "Knee, left"
    login(alice).post(f"/chat/{row.pk}/name/", {"title": " "})
    row.refresh_from_db()
    assert row.title == "Knee, left"


def test_others_cannot_name_it(alice: User, bob: User, chen: User, olu: User, login: Login) -> None:
    row = asked(alice, "I have crushing chest pain going down my left arm")
    for other in (bob, chen, olu):
        assert login(other).post(f"/chat/{row.pk}/name/", {"title": "mine"}).status_code in (302, 404)
    row.refresh_from_db()
    assert row.title != "mine"


def test_a_patient_says_whether_an_answer_helped(alice: User, login: Login) -> None:
    row = asked(alice, "I have crushing chest pain going down my left arm")
    card = row.messages.get(kind="card")
    given = {"message": str(card.pk), "helpful": "no", "reason": "hard_to_understand"}
    assert login(alice).post(f"/chat/{row.pk}/rate/", given).status_code == 204
    entry = AuditEntry.objects.get(action="answer.rated")
    assert entry.detail == {"helpful": False, "reason": "hard_to_understand"}
    assert entry.target_id == str(card.pk)


def test_only_known_reasons_and_only_answers_of_ones_own_are_rated(alice: User, bob: User, login: Login) -> None:
    row = asked(alice, "I have crushing chest pain going down my left arm")
    card, own = row.messages.get(kind="card"), row.messages.get(author_kind="patient")
    address = f"/chat/{row.pk}/rate/"
    assert login(alice).post(address, {"message": str(card.pk), "reason": "my words"}).status_code == 400
    assert login(alice).post(address, {"message": "x"}).status_code == 400
    assert login(alice).post(address, {"message": str(own.pk)}).status_code == 404
    assert login(bob).post(address, {"message": str(card.pk)}).status_code == 404
    assert not AuditEntry.objects.filter(action="answer.rated").exists()
