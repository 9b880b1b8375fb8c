"""What the cockpit posts. Emptiness and meaning are the actions' to judge."""

from __future__ import annotations

from django import forms


class ReplyForm(forms.Form):
    """The clinician's words."""

    text = forms.CharField(required=False, strip=False)
    client_id = forms.UUIDField()


class ApproveForm(forms.Form):
    """A draft of the software, as the clinician leaves it."""

    reply = forms.UUIDField()
    text = forms.CharField(required=False, strip=False)


class HandOverForm(forms.Form):
    """To whom."""

    to = forms.UUIDField()


class CloseForm(forms.Form):
    """How it ended, and what was done."""

    outcome = forms.CharField(required=False, max_length=16)
    note = forms.CharField(required=False, strip=False)


class LowerForm(forms.Form):
    """The lower level, and why."""

    level = forms.CharField(required=False, max_length=16)
    reason = forms.CharField(required=False, strip=False)
