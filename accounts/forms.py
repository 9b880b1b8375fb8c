"""What sign-up asks besides allauth's own fields: whether the person is old enough. No date of birth is kept for it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from accounts import audit
from accounts.models import User


class AgeForm(forms.Form):
    """Added to allauth's sign-up form by ``ACCOUNT_SIGNUP_FORM_CLASS``."""

    age = forms.ChoiceField(
        label=later("How old are you?"),
        help_text=later("So that nobody uses this alone who is too young for it. Only your answer is kept."),
        error_messages={"required": later("Please choose your age.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "username" in self.fields:
            self.fields["username"].error_messages["min_length"] = _("Please choose a name of at least 3 characters.")
        least = {"age": settings.MINIMUM_AGE}
        self.fields["age"].choices = [  # type: ignore[attr-defined]
            ("", _("Please choose")),
            ("old_enough", _("%(age)d or older") % least),
            ("too_young", _("younger than %(age)d") % least),
        ]

    def clean_age(self) -> str:
        """Somebody too young is shown the way with an adult, and no account is made."""
        if self.cleaned_data["age"] != "old_enough":
            text = _("You need an adult who asks for you.")
            link = format_html('<a href="{}">{}</a>', reverse("with_an_adult"), _("How this works"))
            raise ValidationError(format_html("{} {}", text, link))
        return "old_enough"

    def signup(self, request: Any, user: User) -> None:
        """allauth calls this once the account is there."""
        audit.record(user, "account.created", user, patient=user.pk, minimum_age=settings.MINIMUM_AGE)
