"""Who may open the administrator's pages, that no text of a conversation is on them, and that reading is on record."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from accounts.models import AuditEntry, User
from consult.chat import actions as chat
from consult.chat import heartbeat
from consult.chat.models import Case, Conversation
from consult.review import actions as review

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Login = Callable[[User], "Client"]

GET = ["today", "conversations", "cases", "replies", "models", "library", "people", "audit"]
POST = ["invite", "ingest", "change_role", "set_active", "new_link"]
LISTS = {
    "conversations": "conversations.listed",
    "cases": "cases.listed",
    "replies": "replies.listed",
    "people": "people.listed",
    "audit": "audit.read",
}
WORDS = "crushing chest pain going down my left arm, markerword"


@pytest.fixture
def conversation(alice: User, chen: User) -> Conversation:
    """Alice's words, a clinician's reply, reason and note: none of it is for the console."""
    conversation = chat.start_conversation(alice, language="en")
    chat.post_patient_message(alice, conversation.pk, uuid4(), f"I have {WORDS}")
    case = Case.objects.get()
    review.claim(chen, case.pk)
    review.reply(chen, case.pk, uuid4(), "markerword of the clinician")
    review.lower(chen, case.pk, "urgent", "markerword of the reason")
    return conversation


def address(name: str, person: User) -> str:
    return reverse(f"console:{name}", args=[person.pk] if name in POST and name not in ("invite", "ingest") else [])


def test_the_matrix_names_every_address() -> None:
    from consult.console.urls import urlpatterns

    assert sorted(GET + POST) == sorted(str(one.name) for one in urlpatterns)


@pytest.mark.parametrize("person", ["alice", "bob", "chen"])
def test_patients_and_clinicians_find_nothing_there(
    person: str, diaz: User, login: Login, request: pytest.FixtureRequest
) -> None:
    client = login(request.getfixturevalue(person))
    for name in GET + POST:
        url = address(name, diaz)
        assert (client.get(url) if name in GET else client.post(url)).status_code == 404, name


def test_the_signed_out_are_sent_to_sign_in(diaz: User, eve: Client) -> None:
    for name in GET + POST:
        url = address(name, diaz)
        answer = eve.get(url) if name in GET else eve.post(url)
        assert answer.status_code == 302, name
        assert answer["Location"].startswith(reverse("account_login"))


def test_actions_are_not_done_by_following_a_link(olu: User, diaz: User, login: Login) -> None:
    client = login(olu)
    for name in POST:
        assert client.get(address(name, diaz)).status_code == 405, name


def test_no_page_shows_a_word_of_a_conversation(olu: User, login: Login, conversation: Conversation) -> None:
    client = login(olu)
    for name in GET:
        page = client.get(address(name, olu)).content.decode()
        assert "markerword" not in page, name
        assert "crushing" not in page, name


def test_no_page_even_fetches_encrypted_text(olu: User, login: Login, conversation: Conversation) -> None:
    client = login(olu)
    with CaptureQueriesContext(connection) as queries:
        for name in ("today", "conversations", "cases", "replies"):
            client.get(address(name, olu))
    asked = " ".join(query["sql"] for query in queries.captured_queries)
    for column in ("body", "words", "note", "title", "reason", "draft", "final", "card", "text"):
        assert f'"{column}"' not in asked, column


@pytest.mark.parametrize(("name", "action"), LISTS.items())
def test_reading_a_list_is_on_record(name: str, action: str, olu: User, login: Login) -> None:
    login(olu).get(address(name, olu))
    assert AuditEntry.objects.filter(action=action, actor=olu.pk).count() == 1


def test_reading_the_audit_of_one_patient_is_on_record_with_the_patient(olu: User, alice: User, login: Login) -> None:
    login(olu).get(reverse("console:audit"), {"patient": "alice"})
    assert AuditEntry.objects.get(action="audit.read").patient == alice.pk


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_hold_no_inline_script_or_style(
    language: str, olu: User, login: Login, conversation: Conversation
) -> None:
    info = {"base": "smollm2", "adapter": "v1", "memory_mib": 500}
    heartbeat.beat("worker-llm@here", "worker-llm", ready=True, info=info)
    client = login(olu)
    client.cookies["django_language"] = language
    for name in GET:
        with override(language):  # what the request activates is undone at the end
            page = client.get(address(name, olu)).content.decode()
        assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", page), name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page), name
