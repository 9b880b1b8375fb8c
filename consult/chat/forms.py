"""What the patient's pages post. Length and emptiness are the action's to judge, the same for page and socket."""

from __future__ import annotations

from django import forms


class MessageForm(forms.Form):
    """One message."""

    text = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}))
    client_id = forms.UUIDField(widget=forms.HiddenInput)


class StartForm(forms.Form):
    """The beginning of a conversation."""

    text = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}))
    subject = forms.ChoiceField(required=False, choices=[("self", "self"), ("other", "other")])
