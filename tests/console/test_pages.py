"""Numbers, plot, processes, adapters and the audit as the administrator sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, User
from consult.chat import actions as chat
from consult.chat import heartbeat, lease
from consult.chat.models import Case, Conversation, Heartbeat, Reply
from consult.console import adapters, lists, numbers, plot
from consult.safety.types import Verdict

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
Login = Callable[[User], "Client"]


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is midday: what happened an hour ago happened today, at whatever hour the tests run."""
    at = timezone.localtime().replace(hour=12, minute=0)
    monkeypatch.setattr(timezone, "now", lambda: at)


@pytest.fixture
def office(noon: None, olu: User, login: Login) -> Client:
    """Olu's browser."""
    return login(olu)


def make_case(patient: User, level: str = "urgent", *, days: float = 0, taken_after: int | None = None) -> Case:
    opened = timezone.now() - timedelta(days=days, minutes=60)
    taken = opened + timedelta(minutes=taken_after) if taken_after is not None else None
    return Case.objects.create(
        conversation=Conversation.objects.create(patient=patient), level=level, rank=2, cause="triage",
        opened_at=opened, due_at=opened + timedelta(minutes=30), claimed_at=taken,
        state=Case.State.CLAIMED if taken else Case.State.WAITING,
    )  # fmt: skip


def value_of(label: str) -> numbers.Number:
    return next(one for one in numbers.five() if one.label == label)


def test_an_empty_house_has_a_page_too(office: Client) -> None:
    page = office.get(reverse("console:today")).content.decode()
    assert "No cases in 14 days" in page
    assert "No worker with a model is running" in page
    assert "something is not well" in page


def test_every_number_leads_to_its_rows(office: Client, alice: User) -> None:
    make_case(alice)
    for one in numbers.five():
        assert office.get(one.href).status_code == 200


def test_the_waiting_are_counted_and_the_late_are_said(alice: User) -> None:
    make_case(alice)
    make_case(alice, taken_after=5)
    one = value_of("Waiting now")
    assert (one.value, one.tone) == ("1", "urgent")
    assert "1 late" in one.note


def test_the_first_action_is_the_median_of_the_urgent(alice: User) -> None:
    for minutes in (4, 9, 50):
        make_case(alice, taken_after=minutes)
    make_case(alice, "emergency", taken_after=1)
    assert value_of("First action, urgent").value == "9 min"


def test_refused_sentences_are_a_share_of_all_judged(alice: User) -> None:
    conversation = chat.start_conversation(alice, language="en")
    chat.post_patient_message(alice, conversation.pk, uuid4(), "What helps a cold?")
    reply = lease.claim(Reply.objects.get().pk)
    assert reply is not None
    for at in range(4):
        allowed = at != 2
        lease.store_sentence(reply, at, at if allowed else None, Verdict(allowed, "A sentence."), "A sentence.")
    one = value_of("Refused sentences")
    assert (one.value, one.note) == ("25.0 %", "1 of 4, 7 days")
    row = lists.replies()[0]
    assert (row["judged"], row["refused"]) == (4, 1)


def test_an_answer_without_sentences_counts_no_refusal(alice: User) -> None:
    conversation = chat.start_conversation(alice, language="en")
    chat.post_patient_message(alice, conversation.pk, uuid4(), "What helps a cold?")
    assert lists.replies()[0]["refused"] == 0


def test_cases_are_counted_by_day_and_level(alice: User) -> None:
    make_case(alice, "urgent")
    make_case(alice, "urgent", days=3)
    make_case(alice, "routine", days=3)
    make_case(alice, "routine", days=30)
    days, series = numbers.cases_by_day()
    assert (len(days), days[-1]) == (14, timezone.localdate())
    assert (sum(series["urgent"]), sum(series["routine"]), sum(series["emergency"])) == (2, 1, 0)


def test_the_plot_and_its_table_hold_the_same_figures(office: Client, alice: User) -> None:
    make_case(alice, "urgent")
    page = office.get(reverse("console:today"))
    assert "Urgent 1" in page.content.decode()
    assert page.context["totals"] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("values", [[0, 1], [3, 3], [7, 100], [12345, 0]])
def test_lines_stay_inside_the_chart(values: list[int]) -> None:
    (line,) = plot.lines({"urgent": values})
    heights = [float(point.split(",")[1]) for point in line.points.split()]
    assert all(plot.TOP <= height <= plot.HEIGHT - plot.BOTTOM for height in heights)
    assert plot.ceiling({"urgent": values}) >= max(values)


