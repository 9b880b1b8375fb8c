"""A photo or document from the patient's choice to a message: real files, the real child, the real key ring."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db.models import RestrictedError
from django.urls import reverse
from django.utils import timezone

from accounts.crypto import DecryptionError
from accounts.models import AuditEntry, User
from consult.chat import access, actions, attachments, dispatch, files, intake, sweeper, tasks
from consult.chat.models import Attachment, Conversation, Message, Reply
from consult.documents import papers, reading, sandbox
from consult.safety.types import Level
from llm.fake import FakeEngine
from tests.documents import samples
from tests.safety.test_guard_injections import ATTEMPTS

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Login = Callable[[User], "Client"]
Say = Callable[..., Message]
Bring = Callable[..., Attachment]
LETTER = "Haemoglobin 112 g/L\nFerritin 9 ug/L"
PAGES = ["documents", "document", "document_state", "document_file"]
ACTIONS = ["document_use", "document_remove"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "ATTACHMENT_DIR", tmp_path / "attachments")
    return tmp_path / "attachments"


@pytest.fixture
def bring(alice: User, conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Alice brings a PDF, and a worker reads it: by the real parsers, here without starting a process for each."""
    monkeypatch.setattr(sandbox, "clean", lambda data, kind, limits: papers.clean(data, limits))
    monkeypatch.setattr(sandbox, "read", reading.read)

    def brought(data: bytes = b"", *, read: bool = True) -> Attachment:
        row = attachments.attach(alice, conversation.pk, data or samples.pdf([LETTER]), "letter.pdf")
        if read:
            tasks.read_document(str(row.pk))
        row.refresh_from_db()
        return row

    return brought


def page(name: str, row: Attachment) -> str:
    arguments = [row.conversation_id] if name == "documents" else [row.conversation_id, row.pk]
    return reverse(f"chat:{name}", args=arguments)


def upload(client: Client, conversation: Conversation, data: bytes, name: str = "letter.pdf") -> Any:
    url = reverse("chat:documents", args=[conversation.pk])
    return client.post(url, {"file": SimpleUploadedFile(name, data)})


# --- bringing and reading


def test_a_letter_is_read_checked_and_becomes_the_patients_words(
    alice: User, login: Login, conversation: Conversation
) -> None:
    client = login(alice)
    answer = upload(client, conversation, samples.pdf([LETTER]))
    row = Attachment.objects.get()
    assert answer["Location"] == page("document", row)
    assert "Reading your document" in client.get(page("document", row)).content.decode()
    assert client.get(page("document_state", row)).json() == {"state": "waiting", "waiting": True}
    tasks.read_document(str(row.pk))
    assert client.get(page("document_state", row)).json() == {"state": "read", "waiting": False}
    shown = client.get(page("document", row)).content.decode()
    assert LETTER in shown
    assert not conversation.messages.exists()
    corrected = LETTER.replace("112", "121") + "\r\nIs that low?"
    assert client.post(page("document_use", row), {"text": corrected}).status_code == 302
    message = conversation.messages.get(author_kind="patient")
    assert message.body == corrected.replace("\r\n", "\n")
    row.refresh_from_db()
    assert (row.message, row.corrected) == (message, True)
    chat = client.get(reverse("chat:conversation", args=[conversation.pk])).content.decode()
    assert "From a document" in chat
    assert page("document", row) in chat
    assert Reply.objects.get().question == message


def test_words_sent_as_they_were_read_count_as_not_corrected(alice: User, bring: Bring) -> None:
    row = bring()
    attachments.use(alice, row.conversation_id, row.pk, row.text.replace("\n", " \n"))
    row.refresh_from_db()
    assert row.corrected is False


def test_sending_twice_makes_one_message(alice: User, bring: Bring, conversation: Conversation) -> None:
    row = bring()
    first = attachments.use(alice, conversation.pk, row.pk, "one")
    again = attachments.use(alice, conversation.pk, row.pk, "two")
    assert (first.message, first.created, again.created) == (again.message, True, False)
    assert conversation.messages.filter(author_kind="patient").count() == 1


