"""Consent, sign-in by link, language and text size."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import consent as consents
from accounts import links, preferences, profile
from accounts.access import role_required, user_of
from accounts.models import Profile, Role, User

BACKEND = "django.contrib.auth.backends.ModelBackend"


@role_required(Role.PATIENT)
@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """Show the consent text; agreeing leads on to the chat."""
    user = user_of(request)
    missed = False
    if request.method == "POST":
        if request.POST.get("agree") == "yes":
            consents.give(user, request.LANGUAGE_CODE)
            return redirect("chat:start")
        missed = True
    context = {
        "version": settings.CONSENT_VERSION,
        "minimum_age": settings.MINIMUM_AGE,
        "given": consents.given(user),
        "missed": missed,
    }
    return render(request, "accounts/consent.html", context, status=400 if missed else 200)


@role_required(Role.PATIENT)
@require_POST
def withdraw_consent(request: HttpRequest) -> HttpResponse:
    """Take the agreement back; the chat is closed until it is given again."""
    consents.withdraw(user_of(request))
    return redirect("consent")


@role_required(Role.PATIENT)
@require_http_methods(["GET", "POST"])
def about_me(request: HttpRequest) -> HttpResponse:
    """What the patient chose to tell, to change."""
    user = user_of(request)
    form = profile.ProfileForm(request.POST) if request.method == "POST" else profile.form_for(user)
    if form.is_bound and form.is_valid():
        profile.save(user, form)
        messages.success(request, _("This is kept now."))
        return redirect("profile")
    kept = Profile.objects.filter(user=user).exists()
    return render(request, "accounts/profile.html", {"form": form, "kept": kept}, status=400 if form.is_bound else 200)


@role_required(Role.PATIENT)
@require_POST
def delete_about_me(request: HttpRequest) -> HttpResponse:
    """Forget what the patient told."""
    profile.delete(user_of(request))
    messages.success(request, _("This is deleted."))
    return redirect("profile")


@require_GET
def with_an_adult(request: HttpRequest) -> HttpResponse:
    """The way for those who are too young to sign up."""
    return render(request, "accounts/with_an_adult.html", {"minimum_age": settings.MINIMUM_AGE})


@require_http_methods(["GET", "POST"])
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Opening the link only asks; pressing the button signs in, so that a mail scanner cannot use it up."""
    if request.method == "GET":
        return render(request, "accounts/sign_in_link.html")
    user = links.redeem(token)
    if user is None:
        return render(request, "accounts/sign_in_link.html", {"refused": True}, status=404)
    login(request, user, backend=BACKEND)
    response = redirect("home")
    preferences.bring(request, response, user)
    return response


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Change the language of the pages, for this browser and for the account where there is one."""
    code = request.POST.get("language", "")
    response = _back(request)
    if code not in dict(settings.LANGUAGES) or not check_for_language(code):
        return response
    if request.user.is_authenticated:
        User.objects.filter(pk=user_of(request).pk).update(language=code)
    preferences.keep_language(response, code)
    return response


@require_POST
def set_text_size(request: HttpRequest) -> HttpResponse:
    """Large text on or off, for this browser and for the account where there is one."""
    large = request.POST.get("size") == "large"
    response = _back(request)
    if request.user.is_authenticated:
        User.objects.filter(pk=user_of(request).pk).update(large_text=large)
    preferences.keep_text_size(response, large=large)
    return response


def _back(request: HttpRequest) -> HttpResponse:
    """To the page that the button was on; never to another site."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "/"
    return redirect(target)
