"""The library app."""

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    """Public health content and medical literature: loading, search, citations, pages."""

    name = "consult.library"
    label = "library"
