"""Who may do what by role. Decorators for views; a person of the wrong role sees the same 404 as for nothing there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.consent import has_consented
from accounts.models import Role, User

View = Callable[..., HttpResponse]


def user_of(request: HttpRequest) -> User:
    """The signed-in user, typed; for views behind one of the decorators below."""
    return cast(User, request.user)


def role_required(*roles: Role) -> Callable[[View], View]:
    """Sign-in first, then one of ``roles``; anyone else gets 404."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if user_of(request).role not in roles:
                raise Http404
            return view(request, *args, **kwargs)

        return cast(View, login_required(guarded))

    return decorate


clinician_required = role_required(Role.CLINICIAN)
administrator_required = role_required(Role.ADMINISTRATOR)


def consenting_patient_required(view: View) -> View:
    """A patient who agreed to the current consent text; others of the role are asked for it first."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not has_consented(user_of(request)):
            return redirect("consent")
        return view(request, *args, **kwargs)

    return role_required(Role.PATIENT)(guarded)
