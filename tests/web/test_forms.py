"""Every form of the site with every odd thing one can type. ``TYPED`` and ``UNTYPED`` name every address there is.

A form either takes it, or says why not and keeps what was typed; on the patient's pages it says so beside the field.
Nothing ends in a fault, and no markup that somebody typed comes back as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse

from accounts.models import User
from consult.chat import actions, followup, interview, lease
from consult.chat.models import Attachment, Case, Conversation, FollowUp, Reply
from consult.review import actions as review
from consult.safety.types import Verdict
from tests.environment import ROOT

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]

# What one can type or choose, by the address that it goes to.
TYPED = {
    "account_login": {"login", "password"},
    "account_signup": {"username", "email", "password1", "age"},
    "account_reset_password": {"email"},
    "account_reset_password_from_key": {"password1", "password2"},
    "account_change_password": {"oldpassword", "password1", "password2"},
    "account_set_password": {"password1", "password2"},
    "account_reauthenticate": {"password"},
    "account_email": {"email"},
    "consent": {"agree"},
    "profile": {
        "birth_year", "sex", "pregnant", "conditions", "medicines", "allergies", "share_with_model",
    },
    "chat:new": {"text", "subject"},
    "chat:search": {"q"},
    "chat:interview": {"who", "what", "since", "strength", "course", "besides", "tried"},
    "chat:post": {"text"},
    "chat:wish": {"by_mail"},
    "chat:how": {"answer", "words"},
    "chat:rename": {"title"},
    "chat:document_use": {"text"},
    "library:index": {"q"},
    "library:literature": {"q", "since", "until", "type", "humans"},
    "review:reply": {"text"},
    "review:approve": {"text"},
    "review:close": {"outcome", "note"},
    "review:lower": {"level", "reason"},
    "review:hand_over": {"to"},
    "console:invite": {"username", "name", "role"},
    "console:people": {"q", "role"},
    "console:change_role": {"role"},
    "console:cases": {"state", "level"},
    "console:audit": {"action", "actor", "patient"},
}  # fmt: skip
# Forms that other tests fill in, with what is odd for them.
ELSEWHERE = {
    "chat:documents": "tests/chat/test_documents.py",
    "chat:rate": "tests/chat/test_history.py",
    "library:review_edit": "tests/library/test_reviewing.py",
    "console:ingest": "tests/library/test_ingest_in_worker.py",
}
# Buttons: nothing can be typed.
PRESSED = {
    "account_confirm_email", "account_confirm_login_code", "account_logout", "chat:document_remove", "chat:person",
    "chat:stop", "console:new_link", "console:set_active", "delete_profile", "library:export",
    "library:review_approve",
    "library:review_restore", "library:save", "library:summarise", "library:summary_stop", "library:unsave",
    "review:claim", "review:release", "set_language", "set_text_size", "sign_in_by_link", "withdraw_consent",
}  # fmt: skip
# Read nothing of what is sent to them.
OPEN = {"favicon", "health_live", "health_ready", "styleguide", "unreachable", "unreachable_worker"}
# Pages that only show something. A test holds them to it.
READ = {
    "account_email_verification_sent", "account_inactive", "account_reset_password_done",
    "account_reset_password_from_key_done", "chat:conversation", "chat:document", "chat:document_file",
    "chat:document_state", "chat:export", "chat:snapshot", "chat:start", "chat:take_along", "console:conversations",
    "console:library", "console:models", "console:replies", "console:today", "home", "library:document",
    "library:review", "library:review_versions", "library:saved", "library:similar", "library:summary",
    "library:summary_state", "library:topic", "review:case", "review:case_json", "review:document",
    "review:document_file", "review:queue", "review:queue_json", "with_an_adult",
}  # fmt: skip
# Staff's pages say at their head why something was refused.
STAFF = ("review:", "console:", "library:")

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
    method: str = "post"
    fields: list[Field] = field(default_factory=list)
    has_file: bool = False

    @property
    def typed(self) -> list[Field]:
        """What a person fills in, each name once."""
        return list({one.name: one for one in self.fields if one.kind in TEXT_TYPES}.values())

    @property
    def address(self) -> str:
        """The name of the address that it goes to, as TYPED has it."""
        return resolve(urlsplit(self.action).path).view_name

    def data(self) -> dict[str, str]:
        return {one.name: one.value for one in self.fields if one.name and one.kind not in ("radio", "checkbox")}


class Forms(HTMLParser):
    """The forms of a page, with their fields as a browser would fill them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.open: Form | None = None
        self.area = self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = Form(have.get("action", ""), have.get("method", "get"))
            self.found.append(self.open)
        if self.open is not None and tag == "button" and not any(one.kind == "submit" for one in self.open.fields):
            self.open.fields.append(Field(have.get("name", ""), "submit", have.get("value", "")))  # what Enter presses
        if self.open is None or not have.get("name", self.select):
            return
        if tag == "input":
            kind = have.get("type", "text")
            self.open.has_file |= kind == "file"
            self.open.fields.append(Field(have["name"], kind, have.get("value", "")))
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


