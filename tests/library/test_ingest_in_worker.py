"""Ingestion by a worker: the row first, a while of it at a time, resumed after a death, nothing twice."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from consult.celery_app import app
from consult.library import search, tasks
from consult.library.ingest import line
from consult.library.ingest import run as ingestion
from consult.library.models import Document, Ingestion, Source
from tests.conftest import Login

pytestmark = pytest.mark.django_db(transaction=True)
State = Ingestion.State


@pytest.fixture
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site's folder with one file of 1,200 questions, an index of its own, and batches of 500."""
    settings.INGEST_DIR, settings.INDEX_DIR = tmp_path / "ingest", tmp_path / "index"
    settings.INGEST_DIR.mkdir()
    rows = [{"question": f"What is xylitis number {n}?", "answer": f"Xylitis {n} is rare."} for n in range(1200)]
    (settings.INGEST_DIR / "few.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    return tmp_path / "ingest"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What went to the broker."""
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **kwargs: seen.append((name, args, kwargs["queue"])))
    return seen


Sent = list[tuple[Any, ...]]


def queued() -> Ingestion:
    source, _made = Source.objects.get_or_create(slug="questions", defaults={"speaks_to_patients": True})
    return line.queue("few.jsonl", "questions", source)


def test_the_row_stands_first_and_the_task_carries_its_id_alone(folder: Path, sent: Sent) -> None:
    run = queued()
    assert (run.state, run.read) == (State.WAITING, 0)
    assert sent == [("consult.library.tasks.ingest", [str(run.pk)], "default")]


def test_a_worker_reads_it_counts_it_and_finds_it(folder: Path, sent: Sent) -> None:
    run = queued()
    tasks.ingest(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.read, run.new, run.broken_count) == (State.DONE, 1201, 1200, 1)
    assert search.search("What is xylitis?", language="en")


def test_it_is_done_a_while_at_a_time_and_goes_on_where_it_was(folder: Path, sent: Sent) -> None:
    run = queued()
    seen = []
    for _n in range(10):
        claimed = line.claim(run.pk)
        if claimed is None:
            break
        line.work(claimed, seconds=0)
        run.refresh_from_db()
        seen.append((run.state, run.read))
    assert seen[:2] == [(State.WAITING, 500), (State.WAITING, 1000)]
    assert seen[-1] == (State.DONE, 1201)
    assert Document.objects.count() == run.new == 1200
    assert len(sent) == len(seen)


def test_what_a_dead_worker_held_is_taken_up_again(folder: Path, sent: Sent) -> None:
    run = queued()
    assert line.claim(run.pk)
    assert line.claim(run.pk) is None
    line.sweep()
    assert line.claim(run.pk) is None
    Ingestion.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    line.sweep()
    tasks.ingest(str(run.pk))
    assert Ingestion.objects.get().state == State.DONE


def test_a_lost_task_is_sent_again_and_a_second_one_does_nothing(folder: Path, sent: Sent) -> None:
    run = queued()
    Ingestion.objects.update(sent_at=timezone.now() - timedelta(minutes=1))
    line.sweep()
    assert len(sent) == 2
    tasks.ingest(str(run.pk))
    tasks.ingest(str(run.pk))
    assert Document.objects.count() == 1200


def test_the_same_file_again_changes_nothing(folder: Path, sent: Sent) -> None:
    tasks.ingest(str(queued().pk))
    (folder / "few.jsonl").rename(folder / "other.jsonl")
    source = Source.objects.get()
    assert line.queue("other.jsonl", "questions", source).state == State.DONE
    assert Ingestion.objects.count() == 1


def test_a_file_that_changed_or_went_meanwhile_stops_it_with_a_reason_and_it_can_begin_again(
    folder: Path, sent: Sent
) -> None:
    run = queued()
    text = (folder / "few.jsonl").read_text()
    (folder / "few.jsonl").unlink()
    tasks.ingest(str(run.pk))
    run.refresh_from_db()
    assert (run.state, run.failure) == (State.FAILED, "FileNotFoundError")
    (folder / "few.jsonl").write_text(text)
    tasks.ingest(str(queued().pk))
    run.refresh_from_db()
    assert (run.state, run.failure) == (State.DONE, "")


def test_one_begun_by_the_command_is_finished_by_the_worker(folder: Path, sent: Sent) -> None:
    source = Source.objects.create(slug="questions", speaks_to_patients=True)
    begun = ingestion.start(folder / "few.jsonl", "questions", source)
    next(ingestion.go_on(begun, folder / "few.jsonl"))
    run = queued()
    assert run.read == 500
    tasks.ingest(str(run.pk))
    assert Document.objects.count() == 1200


def test_the_command_puts_files_of_the_folder_in_line_and_no_others(folder: Path, sent: Sent, tmp_path: Path) -> None:
    call_command("ingest", "questions", folder / "few.jsonl", in_worker=True)
    assert Ingestion.objects.get().state == State.WAITING
    (tmp_path / "outside.jsonl").write_text("{}")
    for path in (tmp_path / "outside.jsonl", folder / ".." / "outside.jsonl", folder / "missing.jsonl"):
        with pytest.raises(CommandError, match="where the worker looks"):
            call_command("ingest", "questions", path, in_worker=True)


def test_an_administrator_begins_one_and_sees_how_far_it_is(folder: Path, sent: Sent, olu: User, login: Login) -> None:
    client = login(olu)
    assert "few.jsonl" in client.get(reverse("console:library")).content.decode()
    client.post(reverse("console:ingest"), {"file": "few.jsonl", "format": "questions", "patients": "yes"})
    run = Ingestion.objects.select_related("source").get()
    assert (run.state, run.source.speaks_to_patients) == (State.WAITING, True)
    assert AuditEntry.objects.filter(action="ingestion.started", actor=olu.pk).count() == 1
    tasks.ingest(str(run.pk))
    assert "1201" in client.get(reverse("console:library")).content.decode()


@pytest.mark.parametrize(
    "data",
    [
        {}, {"file": "../../secret", "format": "questions"}, {"file": "/etc/passwd", "format": "html"},
        {"file": "few.jsonl", "format": "pickle"}, {"file": "few.jsonl"}, {"file": "\x00", "format": "pdf"},
    ],
)  # fmt: skip
def test_what_is_no_file_of_the_folder_is_refused(
    data: dict[str, str], folder: Path, sent: Sent, olu: User, login: Login
) -> None:
    answer = login(olu).post(reverse("console:ingest"), data)
    assert answer.status_code == 400
    assert not Ingestion.objects.exists()
    assert not sent


def test_nobody_else_can_begin_one(folder: Path, sent: Sent, chen: User, alice: User, login: Login) -> None:
    for person in (chen, alice):
        data = {"file": "few.jsonl", "format": "questions"}
        assert login(person).post(reverse("console:ingest"), data).status_code == 404
    assert not sent


def test_a_sign_of_life_of_the_process_renews_what_it_reads_and_nothing_else(
    folder: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued()
    assert line.claim(run.pk) is not None
    soon = timezone.now() + timedelta(seconds=2)
    Ingestion.objects.update(lease_until=soon)
    line.renew_held()
    assert Ingestion.objects.get().lease_until == soon  # another process has it
    monkeypatch.setattr(line, "_held", {run.pk})
    line.renew_held()
    renewed = Ingestion.objects.get().lease_until
    assert renewed is not None
    assert renewed > soon
