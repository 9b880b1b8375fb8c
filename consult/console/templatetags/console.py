"""Small helps for the console's tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template

from consult.console.numbers import span

register = template.Library()


@register.filter
def short(value: Any, count: int = 8) -> str:
    """The beginning of an id or hash."""
    return str(value)[:count]


@register.filter
def item(names: Mapping[str, Any], key: str) -> str:
    """The name of a code; "" for no code, the code itself where it has no name."""
    return str(names.get(key, key))


@register.filter
def after(moment: datetime | None, start: datetime | None) -> str:
    """How long after ``start``, in words; "" where one of them has not been."""
    return span(moment - start) if moment and start else ""
