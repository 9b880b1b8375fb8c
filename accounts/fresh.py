"""Is it still the same person? Asked before health data leaves as a file: whoever finds a browser open has no password.

Every way in counts as a proof for ``FRESH_SIGN_IN_S`` seconds, and so does the password typed again. The time of the
last proof is in the session, which ends with sign-out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

View = Callable[..., HttpResponse]
PROVED = "proved_at"


def prove(request: HttpRequest) -> None:
    """This session's person has just shown who they are."""
    request.session[PROVED] = time.time()


def is_fresh(request: HttpRequest) -> bool:
    """Whether that was a short time ago."""
    at: float = request.session.get(PROVED, 0)
    return time.time() - at < settings.FRESH_SIGN_IN_S


def fresh_sign_in_required(view: View) -> View:
    """For a page, inside one of access.py's decorators: others prove themselves first and then come back to it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if is_fresh(request):
            return view(request, *args, **kwargs)
        ways = get_adapter().get_reauthentication_methods(request.user)
        if not ways:  # came by a sign-in link, and has no password
            return render(request, "accounts/sign_in_again.html", status=403)
        return redirect(f"{ways[0]['url']}?{urlencode({'next': request.get_full_path()})}")

    return guarded
