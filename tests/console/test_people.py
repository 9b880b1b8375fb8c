"""What an administrator changes about people, and what nobody may."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.http import Http404
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, SignInLink, User
from consult.chat import actions as chat
from consult.chat import events
from consult.chat.models import Case
from consult.console import actions
from consult.review import actions as review

if TYPE_CHECKING:
    from pytest_django import DjangoCaptureOnCommitCallbacks

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


@pytest.fixture
def office(olu: User, login: Login) -> Client:
    return login(olu)


def test_a_role_is_changed_on_record_and_open_pages_close(
    office: Client, olu: User, diaz: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with patch.object(events, "_wake") as wake, django_capture_on_commit_callbacks(execute=True):
        office.post(reverse("console:change_role", args=[diaz.pk]), {"role": "administrator"})
    diaz.refresh_from_db()
    assert diaz.is_administrator
    assert (events.user_group(diaz.pk), {"type": "signed.out"}) in [call.args for call in wake.call_args_list]
    entry = AuditEntry.objects.get(action="person.role_changed")
    assert (entry.actor, entry.detail) == (olu.pk, {"before": "clinician", "after": "administrator"})


def test_a_clinician_who_is_shut_out_leaves_no_patient_waiting_for_them(
    office: Client, chen: User, alice: User, login: Login
) -> None:
    conversation = chat.start_conversation(alice, language="en")
    chat.post_patient_message(alice, conversation.pk, uuid4(), "I have crushing chest pain going down my left arm")
    case = Case.objects.get()
    review.claim(chen, case.pk)
    hers = login(chen)
    office.post(reverse("console:set_active", args=[chen.pk]), {"active": "no"})
    case.refresh_from_db()
    assert (case.state, case.conversation.holder) == (Case.State.WAITING, None)
    assert hers.get(reverse("review:queue")).status_code == 302
    assert AuditEntry.objects.filter(action="person.deactivated").count() == 1


def test_a_shut_account_can_be_let_in_again(office: Client, bob: User) -> None:
    url = reverse("console:set_active", args=[bob.pk])
    for active in ("no", "yes"):
        office.post(url, {"active": active})
        bob.refresh_from_db()
        assert bob.is_active == (active == "yes")


def test_nobody_changes_their_own_account(office: Client, olu: User) -> None:
    answer = office.post(reverse("console:change_role", args=[olu.pk]), {"role": "patient"})
    assert answer.status_code == 400
    office.post(reverse("console:set_active", args=[olu.pk]), {"active": "no"})
    olu.refresh_from_db()
    assert olu.is_administrator
    assert olu.is_active


def test_a_patient_with_conversations_does_not_become_staff(office: Client, alice: User) -> None:
    chat.start_conversation(alice, language="en")
    assert office.post(reverse("console:change_role", args=[alice.pk]), {"role": "clinician"}).status_code == 400
    alice.refresh_from_db()
    assert alice.is_patient


def test_an_unknown_role_or_person_is_refused(office: Client, diaz: User) -> None:
    assert office.post(reverse("console:change_role", args=[diaz.pk]), {"role": "king"}).status_code == 400
    assert office.post(reverse("console:change_role", args=[uuid4()]), {"role": "patient"}).status_code == 404


def test_staff_are_made_with_a_link_that_signs_in_once(office: Client) -> None:
    data = {"username": "grey", "name": "Dr Grey", "role": "clinician"}
    link = office.post(reverse("console:invite"), data).context["link"]
    person = User.objects.get(username="grey")
    assert not person.has_usable_password()
    visitor = Client()
    path = link.removeprefix("http://testserver")
    assert visitor.post(path).status_code == 302
    assert visitor.get(reverse("review:queue")).status_code == 200
    assert Client().post(path).status_code == 404


def test_the_link_is_shown_once_and_stands_nowhere_else(office: Client, olu: User) -> None:
    data = {"username": "grey", "name": "Dr Grey", "role": "clinician"}
    answer = office.post(reverse("console:invite"), data)
    token = answer.context["link"].rstrip("/").rsplit("/", 1)[1]
    assert token in answer.content.decode()
    assert token not in office.get(reverse("console:people")).content.decode()
    assert SignInLink.objects.get().token_hash != token
    assert token not in " ".join(str(vars(entry)) for entry in AuditEntry.objects.all())


@pytest.mark.parametrize(
    "data",
    [{}, {"username": "grey", "name": "G", "role": "patient"}, {"username": "a b<", "name": "G", "role": "clinician"},
     {"username": "CHEN", "name": "G", "role": "clinician"}, {"username": "", "name": "", "role": "clinician"}],
)  # fmt: skip
def test_no_account_is_made_from_bad_input(office: Client, chen: User, data: dict[str, str]) -> None:
    before = User.objects.count()
    assert office.post(reverse("console:invite"), data).status_code == 400
    assert User.objects.count() == before


def test_a_new_link_is_only_made_for_staff_who_never_signed_in(office: Client, alice: User, chen: User) -> None:
    def ask(person: User) -> int:
        return office.post(reverse("console:new_link", args=[person.pk])).status_code

    assert ask(chen) == 200
    assert ask(alice) == 400
    Client().force_login(chen, backend="django.contrib.auth.backends.ModelBackend")
    assert ask(chen) == 400


def test_a_new_link_ends_the_old_one(office: Client, olu: User) -> None:
    person, old = actions.invite(olu, "grey", "Dr Grey", "clinician")
    actions.new_link(olu, person.pk)
    assert Client().post(reverse("sign_in_by_link", args=[old])).status_code == 404


@pytest.mark.parametrize("name", ["alice", "chen"])
def test_the_actions_themselves_refuse_other_roles(name: str, diaz: User, request: pytest.FixtureRequest) -> None:
    person = request.getfixturevalue(name)
    for verb in (
        lambda: actions.change_role(person, diaz.pk, "administrator"),
        lambda: actions.set_active(person, diaz.pk, False),
        lambda: actions.new_link(person, diaz.pk),
        lambda: actions.invite(person, "grey", "Dr Grey", "administrator"),
    ):
        with pytest.raises(Http404):
            verb()


def test_people_are_found_by_name_and_role(office: Client, alice: User, chen: User) -> None:
    rows = office.get(reverse("console:people"), {"q": "ali"}).context["rows"]
    assert [row.username for row in rows] == ["alice"]
    rows = office.get(reverse("console:people"), {"role": "clinician"}).context["rows"]
    assert [row.username for row in rows] == ["chen"]
