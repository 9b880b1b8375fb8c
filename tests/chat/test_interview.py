"""The interview asks one thing a page, keeps nothing on the way, and ends as the patient's own message."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from consult.chat import interview
from consult.chat.models import Conversation

Login = Callable[[User], Client]
PAGE = "/chat/interview/"
FULL = {"who": "self", "what": "a sore throat", "since": "days", "strength": "mild", "course": "worse"}


def test_it_goes_from_question_to_question_and_carries_the_answers_along(alice: User, login: Login) -> None:
    client = login(alice)
    assert "Question 1 of about 7" in client.get(PAGE).content.decode()
    second = client.post(PAGE, {"at": "who", "go": "next", "who": "other"}).content.decode()
    assert "Question 2 of about 7" in second
    assert '<input type="hidden" name="who" value="other">' in second
    back = client.post(PAGE, {"at": "what", "go": "back", "who": "other", "what": "a cough"}).content.decode()
    assert "Question 1 of about 7" in back
    assert 'value="other" checked' in back
    assert not Conversation.objects.exists()


def test_only_what_is_needed_must_be_answered(alice: User, login: Login) -> None:
    client = login(alice)
    empty = client.post(PAGE, {"at": "what", "go": "next", "who": "self", "what": "  "})
    assert empty.status_code == 400
    assert "answer-error" in empty.content.decode()
    assert "Question 4" in client.post(PAGE, {"at": "since", "go": "next", **FULL, "since": ""}).content.decode()


def test_all_answers_are_shown_before_they_are_sent_and_each_can_be_changed(alice: User, login: Login) -> None:
    client = login(alice)
    check = client.post(PAGE, {"at": "tried", "go": "next", **FULL}).content.decode()
    assert "Is this right?" in check
    assert "a sore throat" in check
    assert "I&#x27;m not sure" in check
    change = client.post(PAGE, {"go": "strength", **FULL}).content.decode()
    assert 'value="mild" checked' in change
    assert "Is this right?" in client.post(PAGE, {"at": "strength", "changing": "yes", **FULL}).content.decode()


def test_after_the_third_question_it_can_be_sent_as_it_is(alice: User, login: Login) -> None:
    client = login(alice)
    second = client.post(PAGE, {"at": "who", "go": "next", "who": "self"}).content.decode()
    third = client.post(PAGE, {"at": "what", "go": "next", **FULL}).content.decode()
    assert ("That is enough" in second, "That is enough" in third) == (False, True)
    client.post(PAGE, {"at": "since", "go": "send", "who": "self", "what": "a cough", "since": "days"})
    assert "a cough" in Conversation.objects.get().messages.all()[0].body


def test_what_was_left_open_here_is_not_asked_again() -> None:
    from consult.safety import asks
    from consult.safety.types import Passage, Profile

    said = interview.message_of(interview.answers_in({"what": "I have a cough", "since": "unsure"}))
    late = [Passage(1, "Cough", "See a doctor if a cough lasts for more than 3 weeks.")]
    assert asks.question(asks.Told("I have a cough", "I have a cough", Profile()), late) == "ask_since"
    assert asks.question(asks.Told(said, said, Profile()), late) == ""


def test_it_ends_as_a_message_of_the_patient(alice: User, login: Login) -> None:
    answer = login(alice).post(PAGE, {"go": "send", **FULL, "who": "other"})
    row = Conversation.objects.get()
    assert answer["Location"].endswith(f"/chat/{row.pk}/")
    assert row.subject == "other"
    said = row.messages.get(author_kind="patient").body
    assert said == "The problem: a sore throat\nIt began some days ago.\nIt is mild.\nIt is getting worse."


def test_a_red_flag_in_an_answer_is_an_emergency(alice: User, login: Login) -> None:
    login(alice).post(PAGE, {"go": "send", **FULL, "what": "crushing chest pain going down my left arm"})
    assert Conversation.objects.get().level == "emergency"


@pytest.mark.parametrize("go", ["next", "send", "tried"])
def test_an_answer_that_is_too_long_is_asked_again_with_every_word_kept(go: str, alice: User, login: Login) -> None:
    answer = login(alice).post(PAGE, {"at": "tried", "go": go, **FULL, "besides": "word " * 500})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Please shorten this to 500 characters." in page
    assert ("word " * 500).strip() in page
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("besides", ["<script>alert(1)</script>", "أشعر بألم", "\x00"])
def test_odd_answers_come_back_harmless(besides: str, alice: User, login: Login) -> None:
    page = login(alice).post(PAGE, {"at": "tried", **FULL, "besides": besides}).content.decode()
    assert "<script>alert" not in page


def test_answers_that_no_question_offers_fall_out() -> None:
    assert interview.answers_in({"who": "nobody", "since": "<b>", "more": "x"}) == {}


def test_mild_answers_alone_raise_no_alarm(alice: User, login: Login) -> None:
    login(alice).post(PAGE, {"go": "send", **FULL, "what": "a runny nose", "course": "same"})
    assert Conversation.objects.get().level == "self_care"


def test_staff_and_strangers_are_not_interviewed(chen: User, login: Login, eve: Client) -> None:
    assert login(chen).get(PAGE).status_code in (302, 404)
    assert eve.get(PAGE).status_code == 302