def test_a_sign_of_danger_in_a_document_is_an_emergency_at_once(alice: User, bring: Bring) -> None:
    row = bring(samples.pdf(["I have crushing chest pain going down my left arm"]))
    attachments.use(alice, row.conversation_id, row.pk, row.text)
    row.conversation.refresh_from_db()
    assert row.conversation.level == Level.EMERGENCY
    assert row.conversation.messages.filter(kind="card", level="emergency").exists()
    assert row.conversation.cases.count() == 1


def test_empty_and_too_long_words_are_refused_beside_the_field_and_kept(
    alice: User, login: Login, bring: Bring
) -> None:
    client, row = login(alice), bring()
    answer = client.post(page("document_use", row), {"text": "x" * 5000})
    assert answer.status_code == 400
    assert "x" * 5000 in answer.content.decode()
    assert client.post(page("document_use", row), {"text": "  "}).status_code == 400
    row.refresh_from_db()
    assert row.message is None


def test_a_long_document_begins_with_as_much_as_a_message_holds(alice: User, login: Login, bring: Bring) -> None:
    row = bring(samples.pdf(["\n".join(f"line {n} of a long letter" for n in range(40))] * 8))
    assert len(row.text) > settings.MESSAGE_MAX_CHARS
    assert "longer than one message" in login(alice).get(page("document", row)).content.decode()
    attachments.use(alice, row.conversation_id, row.pk, attachments.first_part(row.text))
    row.refresh_from_db()
    assert row.corrected is False


def test_nothing_is_sent_before_it_is_read_nor_of_what_was_refused(alice: User, bring: Bring) -> None:
    waiting = bring(read=False)
    refused = bring(samples.ACTIVE["a file inside"])
    assert refused.state == Attachment.State.REFUSED
    for row in (waiting, refused):
        with pytest.raises(actions.Refused):
            attachments.use(alice, row.conversation_id, row.pk, "words")


def test_where_the_words_cannot_be_read_the_patient_types_them(
    alice: User, login: Login, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise sandbox.ReadingFailed("status -9")

    monkeypatch.setattr(sandbox, "read", fail)
    row = bring()
    assert row.state == Attachment.State.FAILED
    assert "could not be read" in login(alice).get(page("document", row)).content.decode()
    attachments.use(alice, row.conversation_id, row.pk, "Haemoglobin 112")
    row.refresh_from_db()
    assert row.message is not None
    assert row.corrected is True


# --- refusing


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "", "choose a photo or a PDF"),
        (b"<svg onload=alert(1)>", "a.svg", "not a photo or a PDF"),
        (samples.picture() + samples.archive(), "a.png", "something else inside"),
        (b"\xff\xd8\xff" + bytes(11 * 2**20), "a.jpg", "too large"),
    ],
)
def test_a_refusal_says_why_in_a_sentence(
    alice: User, login: Login, conversation: Conversation, data: bytes, name: str, said: str
) -> None:
    answer = upload(login(alice), conversation, data, name or "x")
    assert answer.status_code in (400, 413)
    assert said in answer.content.decode()
    assert not Attachment.objects.exists()


