"""Small helps for the conversation's templates: labels in two parts, flash messages under a name of their own."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import BaseStorage
from django.utils import timezone
from django.utils.formats import date_format

register = template.Library()
SEPARATOR = " · "


@register.filter
def who(label: str) -> str:
    """The first part of a message's label: who wrote it."""
    return label.partition(SEPARATOR)[0]


@register.filter
def how(label: str) -> str:
    """The rest of a message's label: how it was checked; "" for none."""
    return label.partition(SEPARATOR)[2]


@register.filter
def at(moment: str) -> str:
    """A frame's time in words, on the site's clock: a script puts the reader's own in its place."""
    when, now = timezone.localtime(datetime.fromisoformat(moment)), timezone.localtime()
    return date_format(when, "TIME_FORMAT" if when.date() == now.date() else "SHORT_DATETIME_FORMAT")


@register.simple_tag(takes_context=True)
def flash_messages(context: template.Context) -> BaseStorage | list[str]:
    """Django's messages on a page whose ``messages`` are those of a conversation."""
    request = context.get("request")
    return get_messages(request) if request is not None else []
