"""People, what they agreed to, and the record of what was done."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.crypto import EncryptedJSONField


class Role(models.TextChoices):
    """What a person is here. One role each."""

    PATIENT = "patient", _("Patient")
    CLINICIAN = "clinician", _("Clinician")
    ADMINISTRATOR = "administrator", _("Administrator")


class User(AbstractUser):
    """Anyone who signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.PATIENT)
    display_name = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=8, default="en")
    large_text = models.BooleanField(default=False)
    on_duty = models.BooleanField(default=False)

    def __str__(self) -> str:
        return str(self.id)

    @property
    def name(self) -> str:
        """How others see this person."""
        return self.display_name or self.username

    @property
    def is_patient(self) -> bool:
        """Asks."""
        return self.role == Role.PATIENT

    @property
    def is_clinician(self) -> bool:
        """Answers."""
        return self.role == Role.CLINICIAN

    @property
    def is_administrator(self) -> bool:
        """Runs the place; sees no conversation text."""
        return self.role == Role.ADMINISTRATOR


class Profile(models.Model):
    """What a patient chose to tell about themselves. ``data`` holds the fields of safety's Profile, all optional."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="profile")
    data = EncryptedJSONField(default=dict)
    share_with_model = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)


class Consent(models.Model):
    """One agreement to one version of the consent text; withdrawal is a date, never a deletion."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents")
    version = models.CharField(max_length=32)
    language = models.CharField(max_length=8)
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # The question asked before every chat page: has this user a live consent to this version?
        indexes = [models.Index(fields=["user", "version"], name="consent_user_version")]


class SignInLink(models.Model):
    """A link that signs one person in once. Only its hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)


class AuditEntry(models.Model):
    """Who did what to whose data. The database itself refuses to change or delete a row (see the migration).

    No foreign keys: an entry outlives the people and things that it names. ``detail`` holds ids, counts and
    codes, never health text.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    actor = models.UUIDField(null=True)
    role = models.CharField(max_length=16, blank=True)
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    patient = models.UUIDField(null=True)
    result = models.CharField(max_length=16, default="done")
    address = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["-at"], name="audit_at"),
            models.Index(fields=["patient", "-at"], name="audit_patient"),
            models.Index(fields=["actor", "-at"], name="audit_actor"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only."""
        if not self._state.adding:
            raise TypeError("an audit entry is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise TypeError("an audit entry is never deleted")
