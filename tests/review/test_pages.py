"""What the cockpit shows: the reason first, the words seen, drafts, who has it; and that it needs no broker."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from accounts.models import Profile, User
from consult.chat import actions as chat
from consult.chat.models import Case, Conversation, Message, Reply
from consult.review import actions, due, highlight

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
Login = Callable[[User], "Client"]
Say = Callable[[str], Message]


@pytest.fixture
def desk(chen: User, login: Login) -> Client:
    """Dr Chen's browser."""
    return login(chen)


def case_url(case: Case, name: str = "case") -> str:
    return reverse(f"review:{name}", args=[case.pk])


def test_the_most_urgent_case_stands_first(desk: Client, bob: User, say: Say) -> None:
    say("There is blood in my pee since yesterday")
    other = chat.start_conversation(bob, language="en")
    chat.post_patient_message(bob, other.pk, uuid4(), "I have crushing chest pain going down my left arm")
    page = desk.get(reverse("review:queue"))
    assert [row.case.level for row in page.context["rows"]] == ["emergency", "urgent"]
    assert page.content.decode().index("crushing chest") < page.content.decode().index("blood in my pee")


def test_an_emergency_is_in_the_queue_with_the_broker_away(desk: Client, case: Case, settings: SettingsWrapper) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": ["unix:///nonexistent/valkey.sock"]},
        }
    }
    assert "crushing chest" in desk.get(reverse("review:queue")).content.decode()
    assert desk.post(case_url(case, "claim")).status_code == 302
    case.refresh_from_db()
    assert case.state == Case.State.CLAIMED


def test_the_queue_does_not_name_the_patient(desk: Client, case: Case) -> None:
    page = desk.get(reverse("review:queue")).content.decode()
    assert "Alice" not in page
    assert "alice" not in page


def test_a_case_that_was_shown_counts_as_seen(desk: Client, case: Case) -> None:
    desk.get(reverse("review:queue"))
    case.refresh_from_db()
    assert case.seen_at is not None


def test_an_empty_queue_says_so(desk: Client) -> None:
    assert "Nobody is waiting" in desk.get(reverse("review:queue")).content.decode()


def test_a_queue_that_did_not_change_is_not_sent_again(desk: Client, case: Case, chen: User) -> None:
    url = reverse("review:queue_json")
    first = desk.get(url).json()
    assert (first["changed"], first["waiting"], first["mine"]) == (True, 1, 0)
    assert desk.get(url, {"v": first["version"]}).json() == {"changed": False}
    actions.claim(chen, case.pk)
    after = desk.get(url, {"v": first["version"]}).json()
    assert (after["waiting"], after["mine"]) == (0, 1)
    assert after["cases"][0]["mine"]


def test_the_reason_and_the_words_seen_come_before_the_conversation(desk: Client, case: Case) -> None:
    page = desk.get(case_url(case)).content.decode()
    assert 0 < page.index("Why it is here") < page.index('id="messages"')
    assert "heart.chest" in page
    conversation = page[page.index('id="messages"') :]
    assert '<mark class="seen-words">crushing chest' in conversation


def test_what_a_patient_writes_is_never_markup(desk: Client, say: Say) -> None:
    say('<img src=x onerror="alert(1)"> I have crushing chest pain going down my left arm <b>now</b>')
    page = desk.get(case_url(Case.objects.get())).content.decode()
    assert "<img" not in page
    assert "<b>now" not in page
    assert "&lt;img src=x" in page


def test_what_the_patient_shared_is_beside_it(desk: Client, alice: User, case: Case) -> None:
    Profile.objects.create(user=alice, data={"age_years": 61, "sex": "female", "medicines": ["warfarin"]})
    page = desk.get(case_url(case)).content.decode()
    assert "61 years old" in page
    assert "warfarin" in page


def test_refused_sentences_and_the_reason_are_shown_to_the_clinician_only(
    desk: Client, draft: Reply, alice: User, login: Login
) -> None:
    page = desk.get(case_url(Case.objects.get())).content.decode()
    assert "You have cystitis." in page
    assert "A diagnosis stated as fact." in page
    hers = login(alice).get(reverse("chat:conversation", args=[draft.conversation_id])).content.decode()
    assert "cystitis" not in hers
    assert draft.final not in hers


def test_nobody_can_answer_before_taking_the_case(desk: Client, case: Case) -> None:
    page = desk.get(case_url(case)).content.decode()
    assert case_url(case, "claim") in page
    assert case_url(case, "reply") not in page
    assert case_url(case, "close") not in page


def test_taking_it_leads_to_the_reply(desk: Client, case: Case) -> None:
    page = desk.post(case_url(case, "claim"), follow=True).content.decode()
    assert case_url(case, "reply") in page
    assert "Send as Dr Chen" in page


def test_who_comes_second_sees_who_has_it(desk: Client, case: Case, diaz: User) -> None:
    actions.claim(diaz, case.pk)
    answer = desk.post(case_url(case, "claim"))
    assert answer.status_code == 409
    assert "Dr Diaz has this case" in answer.content.decode()
    assert case_url(case, "reply") not in answer.content.decode()


