"""Agreement to the use of health data: versioned, dated, withdrawable."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Consent, User


def given(user: User) -> Consent | None:
    """The agreement of ``user`` to the current text, if there is one that was not taken back."""
    return user.consents.filter(version=settings.CONSENT_VERSION, withdrawn_at=None).first()


def has_consented(user: User) -> bool:
    """Whether ``user`` agreed to the current text and did not take it back."""
    return given(user) is not None


@transaction.atomic
def give(user: User, language: str) -> None:
    """Record agreement to the current version; a second time changes nothing."""
    if not has_consented(user):
        consent = Consent.objects.create(user=user, version=settings.CONSENT_VERSION, language=language)
        audit.record(user, "consent.given", consent, patient=user.pk, version=consent.version)


@transaction.atomic
def withdraw(user: User) -> None:
    """Take back every agreement. Open sockets notice at their next frame."""
    changed = user.consents.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
    if changed:
        audit.record(user, "consent.withdrawn", patient=user.pk, count=changed)
