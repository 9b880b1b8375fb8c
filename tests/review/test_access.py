"""Who may open the clinician's pages, and that each reading is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import AuditEntry, User
from consult.chat.models import Case
from consult.review import actions
from tests.review.conftest import CHEST_PAIN

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Login = Callable[[User], "Client"]

GET = ["queue", "queue_json", "case", "case_json"]
DOCUMENT = ["document", "document_file"]  # their own tests: tests/review/test_documents.py
POST = ["claim", "reply", "approve", "release", "hand_over", "close", "lower"]


def address(name: str, case: Case) -> str:
    return reverse(f"review:{name}", args=[] if name.startswith("queue") else [case.pk])


def ask(client: Client, name: str, case: Case) -> int:
    url = address(name, case)
    return (client.get(url) if name in GET else client.post(url)).status_code


def test_the_matrix_names_every_address() -> None:
    from consult.review.urls import urlpatterns

    assert sorted(GET + POST + DOCUMENT) == sorted(str(one.name) for one in urlpatterns)


@pytest.mark.parametrize("person", ["alice", "bob", "olu"])
def test_patients_and_administrators_find_nothing_there(
    person: str, case: Case, login: Login, request: pytest.FixtureRequest
) -> None:
    client = login(request.getfixturevalue(person))
    for name in GET + POST:
        assert ask(client, name, case) == 404, name
    case.refresh_from_db()
    assert case.state == Case.State.WAITING


def test_the_signed_out_are_sent_to_sign_in(case: Case, eve: Client) -> None:
    for name in GET + POST:
        url = address(name, case)
        answer = eve.get(url) if name in GET else eve.post(url)
        assert answer.status_code == 302, name
        assert answer["Location"].startswith(reverse("account_login"))


def test_a_clinician_reads(case: Case, chen: User, login: Login) -> None:
    client = login(chen)
    for name in GET:
        assert ask(client, name, case) == 200, name


def test_actions_are_not_done_by_following_a_link(case: Case, chen: User, login: Login) -> None:
    client = login(chen)
    for name in POST:
        assert client.get(address(name, case)).status_code == 405, name


def test_a_case_that_does_not_exist_is_not_found(chen: User, login: Login) -> None:
    client = login(chen)
    data = {"client_id": uuid4(), "reply": uuid4(), "text": "x", "to": uuid4(), "outcome": "advised", "note": "x"}
    for name in ["case", "case_json", *POST]:
        url = reverse(f"review:{name}", args=[uuid4()])
        answer = client.get(url) if name in GET else client.post(url, data | {"level": "routine", "reason": "x"})
        assert answer.status_code == 404, name


def test_a_case_closed_by_a_colleague_is_not_found_any_more(case: Case, chen: User, diaz: User, login: Login) -> None:
    actions.claim(chen, case.pk)
    actions.close(chen, case.pk, "advised", "Done.")
    assert login(diaz).get(address("case", case)).status_code == 404
    assert login(chen).get(address("case", case)).status_code == 200


def test_a_closed_case_does_not_show_what_the_patient_writes_later(
    case: Case, chen: User, login: Login, say: Callable[[str], object]
) -> None:
    actions.claim(chen, case.pk)
    actions.close(chen, case.pk, "advised", "Done.")
    say("Something quite different, for nobody of before")
    page = login(chen).get(address("case", case)).content.decode()
    assert "crushing chest" in page
    assert "Something quite different" not in page


def test_a_deactivated_clinician_is_signed_out(case: Case, chen: User, login: Login) -> None:
    client = login(chen)
    User.objects.filter(pk=chen.pk).update(is_active=False)
    assert ask(client, "case", case) == 302


def test_every_reading_of_a_case_is_on_record(case: Case, chen: User, alice: User, login: Login) -> None:
    client = login(chen)
    for count in (1, 2):
        client.get(address("case", case))
        entries = AuditEntry.objects.filter(action="case.read", actor=chen.pk, patient=alice.pk)
        assert entries.count() == count
    assert AuditEntry.objects.filter(action="queue.read", actor=chen.pk).count() == 2


def test_looking_for_news_is_on_record_only_where_something_was_shown(
    case: Case, chen: User, login: Login, say: Callable[[str], object]
) -> None:
    client = login(chen)
    page = client.get(address("case", case))
    known = {"after": page.context["last_seq"], "state": page.context["state"]}
    assert client.get(address("case_json", case), known).json() == {"changed": False}
    assert AuditEntry.objects.filter(action="case.read").count() == 1
    say(CHEST_PAIN + " still")
    assert client.get(address("case_json", case), known).json()["changed"]
    assert AuditEntry.objects.filter(action="case.read").count() == 2


def test_a_refused_person_leaves_no_trace_of_a_reading(case: Case, bob: User, login: Login) -> None:
    login(bob).get(address("case", case))
    assert not AuditEntry.objects.filter(action="case.read").exists()
