"""The words of a clean file: a PDF's own where it has them, else those of its pages as pictures. Only in the child."""

from __future__ import annotations

import io
import re
import time
import unicodedata
from collections.abc import Iterator

from PIL import Image

from consult.documents import papers
from consult.documents.types import Kind, Limits, Reading

TIME_S = 60.0  # no further page is begun after that
LIGATURES = re.compile("[\ufb00-\ufb06]")


def read(data: bytes, kind: Kind, limits: Limits) -> Reading:
    """Page after page, until there is as much as anybody will use."""
    end = time.monotonic() + TIME_S
    texts: list[str] = []
    for text in _pages(data, kind, limits):
        texts.append(tidy(text))
        if sum(map(len, texts)) > limits.chars or time.monotonic() > end:
            break
    return Reading("\n\n".join(filter(None, texts))[: limits.chars], len(texts))


def _pages(data: bytes, kind: Kind, limits: Limits) -> Iterator[str]:
    if kind != Kind.PDF:
        yield _seen(Image.open(io.BytesIO(data)))
        return
    for number, text in enumerate(papers.text_layers(data, limits)):
        yield text or _seen(papers.picture_of(data, number, limits))


def _seen(picture: Image.Image) -> str:
    from consult.documents import letters  # seconds and much memory: only where there is a picture to read

    return letters.read(picture)


def tidy(text: str) -> str:
    """Without characters that nobody sees, joined letters and empty lines."""
    text = unicodedata.normalize("NFC", LIGATURES.sub(lambda one: unicodedata.normalize("NFKC", one[0]), text))
    seen = "".join(one for one in text if one in "\n\t" or unicodedata.category(one)[0] != "C")
    return "\n".join(filter(None, (line.strip() for line in seen.splitlines())))
