"""Small helps for the conversation's templates: labels in two parts, flash messages under a name of their own."""

from __future__ import annotations

from django import template
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import BaseStorage

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


@register.simple_tag(takes_context=True)
def flash_messages(context: template.Context) -> BaseStorage | list[str]:
    """Django's messages on a page whose ``messages`` are those of a conversation."""
    request = context.get("request")
    return get_messages(request) if request is not None else []
