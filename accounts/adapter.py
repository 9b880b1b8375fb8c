"""What allauth asks us: where to go after sign-in, and who may sign up."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse

from accounts import preferences


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up makes patients, whatever the form says; staff are made by an administrator."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Keep the language and text size that the person signed up with."""
        user.language = getattr(request, "LANGUAGE_CODE", "en")
        user.large_text = preferences.wants_large_text(request)
        return super().save_user(request, user, form, commit)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Another device of the same person speaks the same language, in the same size."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        preferences.bring(request, response, user)
        return response
