"""Every form of the patient's side, found by walking the addresses of the site, with every odd thing one can type.

A form either takes it, or says beside the field why not and keeps what was typed. Nothing ends in a fault, and no
markup that somebody typed comes back as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.html import escape

from accounts.models import User
from consult.chat import actions, followup
from consult.chat.models import Conversation, FollowUp

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]

ROOMS = ("accounts.", "allauth.account.", "consult.chat.")
PLACE = "<uuid:pk>"
ODD = {
    "empty": "",
    "blank": "   ",
    "long": "too long " * 1112,  # a paste of 10,000 characters
    "wrong type": "not a number, not an option",
    "markup": '"><script>alert(1)</script><b>bold</b>',
    "emoji": "👩‍⚕️🤒",
    "right to left": "\u202eأشعر بألم\u202c",
    "zero width": "a\u200bb\ufeffc",
    "nothing to see": "\u200b\u200d\ufeff",
    "control": "a\x00b\x07c",
}
TEXT_TYPES = {"text", "email", "number", "search", "textarea", "password", "radio", "select", "checkbox", "url", "tel"}


@dataclass
class Field:
    name: str
    kind: str
    value: str


@dataclass
class Form:
    action: str
    fields: list[Field] = field(default_factory=list)
    has_file: bool = False

    @property
    def typed(self) -> list[Field]:
        """What a person fills in, each name once."""
        return list({one.name: one for one in self.fields if one.kind in TEXT_TYPES}.values())

    def data(self) -> dict[str, str]:
        return {one.name: one.value for one in self.fields if one.kind not in ("radio", "checkbox")}


class Forms(HTMLParser):
    """The forms of a page that are posted, with their fields as a browser would fill them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.open: Form | None = None
        self.area = self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = Form(have.get("action", "")) if have.get("method") == "post" else None
            if self.open:
                self.found.append(self.open)
        if self.open is None or not have.get("name", self.select):
            return
        if tag == "input":
            kind = have.get("type", "text")
            self.open.has_file |= kind == "file"
            self.open.fields.append(Field(have["name"], kind, have.get("value", "")))
        if tag == "button" and not any(one.kind == "submit" for one in self.open.fields):
            self.open.fields.append(Field(have["name"], "submit", have.get("value", "")))
        if tag == "textarea":
            self.area = have["name"]
            self.open.fields.append(Field(self.area, "textarea", ""))
        if tag == "select":
            self.select = have["name"]
            self.open.fields.append(Field(self.select, "select", ""))
        if tag == "option" and "selected" in have:
            self.open.fields[-1].value = have.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        if tag == "textarea":
            self.area = ""
        if tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        if self.open is not None and self.area:
            self.open.fields[-1].value += data


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Every address of the patient's rooms; where a conversation is named, a place for its id."""
    for one in patterns:
        whole = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, whole)
        elif one.callback.__module__.startswith(ROOMS) and "^" not in whole and "<" not in whole.replace(PLACE, "", 1):
            yield "/" + whole


PAGES = sorted(addresses(get_resolver().url_patterns))


@pytest.fixture
def conversation(alice: User) -> Conversation:
    """One with a message, a name, and a question that waits for an answer."""
    row = actions.start_conversation(alice, language="en")
    actions.post_patient_message(alice, row.pk, uuid4(), "My knee hurts")
    followup.wish(alice, row.pk, 1)
    FollowUp.objects.update(state=FollowUp.State.ASKED)
    return row


def test_the_walk_finds_the_forms_that_we_know_of() -> None:
    for known in ("/account/signup/", "/account/login/", "/about-me/", "/chat/", "/chat/<uuid:pk>/how/", "/consent/"):
        assert known in PAGES


def forms_at(client: Client, address: str) -> list[Form]:
    answer = client.get(address)
    if answer.status_code != 200 or "html" not in answer["Content-Type"]:
        return []
    found = Forms(answer.content.decode()).found
    for form in found:
        form.action = form.action.partition("#")[0] or address
    return [form for form in found if form.typed and not form.has_file]


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is taken back, so that each odd thing meets the same site."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("page", PAGES)
def test_every_field_takes_or_explains_whatever_is_typed(
    page: str, alice: User, conversation: Conversation, login: Login, eve: Client, settings: Any
) -> None:
    settings.MESSAGES_PER_MINUTE, settings.ACCOUNT_RATE_LIMITS = 10_000, False
    address = page.replace(PLACE, str(conversation.pk))
    client = eve if page.startswith(("/account/signup", "/account/login", "/account/password/reset")) else login(alice)
    wrong = [
        f"{form.action}, {one.name}, {name}: {fault}"
        for form in forms_at(client, address)
        for one in form.typed
        for name, typed in ODD.items()
        if (fault := fault_of(client, form, one, typed))
    ]
    assert wrong == []


def fault_of(client: Client, form: Form, one: Field, typed: str) -> str:
    """What is wrong with the answer to that; "" for nothing."""
    with undone():
        answer = client.post(form.action, {**form.data(), "client_id": str(uuid4()), one.name: typed}, follow=True)
    page = answer.content.decode()
    if answer.status_code not in (200, 400):
        return f"status {answer.status_code}"
    if "<script>alert" in page or "<b>bold</b>" in page:
        return "markup came back"
    explained = "field-error" in page or "notice-error" in page
    if answer.status_code == 400 and not explained:
        return "refused without a word"
    words = typed.replace("\x00", "").strip()
    if one.kind not in ("text", "search", "textarea", "email", "number") or not words:
        return ""
    parts = [part.strip() for part in words.split(",")]  # a list comes back one a line
    kept = all(escape(part) in page for part in parts) or escape(typed) in page or escape(words)[:59] + "…" in page
    return "" if kept else "what was typed is lost" if explained else "taken, but not whole"
