"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, roles, sign-up, consent, profile; and the two things every room stands on: field encryption, audit."""

    name = "accounts"

    def ready(self) -> None:
        """Connect the signals that write sign-ins to the audit."""
        from accounts import signals  # noqa: F401
