"""From a passage's Markdown to safe HTML. Links lead to topics of ours only; no images, no raw HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

import nh3
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from consult.library.models import Passage

TAGS = {"p", "ul", "ol", "li", "strong", "em", "a"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(["image", "autolink", "html_inline", "html_block"])
_LINK = re.compile(r"\]\(([a-z0-9-]+)\)")


def html(passage: Passage, language: str) -> SafeString:
    """The passage as HTML; ``[label](topic-id)`` becomes a link to that topic."""
    if not passage.markup:
        return format_html_join("", "<p>{}</p>", ((part,) for part in passage.text.split("\n\n")))
    source = _LINK.sub(lambda match: f"]({reverse('library:topic', args=[language, match.group(1)])})", passage.markup)
    clean = nh3.clean(_MARKDOWN.render(source), tags=TAGS, attributes={"a": {"href"}}, url_schemes=set(), link_rel=None)
    return mark_safe(clean)  # noqa: S308 - cleaned on the line above


def highlighted(text: str, spans: Sequence[tuple[int, int]]) -> SafeString:
    """Plain text with the words found in <mark>."""
    parts: list[tuple[str, str]] = []
    at = 0
    for start, end in spans:
        parts.append((text[at:start], text[start:end]))
        at = end
    return format_html("{}{}", format_html_join("", "{}<mark>{}</mark>", parts), text[at:])
