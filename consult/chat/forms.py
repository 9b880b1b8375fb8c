"""What the patient's pages post. Length and emptiness are the action's to judge, the same for page and socket."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from consult.chat.actions import TITLE_MAX, is_visible

NO_NAME = _("Please write a name first.")


class Words(forms.CharField):
    """What somebody wrote, without the one character that no database takes. It is no reason to lose the rest."""

    def to_python(self, value: object) -> str:
        """As text."""
        return str(super().to_python(str(value or "").replace("\x00", "")))


class MessageForm(forms.Form):
    """One message."""

    text = Words(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}))
    client_id = forms.UUIDField(widget=forms.HiddenInput)
    replaces = forms.UUIDField(required=False, widget=forms.HiddenInput)
    choice = Words(required=False, widget=forms.HiddenInput)  # an answer that was pressed

    def clean(self) -> dict[str, Any]:
        """What was pressed and what was typed are one message: nothing that was typed is lost."""
        data: dict[str, Any] = super().clean() or {}
        data["text"] = "\n".join(part for part in (data.pop("choice", ""), data.get("text", "")) if part.strip())
        return data


class StartForm(forms.Form):
    """The beginning of a conversation."""

    text = Words(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}))
    subject = forms.ChoiceField(required=False, choices=[("self", "self"), ("other", "other")])


class NameForm(forms.Form):
    """The name of a conversation."""

    title = Words(max_length=TITLE_MAX, error_messages={"required": NO_NAME})

    def clean_title(self) -> str:
        """A name that one can see."""
        title = str(self.cleaned_data["title"])
        if not is_visible(title):
            raise forms.ValidationError(NO_NAME)
        return title
