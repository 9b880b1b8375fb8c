"""A patient's message with the words marked that triage saw. Knows texts and spans; no rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString, mark_safe

from consult.chat import render

OPEN, CLOSE = "\ue000", "\ue001"  # private characters that stand for the tags until the text is escaped
MARKS = re.compile(f"[{OPEN}{CLOSE}]")


def marked(text: str, spans: Iterable[tuple[int, int]]) -> SafeString:
    """``text`` as HTML, escaped, with characters ``start`` to ``end`` of each span in a mark.

    Spans outside the text are left out; overlapping ones become one; a mark never crosses a line end.
    """
    return _with_tags(render.plain(_with_marks(text, spans)))


def inline(text: str, spans: Iterable[tuple[int, int]]) -> SafeString:
    """As ``marked``, without paragraphs."""
    return _with_tags(escape(_with_marks(text, spans)))


def _with_marks(text: str, spans: Iterable[tuple[int, int]]) -> str:
    clean = MARKS.sub("\ufffd", text)  # same length: the spans still fit
    parts, at = [], 0
    for start, end in merged(spans, len(clean)):
        parts += [clean[at:start], _in_marks(clean[start:end])]
        at = end
    return "".join([*parts, clean[at:]])


def _with_tags(escaped: str) -> SafeString:
    html = escaped.replace(OPEN, '<mark class="seen-words">').replace(CLOSE, "</mark>")
    return mark_safe(html)  # noqa: S308 (everything that a person wrote is escaped before the tags go in)


def merged(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Spans in order, none empty, none overlapping, all within ``length``."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not 0 <= start < end <= length:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _in_marks(words: str) -> str:
    return "\n".join(f"{OPEN}{line}{CLOSE}" if line else "" for line in words.split("\n"))
