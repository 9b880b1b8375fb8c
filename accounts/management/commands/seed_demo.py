"""``manage.py seed_demo``: the cast of the demo, without passwords. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models import Role, User

CAST = [
    ("alice", "Alice", Role.PATIENT),
    ("bob", "Bob", Role.PATIENT),
    ("chen", "Dr Chen", Role.CLINICIAN),
    ("diaz", "Dr Diaz", Role.CLINICIAN),
    ("olu", "Olu", Role.ADMINISTRATOR),
]


class Command(BaseCommand):
    """Make the five people of the demo where they are missing; nobody gets a password."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Nothing happens on a production site."""
        if not settings.DEMO:
            self.stdout.write("CONSULT_DEMO is off: nothing seeded")
            return
        for username, name, role in CAST:
            user, made = User.objects.get_or_create(
                username=username, defaults={"display_name": name, "role": role, "on_duty": role == Role.CLINICIAN}
            )
            if made:
                user.set_unusable_password()
                user.save(update_fields=["password"])
        self.stdout.write(f"{len(CAST)} people of the demo are there")
