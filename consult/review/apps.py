"""The review app."""

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    """The clinician's side."""

    name = "consult.review"
    label = "review"
