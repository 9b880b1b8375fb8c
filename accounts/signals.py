"""Sign-in, failed sign-in and sign-out go to the audit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit
from accounts.models import User


def _address(request: HttpRequest | None) -> str:
    return request.META.get("REMOTE_ADDR", "") if request else ""


@receiver(user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Every way in ends here."""
    audit.record(user, "sign_in", user, address=_address(request))


@receiver(user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Only where somebody was signed in."""
    if user is not None:
        audit.record(user, "sign_out", user, address=_address(request))


@receiver(user_login_failed)
def refused(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """The name that was tried is not kept: people type their password there."""
    audit.record(None, "sign_in", result="refused", address=_address(request))
