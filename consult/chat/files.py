"""The files of attachments: sealed with the key ring, each bound to its row, under names of ours. Knows no rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.crypto import needs_new_key, seal, unseal
from consult.chat.models import Attachment

SUFFIX = ".sealed"
FRESH = timedelta(hours=1)  # a file whose row may not be committed yet


def write(pk: UUID, data: bytes) -> None:
    """Keep ``data`` as the file of that row, in place of an earlier one; whole or not at all."""
    path = _path(pk)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.urandom(4).hex()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(seal(data, _place(pk)))
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def read(pk: UUID) -> bytes:
    """The plain bytes; FileNotFoundError where there are none, DecryptionError where they are not that row's."""
    return unseal(_path(pk).read_bytes(), _place(pk))


def rotate(pk: UUID) -> bool:
    """Seal it under the newest key; False where it is already, or where a refused row has no file."""
    path = _path(pk)
    if not path.exists() or not needs_new_key(path.read_bytes()):
        return False
    write(pk, read(pk))
    return True


def delete(pk: UUID) -> None:
    """Gone, or never there."""
    _path(pk).unlink(missing_ok=True)


def delete_after_commit(sender: Any = None, instance: Attachment | None = None, **kwargs: Any) -> None:
    """Of a row that is deleted, whoever deletes it: the patient, an erasure, the end of a retention."""
    if instance is not None:
        pk = instance.pk
        transaction.on_commit(lambda: delete(pk))


def delete_strays() -> int:
    """Files of no row, as a crash between the two may leave them; how many."""
    strays = list(_strays(timezone.now() - FRESH))
    for path in strays:
        path.unlink(missing_ok=True)
    return len(strays)


def _strays(before: datetime) -> Iterator[Path]:
    if not settings.ATTACHMENT_DIR.exists():
        return
    known = {f"{pk.hex}{SUFFIX}" for pk in Attachment.objects.values_list("pk", flat=True)}
    for path in settings.ATTACHMENT_DIR.iterdir():
        if path.name not in known and path.stat().st_mtime < before.timestamp():
            yield path


def _path(pk: UUID) -> Path:
    folder: Path = settings.ATTACHMENT_DIR
    return folder / f"{pk.hex}{SUFFIX}"


def _place(pk: UUID) -> bytes:
    return f"{Attachment._meta.db_table}|file|{pk}".encode()
