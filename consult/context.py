"""What every template may use of the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from consult.safety.messages import standing_notice
from consult.safety.numbers import for_country
from consult.safety.types import language_from


def site(request: HttpRequest) -> dict[str, Any]:
    """Name, numbers and the standing notice in the reader's language."""
    language = language_from(get_language())
    return {
        "site_name": settings.SITE_NAME,
        "numbers": for_country(settings.COUNTRY),
        "standing_notice": standing_notice(language, settings.COUNTRY),
    }
