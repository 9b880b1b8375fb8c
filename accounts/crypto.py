"""Encrypted model fields: AES-256-GCM, a ring of keys by id, ciphertext bound to its table, column and row.

A value copied to another row, column or table does not decrypt. Stored form:
``1 byte version | 1 byte length of key id | key id | 12 bytes nonce | ciphertext and tag``.
Rows need their primary key before they are saved (ours are random UUIDs), and cannot be searched or changed
by ``filter`` or ``update``: both raise.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

VERSION = 1
NONCE_BYTES = 12


class DecryptionError(Exception):
    """The stored bytes are not what this row's column was given; the message names no content."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Bytes as they lie in the database, not yet opened."""

    data: bytes


def seal(plain: bytes, place: bytes) -> bytes:
    """``plain`` under the ring's first key, bound to ``place``."""
    name, key = next(iter(settings.FIELD_KEYS.items()))
    nonce = os.urandom(NONCE_BYTES)
    key_id = name.encode()
    return bytes([VERSION, len(key_id)]) + key_id + nonce + AESGCM(key).encrypt(nonce, plain, place)


def unseal(data: bytes, place: bytes) -> bytes:
    """The plain bytes; DecryptionError for another place, a lost key or one changed byte."""
    if len(data) < 2 or data[0] != VERSION:
        raise DecryptionError("not an encrypted value of a known version")
    key_id, rest = data[2 : 2 + data[1]], data[2 + data[1] :]
    key = settings.FIELD_KEYS.get(key_id.decode("utf-8", "replace"))
    if key is None:
        raise DecryptionError(f"no field key named {key_id!r}")
    try:
        return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], place)
    except InvalidTag as error:
        raise DecryptionError("the value was changed, or belongs to another row") from error


def needs_new_key(data: bytes) -> bool:
    """Whether that was sealed under another key than the one that writes now."""
    return data[2 : 2 + data[1]].decode("utf-8", "replace") != next(iter(settings.FIELD_KEYS))


class _Opened:
    """Opens a sealed value at first use, when the row that it belongs to is known."""

    def __init__(self, field: EncryptedTextField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        value = instance.__dict__[self.field.attname]
        if isinstance(value, Sealed):
            value = self.field.opened(value, instance)
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.Field):  # type: ignore[type-arg]
    """Text that lies encrypted in the database."""

    def get_internal_type(self) -> str:
        """Bytes, whatever the database calls them."""
        return "BinaryField"

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        """Put the opening descriptor in place of the plain attribute."""
        super().contribute_to_class(cls, name, private_only=private_only)
        setattr(cls, self.attname, _Opened(self))

    def place(self, instance: models.Model) -> bytes:
        """What the ciphertext is bound to."""
        return f"{instance._meta.db_table}|{self.column}|{instance.pk}".encode()

    def opened(self, value: Sealed, instance: models.Model) -> Any:
        """The Python value of a sealed one."""
        return self.from_plain(unseal(value.data, self.place(instance)).decode())

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        """Seal for this row, every time with a fresh nonce."""
        value = getattr(model_instance, self.attname)
        if value is None:
            return None
        return Sealed(seal(self.to_plain(value).encode(), self.place(model_instance)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Only what pre_save sealed may reach the database."""
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise FieldError(f"{self.name} is encrypted: save the row; filter and update cannot use it")
        return connection.Database.Binary(value.data)

    def get_lookup(self, lookup_name: str) -> Any:
        """Nothing but "is it empty" can be asked of the database."""
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be searched by {lookup_name!r}")
        return super().get_lookup(lookup_name)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Sealed | None:
        """Keep it sealed until the row is known."""
        return None if value is None else Sealed(bytes(value))

    def to_plain(self, value: Any) -> str:
        """The text that is encrypted."""
        return str(value)

    def from_plain(self, text: str) -> Any:
        """Back from the text."""
        return text


class EncryptedJSONField(EncryptedTextField):
    """JSON that lies encrypted in the database. Change it by assigning a new value."""

    def to_plain(self, value: Any) -> str:
        """Compact JSON."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def from_plain(self, text: str) -> Any:
        """The value again."""
        return json.loads(text)
