"""The site's secrets: read from the environment, or made once into ``var/secret`` for the embedded default."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def site_key(var: Path, *, may_create: bool) -> str:
    """Django's SECRET_KEY, from ``var/secret/site_key``."""
    return _read_or_make(var / "secret" / "site_key", secrets.token_urlsafe(48), "SECRET_KEY", may_create)


def field_keys(value: str, var: Path, *, may_create: bool) -> dict[str, bytes]:
    """The key ring for encrypted fields, id to 32-byte key, the first being the one that writes.

    ``value`` is ``id:base64,id:base64``; where it is empty the ring is ``var/secret/field_keys.json``.
    """
    if value:
        pairs = [item.split(":", 1) for item in value.split(",")]
        if any(len(pair) != 2 for pair in pairs):
            raise ImproperlyConfigured("CONSULT_FIELD_KEYS must read id:base64,id:base64")
        ring = {name.strip(): key for name, key in pairs}
    else:
        fresh = json.dumps({"k1": base64.b64encode(os.urandom(32)).decode()})
        path = var / "secret" / "field_keys.json"
        ring = json.loads(_read_or_make(path, fresh, "CONSULT_FIELD_KEYS", may_create))
    return {name: _decoded(name, key) for name, key in ring.items()}


def _decoded(name: str, key: str) -> bytes:
    try:
        raw = base64.b64decode(key, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32 or not 0 < len(name.encode()) < 256:
        raise ImproperlyConfigured(f"field key {name!r} is not 32 bytes in base64")
    return raw


def _read_or_make(path: Path, fresh: str, variable: str, may_create: bool) -> str:
    """What ``path`` holds; written with ``fresh`` first where it is missing. Two starters agree on one value."""
    if not path.exists():
        if not may_create:
            raise ImproperlyConfigured(f"{variable} is not set; production makes no secret by itself")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(fresh)
        try:
            os.link(draft, path)  # fails where another process was first: then theirs counts
        except FileExistsError:
            pass
        draft.unlink()
    return path.read_text().strip()
