"""Language and text size: in a cookie, so that they hold before sign-in too, and with the account for other devices."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.models import User

TEXT_SIZE = "text_size"
A_YEAR_S = 31_536_000


def wants_large_text(request: HttpRequest) -> bool:
    """As this browser was last told."""
    return request.COOKIES.get(TEXT_SIZE) == "large"


def keep_language(response: HttpResponse, code: str) -> None:
    """In this browser."""
    _keep(response, settings.LANGUAGE_COOKIE_NAME, code)


def keep_text_size(response: HttpResponse, *, large: bool) -> None:
    """In this browser."""
    _keep(response, TEXT_SIZE, "large" if large else "normal")


def bring(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """At sign-in: what the account knows, where nobody has chosen in this browser."""
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        keep_language(response, user.language)
    if TEXT_SIZE not in request.COOKIES:
        keep_text_size(response, large=user.large_text)


def _keep(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=A_YEAR_S, samesite="Lax", secure=settings.HTTPS, httponly=True)
