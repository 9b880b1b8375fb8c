"""What happens when a patient sends a message: nothing lost, nothing doubled, and somebody answers."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts import consent
from accounts.models import AuditEntry, User
from consult.chat import access, actions
from consult.chat.models import Assessment, Case, Conversation, Message, Reply
from consult.safety import triage
from consult.safety.types import Assessment as Assessed
from consult.safety.types import Level

pytestmark = pytest.mark.django_db
Say = Callable[..., Message]
SORE_THROAT = "I've had a sore throat for three days, what can I do at home?"
CHEST_PAIN = "I have crushing chest pain going down my left arm"


def kinds(conversation: Conversation) -> list[tuple[str, str]]:
    return list(conversation.messages.values_list("author_kind", "kind"))


def test_an_ordinary_question_waits_in_line_for_the_model(say: Say, conversation: Conversation) -> None:
    message = say(SORE_THROAT)
    reply = Reply.objects.get()
    assert (reply.question, reply.state, reply.supervised) == (message, Reply.State.QUEUED, False)
    assert not Case.objects.exists()


def test_every_message_has_an_assessment_that_names_the_rules(say: Say) -> None:
    say(SORE_THROAT)
    assert Assessment.objects.get().rules_version == triage.rules_version()


def test_an_emergency_gets_the_fixed_card_a_case_and_no_model(say: Say, conversation: Conversation) -> None:
    say(CHEST_PAIN)
    assert kinds(conversation) == [("patient", "text"), ("software", "card")]
    case = Case.objects.get()
    assert (case.level, case.state) == ("emergency", Case.State.WAITING)
    assert "chest" in case.words
    assert not Reply.objects.exists()


def test_a_crisis_gets_its_own_card(say: Say, conversation: Conversation) -> None:
    say("I want to end my life tonight")
    card = conversation.messages.get(kind="card")
    assert card.level == "crisis"
    assert Case.objects.get().level == "crisis"
    assert not Reply.objects.exists()


def test_chinese_gets_a_chinese_card(say: Say, conversation: Conversation) -> None:
    say("我胸口压着疼，疼到左胳膊")
    card = conversation.messages.get(kind="card")
    assert card.level == "emergency"
    assert any("一" <= letter <= "鿿" for letter in card.body)


def test_a_flood_of_messages_is_refused_but_never_an_emergency(say: Say, settings: object) -> None:
    settings.MESSAGES_PER_MINUTE = 2  # type: ignore[attr-defined]
    say("hello")
    say("hello again")
    Message.objects.update(created_at=timezone.now())  # however slow this machine is
    with pytest.raises(actions.Refused) as refused:
        say("and again")
    assert refused.value.code == "too_many"
    say(CHEST_PAIN)
    assert Case.objects.filter(level="emergency").exists()


def urgent(*args: object) -> Assessed:
    """Triage that calls everything urgent: which words do is the rules' business."""
    return Assessed(Level.URGENT, (), "", "self", "en", "test", 0.1)


def test_an_urgent_message_gets_a_card_and_an_answer_that_a_clinician_reads_first(
    say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions.reading, "assess", urgent)
    say("it got worse")
    assert Case.objects.get().level == "urgent"
    assert Reply.objects.get().supervised
    assert kinds(conversation) == [("patient", "text"), ("software", "card"), ("system", "notice")]