@dataclass
class Scene:
    """Who is there, and what they have to do with."""

    clients: dict[str, Client]
    conversation: Conversation
    document: Attachment
    case: Case
    reset: str

    def open(self, way: Way) -> Any:
        """The page of ``way``, as its person sees it."""
        client, address = self.clients[way.who], way.address
        if address.startswith("chat:document"):
            return client.get(reverse(address, args=[self.conversation.pk, self.document.pk]))
        if address.startswith("chat:") and address not in ("chat:start", "chat:interview"):
            return client.get(reverse(address, args=[self.conversation.pk]))
        if address == "review:case":
            return client.get(reverse(address, args=[self.case.pk]))
        if address == "account_reset_password_from_key":
            return client.get(self.reset, follow=True)
        return client.post(reverse(address), way.posted) if way.posted else client.get(reverse(address) + way.query)


@dataclass(frozen=True)
class Way:
    """To a page with forms: who goes it, and what was posted or asked for before."""

    who: str
    address: str
    query: str = ""
    go: str = ""

    @property
    def posted(self) -> dict[str, str]:
        """For the pages of the interview, which come by POST alone."""
        return {"who": "self", "what": "My knee hurts", "at": "what", "go": self.go} if self.go else {}

    def __str__(self) -> str:
        return " ".join(filter(None, (self.who, self.address, self.query, self.go)))


WAYS = [
    *(Way("eve", one) for one in ("account_login", "account_signup", "account_reset_password", "library:index")),
    Way("eve", "account_reset_password_from_key"),
    *(Way("alice", one) for one in ("account_change_password", "account_reauthenticate", "account_email", "profile")),
    *(Way("alice", one) for one in ("chat:start", "chat:conversation", "chat:how", "chat:document", "chat:interview")),
    *(Way("alice", "chat:interview", go=question) for question in interview.KEYS[1:]),
    Way("newcomer", "consent"),
    Way("newcomer", "account_set_password"),
    *(Way("chen", one) for one in ("review:case", "library:literature")),
    *(Way("olu", one) for one in ("console:people", "console:cases", "console:audit")),
]


@pytest.fixture
def scene(alice: User, bob: User, chen: User, diaz: User, olu: User, eve: Client, login: Login) -> Scene:
    """Alice has an address, asked about blood in her urine, brought a letter, and is asked how she is. Dr Chen has her
    case, with a draft that waits."""
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    alice.refresh_from_db()
    alice.set_password("long-enough-pass-9")
    alice.save()
    row = actions.start_conversation(alice, language="en")
    actions.post_patient_message(alice, row.pk, uuid4(), "There is blood in my pee since yesterday")
    reply = lease.claim(Reply.objects.get(supervised=True).pk)
    assert reply is not None
    lease.store_sentence(reply, 0, 0, Verdict(True, "Blood in urine is checked within a day."), "")
    lease.finish(reply, text="Blood in urine is checked within a day.", draft="that", composed="model")
    letter = Attachment.objects.create(
        conversation=row, kind="pdf", size=1, sha256="0" * 64, pages=1, pages_read=1, state=Attachment.State.READ,
        text="Ferritin 9 ug/L",
    )  # fmt: skip
    followup.wish(alice, row.pk, 1)
    FollowUp.objects.update(state=FollowUp.State.ASKED)
    newcomer = User.objects.create_user("newcomer", role="patient")
    newcomer.set_unusable_password()
    newcomer.save()
    clients = {"eve": eve, **{one.username: login(one) for one in (alice, newcomer, chen, olu)}}
    case = review.claim(chen, Case.objects.get().pk)
    return Scene(clients, row, letter, case, address_to_reset(alice))


