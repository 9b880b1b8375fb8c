"""``manage.py sign_in_links``: one fresh one-time link for each of the demo's people."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import links
from accounts.models import User


class Command(BaseCommand):
    """Print name, role and link, one person a line. Only seeded people: real ones get theirs by an administrator."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the site is reached."""
        parser.add_argument("--base", default="http://127.0.0.1:8000", help="address that the link starts with")
        parser.add_argument("--user", action="append", default=[], help="user name; default: the demo's three")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the lines."""
        names = options["user"] or ["alice", "chen", "olu"]
        for user in sorted(User.objects.filter(username__in=names), key=lambda one: names.index(one.username)):
            link = f"{options['base']}/sign-in/{links.issue(user)}/"
            self.stdout.write(f"{user.role:<14} {user.name:<10} {link}")
