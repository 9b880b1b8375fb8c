"""Check on me: asked once when it is due, mailed only where chosen and without a word of health, answered once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import consent
from accounts.models import AuditEntry, User
from consult.chat import followup, tasks
from consult.chat.models import Case, Conversation, FollowUp, Message, Reply

pytestmark = pytest.mark.django_db
Say = Callable[..., Message]
Login = Callable[[User], Client]


@pytest.fixture
def wished(alice: User, conversation: Conversation, say: Say) -> FollowUp:
    """Alice spoke of her knee and wants to be asked tomorrow, by mail too."""
    say("My knee hurts on stairs")
    alice.email = "alice@example.org"
    alice.save()
    followup.wish(alice, conversation.pk, 1, by_mail=True)
    return FollowUp.objects.get()


def come_due(row: FollowUp) -> None:
    FollowUp.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def asked(wished: FollowUp) -> FollowUp:
    come_due(wished)
    followup.ask_those_due()
    wished.refresh_from_db()
    return wished


def cards(conversation: Conversation) -> list[Message]:
    return list(conversation.messages.filter(kind="card"))


def test_nothing_is_asked_before_its_time(wished: FollowUp, conversation: Conversation) -> None:
    followup.ask_those_due()
    assert cards(conversation) == []


def test_the_question_stands_in_the_conversation_once_however_often_anybody_looks(
    asked: FollowUp, conversation: Conversation
) -> None:
    followup.ask_those_due()
    followup._ask(asked)
    assert [one.body.split("\n")[0] for one in cards(conversation)] == ["How is it now?"]


def test_it_is_asked_with_the_broker_away(
    wished: FollowUp, conversation: Conversation, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:  # fmt: skip
    """The sweeper runs in every worker's own thread; an announcement that fails is healed by the page."""
    monkeypatch.setattr("consult.chat.events.get_channel_layer", lambda: None)
    come_due(wished)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        tasks.sweep()
    assert len(cards(conversation)) == 1


def test_the_start_page_asks_too(asked: FollowUp, alice: User, bob: User, login: Login) -> None:
    address = f"/chat/{asked.conversation_id}/how/"
    assert address in login(alice).get("/chat/").content.decode()
    assert address not in login(bob).get("/chat/").content.decode()


def test_never_mind_is_never_mind(wished: FollowUp, alice: User, conversation: Conversation, login: Login) -> None:
    login(alice).post(f"/chat/{conversation.pk}/check-on-me/", {"days": "0"})
    come_due(wished)
    followup.ask_those_due()
    assert cards(conversation) == []
    assert followup.open_for(conversation) is None


def test_a_second_wish_takes_the_place_of_the_first(wished: FollowUp, alice: User, conversation: Conversation) -> None:
    followup.wish(alice, conversation.pk, 3)
    row = followup.open_for(conversation)
    assert row is not None
    assert row.due_at > timezone.now() + timedelta(days=2)
    assert FollowUp.objects.filter(state=FollowUp.State.DROPPED).count() == 1


@pytest.mark.parametrize("days", ["2", "-1", "x", "", "99999999999"])
def test_other_days_are_refused(alice: User, conversation: Conversation, login: Login, days: str) -> None:
    assert login(alice).post(f"/chat/{conversation.pk}/check-on-me/", {"days": days}).status_code == 400


def test_somebody_who_took_the_agreement_back_is_left_alone(
    wished: FollowUp, alice: User, conversation: Conversation
) -> None:
    consent.withdraw(alice)
    come_due(wished)
    followup.ask_those_due()
    assert cards(conversation) == []


# --- mail --------------------------------------------------------------------------------------------------------


def test_the_mail_says_that_there_is_a_message_and_nothing_else(asked: FollowUp) -> None:
    followup.send_mails()
    followup.send_mails()
    assert len(mail.outbox) == 1
    sent = mail.outbox[0]
    assert sent.to == ["alice@example.org"]
    text = f"{sent.subject}\n{sent.body}"
    assert "Consult has a message for you" in text
    for word in ("knee", "stairs", str(asked.conversation_id), "How is it", "Alice", "chat"):
        assert word not in text


