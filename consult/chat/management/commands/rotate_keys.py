"""``manage.py rotate_keys``: brings all that lies encrypted, columns and attached files, under the ring's first key.

Put a new key first in CONSULT_FIELD_KEYS, start every process again, then run this. It may be stopped and run again at
any time, and people may go on using the site. Knows no model by name: it asks each for its encrypted fields.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import models, transaction

from accounts.crypto import EncryptedTextField, Sealed, needs_new_key
from consult.chat import files
from consult.chat.models import Attachment

BATCH = 200  # rows that are locked at a time


class Command(BaseCommand):
    """Print how much was brought over, and which keys the site does not need any more."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Row by row, then file by file."""
        for model in apps.get_models():
            fields = [one.attname for one in model._meta.concrete_fields if isinstance(one, EncryptedTextField)]
            if fields:
                self.stdout.write(f"{model._meta.label}: {sum(map(len, _batches(model, fields)))} rows")
        brought = sum(_rotate_file(pk) for pk in Attachment.objects.values_list("pk", flat=True))
        first, *others = settings.FIELD_KEYS
        self.stdout.write(f"attached files: {brought}")
        self.stdout.write(f"All lies under {first}. Needed for older backups only: {', '.join(others) or 'none'}")


def _batches(model: type[models.Model], fields: list[str]) -> Any:
    """Each batch of rows that were sealed anew."""
    last = None
    while True:
        rows = model._base_manager.only("pk", *fields).order_by("pk").select_for_update()
        with transaction.atomic():
            batch = list((rows.filter(pk__gt=last) if last else rows)[:BATCH])
            if not batch:
                return
            last = batch[-1].pk
            yield [row for row in batch if _rotate_row(row, fields)]


def _rotate_row(row: models.Model, fields: list[str]) -> bool:
    """Saving seals under the first key."""
    values = {name: row.__dict__[name] for name in fields}
    old = [name for name, value in values.items() if isinstance(value, Sealed) and needs_new_key(value.data)]
    if old:
        row.save(update_fields=old)
    return bool(old)


def _rotate_file(pk: Any) -> bool:
    """Under the lock of its row, which also stands while a worker or its patient replaces or removes the file."""
    with transaction.atomic():
        row = Attachment.objects.only("pk").select_for_update().filter(pk=pk).first()
        return row is not None and files.rotate(pk)
