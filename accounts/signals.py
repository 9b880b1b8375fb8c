"""Sign-in, failed sign-in and sign-out go to the audit; a sign-in, and a password typed again, are fresh proofs."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import authentication_step_completed
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit, fresh
from accounts.models import User


def _address(request: HttpRequest | None) -> str:
    return request.META.get("REMOTE_ADDR", "") if request else ""


@receiver(user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Every way in ends here."""
    audit.record(user, "sign_in", user, address=_address(request))
    fresh.prove(request)


@receiver(authentication_step_completed)
def proved_again(sender: Any, request: HttpRequest, user: User, reauthenticated: bool = False, **kwargs: Any) -> None:
    """Steps of a first sign-in come here too: they prove nothing before the last one."""
    if reauthenticated:
        audit.record(user, "sign_in.again", user, address=_address(request))
        fresh.prove(request)


@receiver(user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Only where somebody was signed in."""
    if user is not None:
        audit.record(user, "sign_out", user, address=_address(request))


@receiver(user_login_failed)
def refused(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """The name that was tried is not kept: people type their password there."""
    audit.record(None, "sign_in", result="refused", address=_address(request))
