"""What of the patient's profile goes into an answer: only what they agreed to share, and only about themselves.

Knows nothing of the model; whoever answers takes the words for the prompt from here and keeps the names of the fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from accounts.models import Profile as ProfileRow
from accounts.profile import facts
from consult.chat.models import Conversation
from consult.safety.rules import profile_from
from consult.safety.types import Profile

LISTS = ("conditions", "medicines", "allergies")
NAMES = {
    "age": later("your age"), "sex": later("your sex"), "pregnancy": later("pregnancy"),
    "conditions": later("your long-term illnesses"), "medicines": later("your medicines"),
    "allergies": later("your allergies"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class About:
    """What may be used. ``fields`` are keys of ``NAMES``; ``words`` says the same to the model."""

    fields: tuple[str, ...] = ()
    words: str = ""
    profile: Profile = field(default_factory=Profile)


def shared(conversation: Conversation) -> About:
    """What the patient agreed to share; nothing where they ask for somebody else."""
    row = ProfileRow.objects.filter(user=conversation.patient_id, share_with_model=True).first()
    return about(facts(row)) if row is not None and conversation.subject == "self" else About()


def about(data: Mapping[str, Any]) -> About:
    """Facts as ``accounts.profile.facts`` gives them; unknown ones are left out, never taken for "no"."""
    parts: dict[str, str] = {}
    if data.get("age_years"):
        parts["age"] = f"age {int(data['age_years'])}"
    if data.get("sex"):
        parts["sex"] = str(data["sex"])
    if data.get("pregnant") is not None:
        parts["pregnancy"] = "pregnant" if data["pregnant"] else "not pregnant"
    parts |= {name: f"{name}: {', '.join(data[name])}" for name in LISTS if data.get(name)}
    return About(tuple(parts), "; ".join(parts.values()), profile_of(data))


def profile_of(data: Mapping[str, Any]) -> Profile:
    """The same facts as safety wants them; what it has no use for is left out."""
    known = {one.name for one in dataclasses.fields(Profile)}
    return profile_from({name: value for name, value in data.items() if name in known})


def said(fields: Iterable[str]) -> str:
    """ "I used: your age, pregnancy" in the active language; "" where nothing was used."""
    names = [str(NAMES[name]) for name in fields if name in NAMES]
    return _("I used: %(fields)s.") % {"fields": _(", ").join(names)} if names else ""