def test_without_the_wish_or_without_an_address_no_mail_goes_out(
    alice: User, conversation: Conversation, say: Say
) -> None:
    say("My knee hurts")
    followup.wish(alice, conversation.pk, 1, by_mail=True)  # she has no address
    row = FollowUp.objects.get()
    come_due(row)
    followup.ask_those_due()
    followup.send_mails()
    assert len(cards(conversation)) == 1
    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_tried_again_later_and_not_for_ever(
    asked: FollowUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def away(*args: object) -> None:
        tries.append(args)
        raise SMTPServerDisconnected

    monkeypatch.setattr(followup, "send_mail", away)
    followup.send_mails()
    followup.send_mails()
    assert len(tries) == 1  # not again at once
    for _ in range(5):
        FollowUp.objects.update(mail_next_at=timezone.now())
        followup.send_mails()
    assert len(tries) == followup.MAIL_TRIES


def test_a_worker_killed_between_claim_and_mail_leaves_it_to_the_next(asked: FollowUp) -> None:
    FollowUp.objects.update(mail_tries=1, mail_next_at=timezone.now() - timedelta(seconds=1))
    followup.send_mails()
    assert len(mail.outbox) == 1


# --- the answer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["better", "same"])
def test_better_and_the_same_are_noted_and_wake_no_model(
    asked: FollowUp, alice: User, conversation: Conversation, login: Login, given: str
) -> None:
    before = Reply.objects.count()
    login(alice).post(f"/chat/{conversation.pk}/how/", {"answer": given})
    asked.refresh_from_db()
    assert asked.answer == given
    assert conversation.messages.last().author_kind == "system"  # type: ignore[union-attr]
    assert Reply.objects.count() == before


def test_worse_goes_through_triage_and_a_person_is_offered(
    asked: FollowUp, alice: User, conversation: Conversation, login: Login
) -> None:
    login(alice).post(f"/chat/{conversation.pk}/how/", {"answer": "worse"})
    said = conversation.messages.filter(author_kind="patient").last()
    assert said is not None
    assert said.assessment.level
    assert '"#person"' in str([one.card for one in cards(conversation)]).replace("'", '"')


def test_words_with_a_red_flag_get_the_emergency_card_whatever_was_ticked(
    asked: FollowUp, alice: User, conversation: Conversation, login: Login
) -> None:
    words = "I have crushing chest pain going down my left arm"
    login(alice).post(f"/chat/{conversation.pk}/how/", {"answer": "better", "words": words})
    assert Case.objects.get().level == "emergency"
    assert conversation.messages.filter(kind="card", level="emergency").exists()


def test_an_answer_sent_twice_counts_once(asked: FollowUp, alice: User, conversation: Conversation) -> None:
    followup.answer(alice, conversation.pk, "worse", "")
    count = conversation.messages.count()
    followup.answer(alice, conversation.pk, "worse", "")
    assert conversation.messages.count() == count
    assert AuditEntry.objects.filter(action="follow_up.answered").count() == 1


def test_words_that_cannot_be_taken_are_explained_and_kept_in_the_field(
    asked: FollowUp, alice: User, conversation: Conversation, login: Login
) -> None:
    page = login(alice).post(f"/chat/{conversation.pk}/how/", {"answer": "same", "words": "a" * 10_000})
    assert page.status_code == 400
    assert "shorten" in page.content.decode()
    assert "a" * 10_000 in page.content.decode()
    asked.refresh_from_db()
    assert asked.state == FollowUp.State.ASKED
    assert login(alice).post(f"/chat/{conversation.pk}/how/", {}).status_code == 400


def test_the_answer_lies_encrypted(asked: FollowUp, alice: User, conversation: Conversation) -> None:
    from django.db import connection

    followup.answer(alice, conversation.pk, "better", "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM chat_followup")
        assert b"better" not in bytes(cursor.fetchone()[0])


def test_nobody_else_can_wish_or_answer(
    asked: FollowUp, conversation: Conversation, bob: User, chen: User, olu: User, login: Login, eve: Client
) -> None:
    for path, data in (("how", {"answer": "better"}), ("check-on-me", {"days": "0"})):
        for other in (bob, chen, olu):
            assert login(other).post(f"/chat/{conversation.pk}/{path}/", data).status_code == 404
        assert eve.post(f"/chat/{conversation.pk}/{path}/", data).status_code == 302
    asked.refresh_from_db()
    assert asked.state == FollowUp.State.ASKED
