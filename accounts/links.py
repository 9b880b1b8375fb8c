"""One-time sign-in links: for the demo's three people, and for an administrator who invites someone."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import SignInLink, User

LIFETIME = timedelta(hours=12)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue(user: User, lifetime: timedelta = LIFETIME) -> str:
    """A fresh token for ``user``; shown once, stored as a hash."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(user=user, token_hash=_hash(token), expires_at=timezone.now() + lifetime)
    return token


@transaction.atomic
def redeem(token: str) -> User | None:
    """The person of a live, unused link, using it up; None for any other token. Two at once: one wins."""
    now = timezone.now()
    live = SignInLink.objects.filter(token_hash=_hash(token), used_at=None, expires_at__gt=now, user__is_active=True)
    if not live.update(used_at=now):
        return None
    user = SignInLink.objects.select_related("user").get(token_hash=_hash(token)).user
    audit.record(user, "sign_in.link", user)
    return user