def test_labels_of_lines_that_end_together_stand_apart() -> None:
    labels = sorted(plot.spread({"a": 300.0, "b": 300.0, "c": 301.0, "d": 354.0, "e": 354.0}).values())
    assert all(below - above >= plot.LABEL_GAP for above, below in pairwise(labels))
    assert labels[-1] <= plot.HEIGHT - plot.BOTTOM


def test_a_level_without_cases_has_no_line() -> None:
    assert plot.lines({"urgent": [0, 0], "routine": [0, 1]})[0].name == "routine"


def test_a_silent_process_is_named_as_such(office: Client) -> None:
    heartbeat.beat("worker-llm@here", "worker-llm", ready=True, info={"memory_mib": 900.0, "device": "cpu"})
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    page = office.get(reverse("console:today")).content.decode()
    assert "no sign of life" in page
    assert "not started" in page  # the worker and beat


def test_the_adapter_in_use_is_what_the_worker_says(office: Client) -> None:
    info = {"base": "smollm2-135m", "adapter": "consult-1", "device": "cpu", "dtype": "bfloat16", "memory_mib": 800.0}
    heartbeat.beat("worker-llm@here", "worker-llm", ready=True, info=info)
    for name in ("today", "models"):
        page = office.get(reverse(f"console:{name}")).content.decode()
        assert "consult-1" in page
        assert "smollm2-135m" in page


def test_cards_of_adapters_are_read_and_a_broken_one_is_said(
    tmp_path: Path, settings: SettingsWrapper, office: Client
) -> None:
    settings.ROOT = tmp_path
    for name, text in (
        ("good", json.dumps({"base_hash": "abc", "data": {"rows": 1200}, "loss": 0.123456})),
        ("bad", "{"),
    ):
        folder = tmp_path / "llm" / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "card.json").write_text(text)
    bad, good = adapters.cards()
    assert not bad.readable
    assert dict(good.facts) == {"base_hash": "abc", "data.rows": "1200", "loss": "0.1235"}
    page = office.get(reverse("console:models")).content.decode()
    assert "The card of this adapter cannot be read." in page


def test_the_cases_are_filtered(office: Client, alice: User) -> None:
    make_case(alice, "urgent")
    make_case(alice, "routine", taken_after=5)
    rows = office.get(reverse("console:cases"), {"state": "claimed"}).context["rows"]
    assert [row["level"] for row in rows] == ["routine"]
    rows = office.get(reverse("console:cases"), {"level": "urgent", "state": "nonsense"}).context["rows"]
    assert [row["level"] for row in rows] == ["urgent"]


def actions_shown(page: object) -> set[str]:
    return {row["entry"].action for row in page.context["entries"]}  # type: ignore[attr-defined]


def test_the_audit_is_filtered_by_action_actor_and_patient(office: Client, alice: User, bob: User, chen: User) -> None:
    audit.record(chen, "case.read", patient=alice.pk)
    audit.record(chen, "case.claimed", patient=bob.pk)
    audit.record(None, "case.opened", patient=alice.pk)
    url = reverse("console:audit")
    assert actions_shown(office.get(url, {"action": "case.read"})) == {"case.read"}
    assert actions_shown(office.get(url, {"actor": "chen"})) == {"case.read", "case.claimed"}
    assert actions_shown(office.get(url, {"actor": str(chen.pk), "patient": "bob"})) == {"case.claimed"}
    assert "case.opened" in actions_shown(office.get(url, {"actor": "system"}))
    assert actions_shown(office.get(url, {"actor": "nobody-of-that-name"})) == set()


def test_the_audit_is_paged_without_gaps_or_repeats(office: Client, chen: User) -> None:
    for _count in range(120):
        audit.record(chen, "case.read")
    url, seen = reverse("console:audit") + "?action=case.read", []
    while url:
        page = office.get(url)
        seen += [row["entry"].pk for row in page.context["entries"]]
        older = page.context["older"]
        url = reverse("console:audit") + older if older else ""
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("name", ["audit", "cases", "people", "conversations", "replies"])
def test_odd_queries_get_a_page(office: Client, name: str) -> None:
    for query in ("before=x", "before=-1", "patient=%00", "page=99999", "action=%27", "state=%3Cb%3E"):
        assert office.get(f"{reverse(f'console:{name}')}?{query}").status_code == 200, query


def test_the_erased_stay_in_the_audit_by_id(office: Client, alice: User) -> None:
    gone = uuid4()
    AuditEntry.objects.create(actor=gone, role="clinician", action="case.read", patient=alice.pk)
    page = office.get(reverse("console:audit"), {"action": "case.read"}).content.decode()
    assert str(gone)[:8] in page
