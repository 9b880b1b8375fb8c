"""The living page of the design system; only where the demo or DEBUG is on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(request: HttpRequest) -> HttpResponse:
    """Every component with every state."""
    return render(request, "styleguide.html")
