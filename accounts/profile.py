"""What patients may tell about themselves: the form, how it is kept, and what others read of it.

Everything is optional, says what it is for, can be changed and deleted. Unknown stays unknown: no answer is "no".
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import Profile, User

OLDEST_YEARS = 125
LIST_MAX = 30
ITEM_MAX = 80
SPLIT = re.compile(r"[\n,;，；、]+")
LISTS = ("conditions", "medicines", "allergies")


class ListField(forms.CharField):
    """Short names, one a line or with commas between them."""

    widget = forms.Textarea(attrs={"rows": 2, "dir": "auto"})

    def clean(self, value: Any) -> list[str]:
        """The names; ValidationError for too many or too long ones."""
        items = [item.strip() for item in SPLIT.split(super().clean(value) or "") if item.strip()]
        if len(items) > LIST_MAX:
            raise ValidationError(_("Please name at most %(n)d."), params={"n": LIST_MAX})
        if any(len(item) > ITEM_MAX for item in items):
            raise ValidationError(_("Please keep each name to %(n)d characters."), params={"n": ITEM_MAX})
        return items

    def prepare_value(self, value: Any) -> Any:
        """One a line."""
        return "\n".join(value) if isinstance(value, list) else value


class ProfileForm(forms.Form):
    """The whole profile on one page."""

    birth_year = forms.IntegerField(
        required=False, label=_("Year of birth"),
        help_text=_("Some signs mean more in small children and in older people."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "bday-year"}),
    )  # fmt: skip
    sex = forms.ChoiceField(
        required=False, label=_("Sex"), help_text=_("Some illnesses show differently in women and men."),
        choices=[("", _("Rather not say")), ("female", _("Female")), ("male", _("Male")), ("other", _("Other"))],
    )  # fmt: skip
    pregnant = forms.ChoiceField(
        required=False, label=_("Are you pregnant?"),
        help_text=_("Bleeding, pain or headache then need a quicker look."),
        choices=[("", _("Rather not say")), ("yes", _("Yes")), ("no", _("No"))],
    )  # fmt: skip
    conditions = ListField(
        required=False,
        label=_("Illnesses that you have had for long"),
        help_text=_("Such as asthma or diabetes. One a line."),
    )
    medicines = ListField(
        required=False,
        label=_("Medicines that you take"),
        help_text=_("Some make a bleed or an infection more serious."),
    )
    allergies = ListField(
        required=False, label=_("Allergies"), help_text=_("So that the clinician who answers you knows.")
    )
    share_with_model = forms.BooleanField(required=False, label=_("The software may use this in its answers to me."))

    def clean_birth_year(self) -> int | None:
        """A year in which somebody alive can have been born."""
        year: int | None = self.cleaned_data["birth_year"]
        now = timezone.now().year
        if year is not None and not now - OLDEST_YEARS <= year <= now:
            raise ValidationError(_("Please write a year between %(first)d and %(last)d."), params={
                "first": now - OLDEST_YEARS, "last": now,
            })  # fmt: skip
        return year


def form_for(user: User) -> ProfileForm:
    """The form with what is known."""
    row = Profile.objects.filter(user=user).first()
    if row is None:
        return ProfileForm()
    pregnant = {True: "yes", False: "no"}.get(row.data.get("pregnant"), "")
    return ProfileForm(initial={**row.data, "pregnant": pregnant, "share_with_model": row.share_with_model})


@transaction.atomic
def save(user: User, form: ProfileForm) -> None:
    """Keep what a valid ``form`` says; fields left empty are not kept at all."""
    given = form.cleaned_data
    data: dict[str, Any] = {name: given[name] for name in ("birth_year", "sex", *LISTS) if given[name]}
    if given["pregnant"]:
        data["pregnant"] = given["pregnant"] == "yes"
    row, _made = Profile.objects.update_or_create(
        user=user, defaults={"data": data, "share_with_model": given["share_with_model"]}
    )
    audit.record(user, "profile.changed", row, patient=user.pk, fields=len(data), shared=given["share_with_model"])


@transaction.atomic
def delete(user: User) -> None:
    """Forget all of it."""
    deleted, _by_model = Profile.objects.filter(user=user).delete()
    if deleted:
        audit.record(user, "profile.deleted", patient=user.pk)


def facts(row: Profile | None) -> dict[str, Any]:
    """What is told, with the age in years (``age_years``) as it is now; {} for nothing."""
    if row is None:
        return {}
    data = dict(row.data)
    if data.get("birth_year"):
        data["age_years"] = float(timezone.now().year - data["birth_year"])
    return data
