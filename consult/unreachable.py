"""What a patient sees instead of the browser's own error when a conversation is opened or reloaded and the site cannot
be reached: one page, the same for everybody, which a tiny service worker keeps. Nothing of a person is ever kept.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page(request: HttpRequest) -> HttpResponse:
    """In both languages, because it is kept before one knows who will read it."""
    return render(request, "unreachable.html")


def worker(request: HttpRequest) -> HttpResponse:
    """The service worker. Its text names the hashed style sheets: when they change, browsers take the new one."""
    answer = render(request, "unreachable.js", content_type="text/javascript")
    answer.headers["Cache-Control"] = "no-cache"
    return answer