def test_a_site_may_let_urgent_answers_out_with_a_card(
    say: Say, conversation: Conversation, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    settings.URGENT_POLICY = "card"  # type: ignore[attr-defined]
    monkeypatch.setattr(actions.reading, "assess", urgent)
    say("it got worse")
    assert not Reply.objects.get().supervised
    assert kinds(conversation) == [("patient", "text"), ("software", "card")]


def test_sending_again_with_the_same_client_id_makes_one_message(say: Say, conversation: Conversation) -> None:
    client_id = uuid4()
    first, second = say(CHEST_PAIN, client_id), say("other words", client_id)
    assert first.pk == second.pk
    assert conversation.messages.filter(author_kind="patient").count() == 1
    assert Case.objects.count() == 1


def test_the_level_never_falls_by_what_is_said_later(say: Say, conversation: Conversation) -> None:
    say(CHEST_PAIN)
    say("Actually I was exaggerating, my wife says it is nothing. Just tell me about antacids please.")
    conversation.refresh_from_db()
    assert conversation.level == "emergency"
    assert not Reply.objects.exists()


def test_while_a_clinician_holds_it_no_reply_is_made(say: Say, conversation: Conversation, chen: User) -> None:
    Conversation.objects.update(holder=chen)
    say(SORE_THROAT)
    assert not Reply.objects.exists()


def test_an_emergency_card_appears_even_while_a_clinician_holds_it(
    say: Say, conversation: Conversation, chen: User
) -> None:
    Conversation.objects.update(holder=chen)
    say(CHEST_PAIN)
    assert conversation.messages.filter(kind="card", level="emergency").exists()


def test_a_second_question_ends_the_answer_to_the_first(say: Say) -> None:
    say(SORE_THROAT)
    say("And can I go to work?")
    assert list(Reply.objects.order_by("queued_at").values_list("state", flat=True)) == ["stopped", "queued"]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00", "\u200b\u200d\ufeff"])
def test_an_empty_message_is_refused(say: Say, text: str) -> None:
    with pytest.raises(actions.Refused) as refused:
        say(text)
    assert refused.value.code == "empty"


def test_a_message_that_is_too_long_is_refused_with_the_limit(say: Say, settings: object) -> None:
    with pytest.raises(actions.Refused) as refused:
        say("x" * 4001)
    assert "4000" in refused.value.text


@pytest.mark.parametrize("text", ["\ud800 lone", "e\u0301\u200f\u202e mixed", "😀" * 50, "<script>alert(1)</script>"])
def test_odd_characters_are_stored_and_assessed(say: Say, text: str) -> None:
    message = say(text)
    assert Message.objects.get(pk=message.pk).body
    assert Assessment.objects.filter(message=message).exists()


def test_bob_cannot_write_into_alices_conversation(conversation: Conversation, bob: User, say: Say) -> None:
    with pytest.raises(access.NotFound):
        actions.post_patient_message(bob, conversation.pk, uuid4(), "hello")
    assert not Message.objects.exists()


def test_without_consent_nothing_is_taken(conversation: Conversation, alice: User, say: Say) -> None:
    consent.withdraw(alice)
    with pytest.raises(access.NotFound):
        say("hello")


def test_a_clinician_writes_only_while_holding_it(conversation: Conversation, chen: User, diaz: User, say: Say) -> None:
    say(CHEST_PAIN)
    with pytest.raises(actions.Refused):
        actions.post_clinician_message(chen, conversation.pk, uuid4(), "I am here")
    Conversation.objects.update(holder=chen)
    posted = actions.post_clinician_message(chen, conversation.pk, uuid4(), "I am here")
    assert posted.message.author == chen
    with pytest.raises(actions.Refused):
        actions.post_clinician_message(diaz, conversation.pk, uuid4(), "me too")


def test_a_clinician_sees_nothing_of_a_conversation_without_a_case(conversation: Conversation, chen: User) -> None:
    with pytest.raises(access.NotFound):
        access.conversation_for(chen, conversation.pk)


def test_asking_for_a_person_opens_one_case_and_says_so_once(conversation: Conversation, alice: User, say: Say) -> None:
    say(SORE_THROAT)
    actions.request_person(alice, conversation.pk)
    actions.request_person(alice, conversation.pk)
    assert Case.objects.get().cause == Case.Cause.PERSON
    assert conversation.messages.filter(kind="notice").count() == 1


def test_an_open_case_rises_and_never_sinks(conversation: Conversation, alice: User, say: Say) -> None:
    actions.request_person(alice, conversation.pk)
    say(CHEST_PAIN)
    say("thank you")
    case = Case.objects.get()
    assert (case.level, case.rank) == ("emergency", 4)


def test_stopping_keeps_what_was_shown_and_works_once(conversation: Conversation, alice: User, say: Say) -> None:
    say(SORE_THROAT)
    reply = Reply.objects.get()
    assert actions.stop_reply(alice, conversation.pk, reply.pk)
    assert not actions.stop_reply(alice, conversation.pk, reply.pk)
    reply.refresh_from_db()
    assert reply.state == Reply.State.STOPPED


def test_a_reply_of_another_conversation_cannot_be_stopped_through_ones_own(
    conversation: Conversation, bob: User, say: Say
) -> None:
    say(SORE_THROAT)
    own = actions.start_conversation(bob, language="en")
    with pytest.raises(access.NotFound):
        actions.stop_reply(bob, own.pk, Reply.objects.get().pk)


def test_every_action_is_on_record_without_the_words(say: Say, conversation: Conversation, alice: User) -> None:
    say("Markerwort in the chest")
    actions.request_person(alice, conversation.pk)
    done = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"conversation.started", "message.sent", "person.requested", "case.opened"} <= done
    assert "Markerwort" not in str(list(AuditEntry.objects.values()))


def test_when_triage_breaks_the_message_is_urgent_and_a_case_is_opened(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(triage, "_assess", broken)
    say(SORE_THROAT)
    assert Case.objects.get().level == "urgent"


def test_only_the_triage_of_unsettled_messages_counts_after_a_clinician_closed_the_case(
    say: Say, conversation: Conversation
) -> None:
    say(CHEST_PAIN)
    conversation.refresh_from_db()
    Case.objects.update(state=Case.State.CLOSED)
    Conversation.objects.update(settled_seq=conversation.last_seq, level="self_care")
    message = say("Thank you, what can I do for a sore throat at home?")
    assert message.assessment.level in ("routine", "self_care")
    assert say("the crushing chest pain is back and goes into my left arm").assessment.level == "emergency"
