"""Text to HTML, once, here. Whatever a person or a model wrote ends as a handful of harmless tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

import nh3
from markdown_it import MarkdownIt

TAGS = {"p", "br", "strong", "em", "ul", "ol", "li"}
MARK = re.compile(r"\s*\[(\d{1,2})\]")
# No links, images, HTML or headings: only what helps reading.
markdown = MarkdownIt("zero", {"html": False, "breaks": True}).enable(["emphasis", "list", "newline"])


def plain(text: str) -> str:
    """What a person typed, exactly, with its line breaks."""
    paragraphs = re.split(r"\n{2,}", text.strip())
    return "".join(f"<p>{escape(part).replace(chr(10), '<br>')}</p>" for part in paragraphs)


def answer(text: str, urls: Mapping[int, str]) -> str:
    """An answer with [n] marks: the final HTML is sanitised first, and only then do our own links go in."""
    clean = nh3.clean(markdown.render(text), tags=TAGS, attributes={})
    return MARK.sub(lambda mark: _link(int(mark[1]), urls), clean)


def sentence(text: str, urls: Mapping[int, str]) -> str:
    """One sentence of an answer that is being written, without block tags; a list as it will stand in the answer."""
    if is_block(text):
        return answer(text, urls)
    clean = nh3.clean(markdown.renderInline(text), tags={"strong", "em"}, attributes={})
    return MARK.sub(lambda mark: _link(int(mark[1]), urls), clean)


def _link(number: int, urls: Mapping[int, str]) -> str:
    url = urls.get(number)
    return f' <a class="cite" href="{escape(url)}" data-cite="{number}">{number}</a>' if url else ""


def marked(text: str, citations: list[int]) -> str:
    """A sentence with the marks of its sources behind it."""
    return text + "".join(f" [{number}]" for number in citations)


def is_block(piece: str) -> bool:
    """Whether a piece of an answer has lines of its own, such as a list, and so stands apart."""
    return "\n" in piece or piece.startswith("- ")


def joined(pieces: Sequence[str]) -> str:
    """The sentences of an answer as one text, blocks apart."""
    text = ""
    before = False
    for piece in pieces:
        block = is_block(piece)
        text += ("\n\n" if block or before else " ") + piece.rstrip("\n")
        before = block
    return text.strip()