def address_to_reset(user: User) -> str:
    """Where the mail for a forgotten password leads."""
    key = f"{user_pk_to_url_str(user)}-{EmailAwarePasswordResetTokenGenerator().make_token(user)}"
    uid, _, rest = key.partition("-")
    return reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": rest})


def forms_at(scene: Scene, way: Way) -> list[Form]:
    """The forms of that page that a person can type into, but for those of ELSEWHERE."""
    answer = scene.open(way)
    assert answer.status_code == 200, way
    found = Forms(answer.content.decode()).found
    for form in found:
        form.action = form.action.partition("#")[0] or answer.request["PATH_INFO"]
    return [form for form in found if form.typed and form.address not in ELSEWHERE]


def addresses(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the site, by name."""
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, f"{one.namespace}:" if one.namespace else space)
        else:
            yield f"{space}{one.name}", one


ADDRESSES = dict(addresses(get_resolver().url_patterns))


def test_every_address_is_listed_once() -> None:
    assert sorted([*TYPED, *ELSEWHERE, *PRESSED, *OPEN, *READ]) == sorted(ADDRESSES)
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())


@pytest.mark.parametrize("name", sorted(READ))
def test_what_only_shows_something_takes_nothing(name: str, scene: Scene) -> None:
    values = {"uuid": scene.case.pk, "slug": "x", "str": "en"}
    converters = ADDRESSES[name].pattern.converters
    kinds = {key: type(one).__name__.removesuffix("Converter").lower().replace("string", "str")
             for key, one in converters.items()}  # fmt: skip
    path = reverse(name, kwargs={key: values[kind] for key, kind in kinds.items()})
    assert 405 in {client.post(path).status_code for client in scene.clients.values()}


def test_the_pages_have_the_forms_that_are_listed_and_no_others(scene: Scene) -> None:
    found: dict[str, set[str]] = {}
    for way in WAYS:
        for form in forms_at(scene, way):
            found.setdefault(form.address, set()).update(one.name for one in form.typed)
    assert found == TYPED


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is taken back, so that each odd thing meets the same site."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_field_takes_or_explains_whatever_is_typed(way: Way, scene: Scene, settings: Any) -> None:
    settings.MESSAGES_PER_MINUTE, settings.ACCOUNT_RATE_LIMITS = 10_000, False
    wrong = [
        f"{form.address}, {one.name}, {name}: {fault}"
        for form in forms_at(scene, way)
        for one in form.typed
        for name, typed in ODD.items()
        if (fault := fault_of(scene.clients[way.who], form, one, typed))
    ]
    assert wrong == []


def fault_of(client: Client, form: Form, one: Field, typed: str) -> str:
    """What is wrong with the answer to that; "" for nothing."""
    data = {**form.data(), "client_id": str(uuid4()), one.name: typed}
    with undone():
        send = client.post if form.method == "post" else client.get
        answer = send(form.action, data, follow=True)
    page = answer.content.decode()
    if answer.status_code not in (200, 400):
        return f"status {answer.status_code}"
    if "<script>alert" in page or "<b>bold</b>" in page:
        return "markup came back"
    explained = "field-error" in page or (form.address.startswith(STAFF) and "notice-error" in page)
    if answer.status_code == 400 and not explained:
        return "refused without a word beside the field"
    words = typed.replace("\x00", "").strip()
    if one.kind not in ("text", "search", "textarea", "email", "number") or not actions.is_visible(words):
        return ""
    shown = unescape(page).replace("\x00", "")
    parts = [part.strip() for part in words.split(",")]  # a list comes back one a line; a title is cut
    kept = all(part in shown for part in parts) or words[:59] + "…" in shown
    return "" if kept else "what was typed is lost" if explained else "taken, but not whole"
