"""A patient's photo or document in the cockpit: who sees it, how it is shown, and that each look is on record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.models import AuditEntry, User
from consult.chat import attachments, tasks
from consult.chat.models import Attachment, Case, Conversation
from consult.documents import pictures, sandbox
from consult.documents.types import Reading
from consult.review import actions
from tests.documents import samples
from tests.review.conftest import CHEST_PAIN, Say

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Login = Callable[[User], "Client"]
NAMES = ["document", "document_file"]


@pytest.fixture
def photo(
    alice: User, conversation: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[bool], Attachment]:
    """Alice's photo, with its words as if they had been read; sent or not."""
    monkeypatch.setattr(settings, "ATTACHMENT_DIR", tmp_path)
    monkeypatch.setattr(sandbox, "clean", pictures.clean)  # the real one, without a process for each
    monkeypatch.setattr(sandbox, "read", lambda *_: Reading("Crushing chest pian", 1))

    def of(send: bool = True) -> Attachment:
        row = attachments.attach(alice, conversation.pk, samples.telephone_photo(), "photo.jpg")
        tasks.read_document(str(row.pk))
        if send:
            attachments.use(alice, conversation.pk, row.pk, CHEST_PAIN)
        row.refresh_from_db()
        return row

    return of


def address(name: str, case: Case, row: Attachment) -> str:
    return reverse(f"review:{name}", args=[case.pk, row.pk])


def test_the_clinician_sees_the_picture_the_words_and_that_they_were_corrected(
    photo: Callable[[bool], Attachment], chen: User, login: Login
) -> None:
    row, client = photo(True), login(chen)
    case = Case.objects.get()
    cockpit = client.get(reverse("review:case", args=[case.pk])).content.decode()
    assert address("document_file", case, row) in cockpit
    assert "the patient changed what was read" in cockpit
    page = client.get(address("document", case, row)).content.decode()
    assert "Crushing chest pian" in page
    assert CHEST_PAIN in page
    answer = client.get(address("document_file", case, row))
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert b"CANARY" not in answer.content


def test_each_look_is_on_record(photo: Callable[[bool], Attachment], chen: User, alice: User, login: Login) -> None:
    row, client = photo(True), login(chen)
    case = Case.objects.get()
    for name in NAMES:
        client.get(address(name, case, row))
    entries = AuditEntry.objects.filter(action="document.viewed", actor=chen.pk, patient=alice.pk, target_id=row.pk)
    assert [one.detail for one in entries.order_by("id")] == [{"via": "page"}, {"via": "file"}]


def test_others_find_nothing_there(
    photo: Callable[[bool], Attachment], alice: User, bob: User, olu: User, eve: Client, login: Login
) -> None:
    row = photo(True)
    case = Case.objects.get()
    for name in NAMES:
        for person in (alice, bob, olu):
            assert login(person).get(address(name, case, row)).status_code == 404
        assert eve.get(address(name, case, row)).status_code == 302


def test_a_document_that_was_not_sent_is_the_patients_alone(
    photo: Callable[[bool], Attachment], say: Say, chen: User, login: Login
) -> None:
    row = photo(False)
    say(CHEST_PAIN)
    for name in NAMES:
        assert login(chen).get(address(name, Case.objects.get(), row)).status_code == 404


def test_a_document_is_found_under_its_own_case_only(
    photo: Callable[[bool], Attachment], bob: User, chen: User, login: Login
) -> None:
    from consult.chat import actions as chat

    row = photo(True)
    theirs = chat.start_conversation(bob, language="en")
    chat.post_patient_message(bob, theirs.pk, uuid4(), CHEST_PAIN)
    other = Case.objects.get(conversation=theirs)
    assert login(chen).get(address("document", other, row)).status_code == 404


def test_a_closed_case_does_not_show_what_comes_later_nor_anything_to_a_colleague(
    photo: Callable[[bool], Attachment], say: Say, chen: User, diaz: User, login: Login
) -> None:
    first = photo(True)
    case = Case.objects.get()
    actions.claim(chen, case.pk)
    actions.close(chen, case.pk, "advised", "Done.")
    later = photo(True)
    case.refresh_from_db()
    assert login(chen).get(address("document", case, first)).status_code == 200
    assert login(chen).get(address("document", case, later)).status_code == 404
    assert login(diaz).get(address("document", case, first)).status_code == 404