def test_a_refusal_by_the_worker_says_why_and_keeps_no_file(
    alice: User, login: Login, bring: Bring, own_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        row = bring(samples.ACTIVE["a script at opening"])
    assert row.state == Attachment.State.REFUSED
    client = login(alice)
    assert "scripts or other files" in client.get(page("document", row)).content.decode()
    client.cookies["django_language"] = "zh-hans"
    assert "脚本" in client.get(page("document", row)).content.decode()
    assert client.get(page("document_file", row)).status_code == 404
    assert list(own_folder.iterdir()) == []


def test_a_patient_may_bring_so_many_a_day_and_removing_makes_no_room(
    alice: User, conversation: Conversation, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ATTACHMENTS_PER_DAY", 2)
    for _ in range(2):
        attachments.remove(alice, conversation.pk, bring(read=False).pk)
    with pytest.raises(actions.Refused) as refused:
        bring(read=False)
    assert refused.value.code == "too_many"


# --- keeping


def test_the_file_lies_sealed_under_a_name_of_ours(bring: Bring, own_folder: Path) -> None:
    row = bring()
    (path,) = own_folder.iterdir()
    assert path.name == f"{row.pk.hex}.sealed"
    assert b"Ferritin" not in path.read_bytes()
    assert b"%PDF" not in path.read_bytes()
    assert files.read(row.pk).startswith(b"%PDF-")
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_moved_to_another_row_does_not_open(bring: Bring, own_folder: Path) -> None:
    row, other = bring(read=False), uuid4()
    (own_folder / f"{other.hex}.sealed").write_bytes((own_folder / f"{row.pk.hex}.sealed").read_bytes())
    with pytest.raises(DecryptionError):
        files.read(other)


def test_removing_takes_row_and_file_and_what_was_sent_stays(
    alice: User, login: Login, bring: Bring, own_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    kept, removed = bring(), bring()
    attachments.use(alice, kept.conversation_id, kept.pk, kept.text)
    client = login(alice)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(page("document_remove", removed)).status_code == 302
        assert client.post(page("document_remove", kept)).status_code == 400
    assert list(Attachment.objects.all()) == [kept]
    assert [path.name for path in own_folder.iterdir()] == [f"{kept.pk.hex}.sealed"]


def test_erasing_a_conversation_takes_the_files_along(
    bring: Bring, own_folder: Path, conversation: Conversation, django_capture_on_commit_callbacks: Any
) -> None:
    bring()
    with django_capture_on_commit_callbacks(execute=True):
        conversation.delete()
    assert list(own_folder.iterdir()) == []


def test_erasing_a_patient_takes_conversations_and_files_along_and_leaves_others(
    alice: User, bob: User, bring: Bring, own_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    attachments.use(alice, bring().conversation_id, Attachment.objects.get().pk, "Ferritin 9")
    others = actions.start_conversation(bob, language="en")
    kept = attachments.attach(bob, others.pk, samples.pdf([LETTER]), "letter.pdf")
    with django_capture_on_commit_callbacks(execute=True):
        alice.delete()
    assert [path.name for path in own_folder.iterdir()] == [f"{kept.pk.hex}.sealed"]
    assert list(Conversation.objects.all()) == [others]


def test_a_clinician_who_wrote_to_a_patient_cannot_be_erased(chen: User, conversation: Conversation) -> None:
    actions.append(conversation, Message.Author.CLINICIAN, "Drink water.", author=chen)
    with pytest.raises(RestrictedError):
        chen.delete()


@pytest.fixture
def new_key(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called, it puts a new key first in the ring."""
    return lambda: monkeypatch.setattr(settings, "FIELD_KEYS", {"k2": b"y" * 32, **settings.FIELD_KEYS})


def test_after_a_rotation_words_and_files_open_without_the_old_key(
    alice: User, bring: Bring, new_key: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bring()
    plain, words = files.read(row.pk), row.text
    attachments.use(alice, row.conversation_id, row.pk, words)
    new_key()
    told = StringIO()
    call_command("rotate_keys", stdout=told)
    assert "attached files: 1" in told.getvalue()
    assert "chat.Attachment: 1 rows" in told.getvalue()
    monkeypatch.setattr(settings, "FIELD_KEYS", {"k2": b"y" * 32})
    assert files.read(row.pk) == plain
    row = Attachment.objects.get()
    assert row.text == words
    assert row.message is not None
    assert row.message.body == words


def test_a_rotation_that_is_run_again_finds_nothing_to_do_and_a_lost_key_stops_it(
    bring: Bring, new_key: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bring()
    new_key()
    call_command("rotate_keys", stdout=StringIO())
    again = StringIO()
    call_command("rotate_keys", stdout=again)
    assert "attached files: 0" in again.getvalue()
    assert "chat.Attachment: 0 rows" in again.getvalue()
    monkeypatch.setattr(settings, "FIELD_KEYS", {"k3": b"z" * 32})
    with pytest.raises(DecryptionError, match="k2"):
        call_command("rotate_keys", stdout=StringIO())
    monkeypatch.setattr(settings, "FIELD_KEYS", {"k2": b"y" * 32})
    assert files.read(row.pk)  # and what could not be opened was left as it is


def test_what_is_never_sent_is_forgotten_and_strays_too(
    alice: User, bring: Bring, own_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    sent, unsent, fresh = bring(), bring(), bring()
    attachments.use(alice, sent.conversation_id, sent.pk, sent.text)
    old = timezone.now() - timedelta(days=settings.ATTACHMENT_UNSENT_DAYS, minutes=1)
    Attachment.objects.exclude(pk=fresh.pk).update(created_at=old)
    stray = own_folder / f"{uuid4().hex}.sealed"
    stray.write_bytes(b"x")
    with django_capture_on_commit_callbacks(execute=True):
        intake.forget_unsent()
    assert set(Attachment.objects.all()) == {sent, fresh}
    assert not (own_folder / f"{unsent.pk.hex}.sealed").exists()
    assert stray.exists()  # its row may not be committed yet
    os.utime(stray, (0, 0))
    intake.forget_unsent()
    assert not stray.exists()


def test_a_picture_is_shown_as_a_file_that_cannot_run(alice: User, login: Login, bring: Bring) -> None:
    row = bring(read=False)
    assert login(alice).get(page("document_file", row)).status_code == 404  # not cleaned yet
    tasks.read_document(str(row.pk))
    answer = login(alice).get(page("document_file", row))
    assert answer["Content-Type"] == "application/pdf"
    assert re.fullmatch(r'attachment; filename="document-[0-9a-f]{8}\.pdf"', answer["Content-Disposition"])
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]


def test_of_a_file_nothing_but_codes_goes_on_record(bring: Bring) -> None:
    bring()
    entries = AuditEntry.objects.filter(action__startswith="document.")
    assert [one.action for one in entries.order_by("id")] == ["document.attached", "document.read"]
    assert "Ferritin" not in str([one.detail for one in entries])
    assert "letter" not in str([one.detail for one in entries])


# --- whose it is


def test_nobody_else_finds_it(
    bring: Bring, bob: User, chen: User, olu: User, eve: Client, login: Login, alice: User
) -> None:
    row = bring()
    for person in (bob, chen, olu):
        client = login(person)
        for name in PAGES:
            assert client.get(page(name, row)).status_code == 404, (person.username, name)
        for name in ACTIONS:
            assert client.post(page(name, row), {"text": "x"}).status_code == 404, (person.username, name)
        assert upload(client, row.conversation, samples.pdf()).status_code == 404
    for name in PAGES:
        assert eve.get(page(name, row)).status_code == 302
    row.refresh_from_db()
    assert row.message is None
    assert Attachment.objects.count() == 1


def test_a_document_is_looked_for_in_its_own_conversation_only(bring: Bring, alice: User) -> None:
    row, other = bring(read=False), actions.start_conversation(alice, language="en")
    with pytest.raises(access.NotFound):
        access.attachment_for(alice, other.pk, row.pk)


# --- workers and brokers that fail


def test_with_the_broker_away_the_sweeper_sends_it_later(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    row = bring(read=False)
    sent: list[str] = []

    def away(*args: object, **named: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(dispatch.app, "send_task", away)
    assert dispatch.send_document(row.pk) is False
    Attachment.objects.update(created_at=timezone.now() - timedelta(seconds=5))
    monkeypatch.setattr(dispatch.app, "send_task", lambda name, args, **named: sent.extend([name, *args]))
    sweeper.sweep()
    assert sent == [dispatch.DOCUMENT_TASK, str(row.pk)]
    sweeper.sweep()
    assert len(sent) == 2  # it is on its way


def test_only_one_worker_reads_it(bring: Bring) -> None:
    row = bring(read=False)
    assert intake.claim(row.pk) is not None
    assert intake.claim(row.pk) is None


def test_a_worker_reads_one_document_at_a_time(bring: Bring) -> None:
    row = bring(read=False)
    with tasks._reading:
        tasks.read_document(str(row.pk))
    row.refresh_from_db()
    assert row.state == Attachment.State.WAITING


@pytest.mark.parametrize(("cleaned", "state"), [(False, "refused"), (True, "failed")])
def test_a_dead_workers_document_is_tried_again_and_then_ends(bring: Bring, cleaned: bool, state: str) -> None:
    row = bring(read=False)
    for _ in range(settings.ATTACHMENT_MAX_ATTEMPTS):
        claimed = intake.claim(row.pk)
        assert claimed is not None
        past = timezone.now() - timedelta(seconds=1)
        Attachment.objects.update(lease_until=past, **({"pages": 1} if cleaned else {}))
        intake.take_from_the_dead()
    row.refresh_from_db()
    assert row.state == state


def test_a_document_removed_while_it_is_read_comes_to_nothing(
    alice: User, bring: Bring, own_folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    row = bring(read=False)
    claimed = intake.claim(row.pk)
    assert claimed is not None
    with django_capture_on_commit_callbacks(execute=True):
        attachments.remove(alice, row.conversation_id, row.pk)
        intake.take_in(claimed)
    assert not Attachment.objects.exists()
    assert list(own_folder.iterdir()) == []


# --- words that try to give orders


@pytest.fixture
def read_letter(conversation: Conversation) -> Callable[[str], Attachment]:
    """A document with those words, as the reading left it."""

    def of(text: str) -> Attachment:
        state = Attachment.State.READ
        return Attachment.objects.create(conversation=conversation, kind="jpeg", size=1, state=state, text=text)

    return of


def test_there_are_enough_attempts() -> None:
    assert len(ATTEMPTS) >= 20


@pytest.mark.parametrize(("attempt", "obeyed"), ATTEMPTS)
def test_orders_in_a_document_change_no_level_and_reach_nobody(
    attempt: str, obeyed: str, alice: User, bob: User, say: Say, read_letter: Callable[[str], Attachment],
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    theirs = actions.start_conversation(bob, language="en")
    actions.post_patient_message(bob, theirs.pk, uuid4(), "My canary is called Tweety-7f3a and I have a cough")
    say("There is blood in my pee since yesterday")
    conversation.refresh_from_db()
    before = Level(conversation.level)
    row = read_letter(f"Dear doctor,\n{attempt}")
    message = attachments.use(alice, conversation.pk, row.pk, row.text).message
    conversation.refresh_from_db()
    assert Level(conversation.level).rank >= before.rank
    engine = FakeEngine(obeyed)
    monkeypatch.setattr(tasks, "engine", lambda: engine)
    for waiting in Reply.objects.filter(question=message, state=Reply.State.QUEUED):
        tasks.generate_reply(str(waiting.pk))
    shown = "\n".join(one.body for one in conversation.messages.exclude(author_kind="patient"))
    drafts = "\n".join(one.final for one in conversation.replies.all())
    for text in (shown, drafts):
        assert obeyed.strip() not in text
        assert "Tweety" not in text
    for request in engine.requests:
        system = [one.content for one in request.messages if one.role == "system"]
        assert all(attempt not in one for one in system)
        assert all("Tweety" not in one.content for one in request.messages)


def test_the_model_gets_words_and_never_a_file(
    alice: User, bring: Bring, monkeypatch: pytest.MonkeyPatch, conversation: Conversation
) -> None:
    row = bring(samples.pdf(["My sore throat has lasted three days"]))
    attachments.use(alice, conversation.pk, row.pk, row.text)
    engine = FakeEngine("Rest. [1]")
    monkeypatch.setattr(tasks, "engine", lambda: engine)
    monkeypatch.setattr(files, "read", lambda pk: pytest.fail("the file was opened for an answer"))
    tasks.generate_reply(str(Reply.objects.get().pk))
    assert all(isinstance(one.content, str) for request in engine.requests for one in request.messages)