def test_a_reply_by_form_reaches_the_conversation_and_the_audit(desk: Client, case: Case, chen: User) -> None:
    actions.claim(chen, case.pk)
    answer = desk.post(case_url(case, "reply"), {"client_id": uuid4(), "text": "Is somebody with you?"})
    assert answer.status_code == 302
    assert Message.objects.get(author=chen).body == "Is somebody with you?"


def test_a_reply_that_is_refused_keeps_the_words(desk: Client, case: Case, chen: User) -> None:
    actions.claim(chen, case.pk)
    words = "far too long " * 1000
    answer = desk.post(case_url(case, "reply"), {"client_id": uuid4(), "text": words})
    assert answer.status_code == 400
    assert "far too long far too long" in answer.content.decode()


def test_a_page_without_a_socket_gets_json(desk: Client, case: Case, chen: User) -> None:
    data = {"client_id": uuid4(), "text": "Hello"}
    refused = desk.post(case_url(case, "reply"), data, HTTP_ACCEPT="application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_allowed")
    actions.claim(chen, case.pk)
    assert desk.post(case_url(case, "reply"), data, HTTP_ACCEPT="application/json").json() == {"sent": True}


@pytest.mark.parametrize("name", ["reply", "approve", "hand_over", "close", "lower"])
def test_nonsense_is_refused_with_a_page(desk: Client, case: Case, chen: User, name: str) -> None:
    actions.claim(chen, case.pk)
    for data in ({}, {"client_id": "x"}, {"reply": "x"}, {"to": "x"}, {"level": "nonsense"}):
        assert desk.post(case_url(case, name), data).status_code in (400, 404), data
    case.refresh_from_db()
    assert (case.state, case.level) == (Case.State.CLAIMED, "emergency")


def test_what_was_typed_for_the_end_is_not_lost(desk: Client, case: Case, chen: User) -> None:
    actions.claim(chen, case.pk)
    answer = desk.post(case_url(case, "close"), {"outcome": "", "note": "seen with her daughter"})
    assert answer.status_code == 400
    assert "seen with her daughter" in answer.content.decode()


def test_the_draft_is_approved_from_the_page(desk: Client, draft: Reply, chen: User) -> None:
    case = Case.objects.get()
    actions.claim(chen, case.pk)
    page = desk.get(case_url(case)).content.decode()
    assert "Draft by software, not sent" in page
    desk.post(case_url(case, "approve"), {"reply": draft.pk, "text": draft.final, "do": "approve"})
    draft.refresh_from_db()
    assert draft.state == Reply.State.DONE


def test_news_of_a_case_carry_only_what_is_new(desk: Client, case: Case, say: Say) -> None:
    page = desk.get(case_url(case))
    say("I am at home")
    news = desk.get(case_url(case, "case_json"), {"after": page.context["last_seq"], "state": page.context["state"]})
    assert "I am at home" in news.json()["entries"]
    assert "crushing chest" not in news.json()["entries"]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_hold_no_inline_script_or_style(desk: Client, draft: Reply, chen: User, language: str) -> None:
    case = Case.objects.get()
    desk.cookies["django_language"] = language
    actions.claim(chen, case.pk)
    for url in (reverse("review:queue"), case_url(case)):
        with override(language):  # what the request activates is undone at the end
            page = desk.get(url).content.decode()
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))", page)
        assert not scripts
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.5, "due now"), (1.5, "due in 1 minute"), (12.5, "due in 12 minutes"), (100.5, "due in 1 h 40 min"),
     (-0.5, "due now"), (-1.5, "1 minute late"), (-7.5, "7 minutes late"), (-125.5, "2 h 5 min late")],
)  # fmt: skip
def test_time_left_is_said_in_words(minutes: float, words: str) -> None:
    now = timezone.now()
    with override("en"):
        assert due.in_words(now + timedelta(minutes=minutes), now) == words


@pytest.mark.parametrize(
    ("spans", "html"),
    [
        ([(0, 3)], '<p><mark class="seen-words">a&lt;b</mark> c</p>'),
        ([(4, 5), (0, 1)], '<p><mark class="seen-words">a</mark>&lt;b <mark class="seen-words">c</mark></p>'),
        ([(0, 3), (2, 5)], '<p><mark class="seen-words">a&lt;b c</mark></p>'),
        ([(3, 99), (-1, 2), (4, 4)], "<p>a&lt;b c</p>"),
    ],
)
def test_words_seen_are_marked_and_the_rest_escaped(spans: list[tuple[int, int]], html: str) -> None:
    assert highlight.marked("a<b c", spans) == html


def test_a_mark_never_crosses_paragraphs() -> None:
    assert highlight.marked("ab\n\ncd", [(1, 5)]) == (
        '<p>a<mark class="seen-words">b</mark></p><p><mark class="seen-words">c</mark>d</p>'
    )


def test_a_patient_cannot_forge_a_mark() -> None:
    assert "mark" not in highlight.marked("x\ue000y\ue001", [])


def test_the_words_are_marked_in_the_message_they_stand_in(
    desk: Client, alice: User, conversation: Conversation, say: Say
) -> None:
    say("Hello")
    chat.request_person(alice, conversation.pk)  # a notice: it is no turn, and must not shift the places
    message = say("I have crushing chest pain going down my left arm")
    page = desk.get(case_url(Case.objects.get()))
    assert [entry.seq for entry in page.context["entries"] if "<mark" in entry.html] == [message.seq]
