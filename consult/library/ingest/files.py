"""Single documents: guidelines as PDF or HTML. Text and headings only; nothing in them is run or fetched."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from consult.library.ingest.records import Broken, Item, Record, cut

MAX_BYTES = 100 << 20
MAX_PAGES = 3000
SKIPPED = {"script", "style", "nav", "header", "footer", "noscript", "template", "svg", "form"}
BLOCKS = {"p", "div", "li", "tr", "br", "section", "article", "td", "th", "dt", "dd", "blockquote", "pre", "ul", "ol"}
HEADINGS = {"h1", "h2", "h3", "h4"}


class _Page(HTMLParser):
    """Collects (heading, text) in reading order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.sections: list[tuple[str, list[str]]] = [("", [])]
        self._skipping = 0
        self._heading: list[str] | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SKIPPED:
            self._skipping += 1
        elif tag == "title":
            self._in_title = True
        elif tag in HEADINGS:
            self._heading = []
        elif tag in BLOCKS:
            self.sections[-1][1].append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif tag == "title":
            self._in_title = False
        elif tag in HEADINGS and self._heading is not None:
            self.sections.append((" ".join("".join(self._heading).split()), []))
            self._heading = None

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif self._skipping:
            return
        elif self._heading is not None:
            self._heading.append(data)
        else:
            self.sections[-1][1].append(data)


def sections_of_html(source: str) -> list[tuple[str, str]]:
    """Heading and text of each section that has text."""
    page = _Page()
    page.feed(source)
    page.close()
    return [(heading, " ".join("".join(parts).split())) for heading, parts in page.sections if "".join(parts).strip()]


def read_html(path: Path) -> Iterator[Item]:
    """The page as one guideline; named for its first heading or its title."""
    if path.stat().st_size > MAX_BYTES:
        yield Broken("the file", f"larger than {MAX_BYTES >> 20} MiB")
        return
    page = _Page()
    page.feed(path.read_text(encoding="utf-8", errors="replace"))
    page.close()
    sections = [(head, " ".join("".join(parts).split())) for head, parts in page.sections]
    passages = [one for heading, text in sections if text for one in cut(heading or "text", text)]
    title = " ".join(page.title.split()) or next((head for head, _text in sections if head), "") or path.stem
    if not passages:
        yield Broken("the file", "no text")
        return
    yield Record(external_id=path.stem, kind="guideline", title=title, passages=tuple(passages))


def read_pdf(path: Path) -> Iterator[Item]:
    """The file as one guideline, a section a page. Pages that cannot be read are told and left out."""
    import pypdf

    if path.stat().st_size > MAX_BYTES:
        yield Broken("the file", f"larger than {MAX_BYTES >> 20} MiB")
        return
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = pypdf.PdfReader(path)
        pages, title = len(reader.pages), str(getattr(reader.metadata, "title", None) or "").strip()
    except Exception as error:  # pypdf raises many kinds on damaged files
        yield Broken("the file", f"not a readable PDF: {error}")
        return
    if pages > MAX_PAGES:
        yield Broken("the file", f"more than {MAX_PAGES} pages")
        return
    passages: list[tuple[str, str]] = []
    for number in range(pages):
        try:
            text = reader.pages[number].extract_text()
        except Exception as error:  # as above; one page must not cost the others
            yield Broken(f"page {number + 1}", str(error))
            continue
        passages += list(cut(f"page {number + 1}", text)) if text.strip() else []
    if passages:
        yield Record(external_id=path.stem, kind="guideline", title=title or path.stem, passages=tuple(passages))
    else:
        yield Broken("the file", "no text in it: scanned pages need text recognition first")
