"""The console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The administrator's side."""

    name = "consult.console"
    label = "console"
