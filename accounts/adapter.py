"""What allauth asks us: where to go after sign-in, and who may sign up."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up makes patients, whatever the form says; staff are made by an administrator."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep the language that the person signed up in."""
        user.language = getattr(request, "LANGUAGE_CODE", "en")
        return super().save_user(request, user, form, commit)
