"""The chat app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete


class ChatConfig(AppConfig):
    """One conversation: its messages, its answers, and the case that a clinician sees."""

    name = "consult.chat"
    label = "chat"

    def ready(self) -> None:
        """Start-up checks, and a refusal to start on rules that do not load."""
        from consult import checks  # noqa: F401
        from consult.chat import files

        # However a row goes (removed, erased with its patient), its file goes too.
        post_delete.connect(files.delete_after_commit, sender="chat.Attachment")
