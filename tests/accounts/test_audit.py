"""The audit cannot be changed or deleted, by our code or behind its back."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.models import AuditEntry, User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def delete_trigger(db: None) -> None:
    """The suite runs without it (see conftest): here it stands as the migration makes it."""
    migration = import_module("accounts.migrations.0002_append_only_audit")
    statements = migration.SQLITE if connection.vendor == "sqlite" else migration.POSTGRESQL
    with connection.cursor() as cursor:
        cursor.execute(next(one for one in statements if "audit_no_delete" in one))


def test_an_entry_says_who_did_what_to_whose_data(chen: User, alice: User) -> None:
    entry = audit.record(chen, "profile.read", alice, patient=alice.pk, why="case")
    entry.refresh_from_db()
    assert (entry.actor, entry.role, entry.action) == (chen.pk, "clinician", "profile.read")
    assert (entry.target, entry.target_id, entry.patient) == ("accounts.user", str(alice.pk), alice.pk)
    assert entry.detail == {"why": "case"}


def test_our_own_code_cannot_change_or_delete_an_entry(chen: User) -> None:
    entry = audit.record(chen, "queue.read")
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()


@pytest.mark.parametrize(
    "statement", ["UPDATE accounts_auditentry SET action = 'x'", "DELETE FROM accounts_auditentry"]
)
def test_the_database_refuses_to_change_or_delete_an_entry(chen: User, statement: str) -> None:
    audit.record(chen, "queue.read")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.filter(action="queue.read").exists()


def test_the_queryset_cannot_change_or_delete_entries_either(chen: User) -> None:
    audit.record(chen, "queue.read")
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.update(action="x")
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_an_action_that_is_rolled_back_leaves_no_entry(chen: User) -> None:
    class Undone(Exception):
        pass

    def act_and_fail() -> None:
        with transaction.atomic():
            audit.record(chen, "marker.undone")
            raise Undone

    with pytest.raises(Undone):
        act_and_fail()
    assert not AuditEntry.objects.filter(action="marker.undone").exists()
