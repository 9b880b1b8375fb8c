"""The database refuses to change or delete an audit entry; and the table of the cache is made."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db import migrations

TABLE = "accounts_auditentry"

SQLITE = [
    f"""CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
    f"""CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
]
POSTGRESQL = [
    """CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$""",
    f"""CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
    f"""CREATE TRIGGER audit_no_delete BEFORE DELETE OR TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()""",
]


def protect(apps: Any, schema_editor: Any) -> None:
    """Install the triggers for this kind of database."""
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def make_cache_table(apps: Any, schema_editor: Any) -> None:
    """What ``createcachetable`` does, so that nobody has to remember it."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    """Triggers and the cache table."""

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunPython(protect, migrations.RunPython.noop),
        migrations.RunPython(make_cache_table, migrations.RunPython.noop),
    ]
