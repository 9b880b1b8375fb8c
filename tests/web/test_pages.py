"""What every page has: language, text size, a policy that forbids the outside, and errors in the reader's words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory, override_settings
from django.utils.translation import override
from django.views.defaults import server_error

from accounts.models import User
from consult.chat.models import Conversation

Login = Callable[[User], Client]


@pytest.fixture
def chinese(eve: Client) -> Client:
    eve.cookies["django_language"] = "zh-hans"
    return eve


def test_a_page_says_its_language(eve: Client, db: None) -> None:
    assert '<html lang="en" dir="ltr"' in eve.get("/").content.decode()


def test_a_page_in_chinese_says_so(chinese: Client, db: None) -> None:
    assert '<html lang="zh-hans" dir="ltr"' in chinese.get("/").content.decode()


def test_large_text_is_kept_by_a_cookie(eve: Client, db: None) -> None:
    assert 'class="large-text' not in eve.get("/").content.decode()
    eve.post("/text-size/", {"size": "large", "next": "/"})
    assert 'class="large-text' in eve.get("/").content.decode()


def test_the_policy_lets_nothing_in_from_outside(eve: Client, db: None) -> None:
    policy = eve.get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "https:" not in policy


def test_the_emergency_check_names_the_number_of_the_country(eve: Client, db: None) -> None:
    with override_settings(COUNTRY="GB"):
        page = eve.get("/").content.decode()
    assert "Call 999 now" in page
    assert 'href="tel:999"' in page


def test_without_a_country_no_number_is_guessed(eve: Client, db: None) -> None:
    with override_settings(COUNTRY=""):
        page = eve.get("/").content.decode()
    assert "your local emergency number" in page
    assert "tel:" not in page


def test_the_emergency_check_stands_before_everything_else(eve: Client, db: None) -> None:
    page = eve.get("/").content.decode()
    assert page.index('id="emergency-title"') < page.index("<h1")
    assert page.count("<li>") >= 7


@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_asking_nothing_is_explained_and_begins_nothing(alice: User, login: Login, text: str) -> None:
    client = login(alice)
    answer = client.post("/chat/new/", {"text": text, "subject": "other"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'id="start-error">Please write something first.' in page
    assert 'value="other" checked' in page
    assert not Conversation.objects.exists()


def test_a_conversation_can_begin_with_a_photo_and_keeps_the_words_beside_it(alice: User, login: Login) -> None:
    answer = login(alice).post("/chat/new/", {"text": "What does this letter say?", "attach": "1"})
    assert answer.url.endswith("/documents/")
    assert Conversation.objects.get().messages.get().body == "What does this letter say?"


def test_a_page_that_is_not_there_is_explained(eve: Client, db: None) -> None:
    answer = eve.get("/nowhere/")
    assert answer.status_code == 404
    assert "This page is not here" in answer.content.decode()


def test_a_form_from_another_site_is_refused_with_a_sentence(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/chat/new/", {"text": "hello"})
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_fault_of_ours_is_said_without_needing_anything(language: str) -> None:
    with override(language):
        answer = server_error(RequestFactory().get("/"))
    text = answer.content.decode()
    assert answer.status_code == 500
    assert f'lang="{language}"' in text
    assert ("Something went wrong" in text) == (language == "en")


def test_an_address_with_a_foreign_next_goes_nowhere_else(eve: Client, db: None) -> None:
    answer = eve.post("/language/", {"language": "zh-hans", "next": "https://example.org/"})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("user", ["alice", "chen", "olu"])
def test_the_menu_of_each_role_leads_only_to_pages_that_open(
    user: str, request: pytest.FixtureRequest, login: Login
) -> None:
    person = request.getfixturevalue(user)
    client = login(person)
    page = client.get("/", follow=True).content.decode()
    nav = re.search(r'<nav class="site-nav".*?</nav>', page, re.DOTALL)
    assert nav is not None
    addresses = re.findall(r'href="([^"]+)"', nav[0])
    assert addresses
    for address in addresses:
        assert client.get(address).status_code == 200, address
