"""The chat app."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """One conversation: its messages, its answers, and the case that a clinician sees."""

    name = "consult.chat"
    label = "chat"

    def ready(self) -> None:
        """Start-up checks, and a refusal to start on rules that do not load."""
        from consult import checks  # noqa: F401
