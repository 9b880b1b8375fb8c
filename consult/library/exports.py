"""References of articles as BibTeX, RIS and CSV files. Knows nothing of requests."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable

from consult.library.models import Document

CSV_COLUMNS = ("id", "title", "authors", "journal", "year", "volume", "issue", "pages", "doi", "address", "retracted")
_BIBTEX_SPECIAL = re.compile(r"([&%$#_{}])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _fields(row: Document) -> dict[str, str]:
    details = row.details
    return {
        "id": row.external_id, "title": row.title, "authors": "; ".join(details.get("authors", [])),
        "journal": details.get("journal", ""), "year": str(row.written.year) if row.written else "",
        "volume": details.get("volume", ""), "issue": details.get("issue", ""), "pages": details.get("pages", ""),
        "doi": details.get("doi", ""), "address": row.address, "retracted": "yes" if row.retracted else "",
    }  # fmt: skip


def bibtex(rows: Iterable[Document]) -> str:
    """One @article an article; a retraction is told in the note."""
    return "\n".join(_bibtex(row) for row in rows)


def _bibtex(row: Document) -> str:
    held = _fields(row)
    names = {"title": "title", "journal": "journal", "year": "year", "volume": "volume", "issue": "number",
             "pages": "pages", "doi": "doi", "address": "url"}  # fmt: skip
    lines = [f"  author = {{{_bibtex_text(' and '.join(row.details.get('authors', [])))}}},"]
    lines += [f"  {name} = {{{_bibtex_text(held[key])}}}," for key, name in names.items() if held[key]]
    if row.retracted:
        lines.append("  note = {Retracted},")
    key = re.sub(r"\W", "", f"{row.source.slug}{row.external_id}")
    return "\n".join([f"@article{{{key},", *lines, "}", ""])


def _bibtex_text(text: str) -> str:
    return _BIBTEX_SPECIAL.sub(r"\\\1", text.replace("\\", " "))


def ris(rows: Iterable[Document]) -> str:
    """RIS records, type JOUR."""
    return "".join(_ris(row) for row in rows)


def _ris(row: Document) -> str:
    held = _fields(row)
    pairs = [("TY", "JOUR"), ("TI", held["title"])]
    pairs += [("AU", author) for author in row.details.get("authors", [])]
    pairs += [("JO", held["journal"]), ("PY", held["year"]), ("VL", held["volume"]), ("IS", held["issue"]),
              ("SP", held["pages"]), ("DO", held["doi"]), ("UR", held["address"])]  # fmt: skip
    pairs += [("N1", "Retracted")] if row.retracted else []
    lines = [f"{tag}  - {' '.join(value.split())}" for tag, value in pairs if value]
    return "\r\n".join([*lines, "ER  - ", "", ""])


def comma_separated(rows: Iterable[Document]) -> str:
    """A table with a heading; a cell that a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS)
    writer.writeheader()
    for row in rows:
        held = _fields(row)
        writer.writerow({name: f"'{value}" if value.startswith(_FORMULA) else value for name, value in held.items()})
    return out.getvalue()


Writer = Callable[[Iterable[Document]], str]
FORMATS: dict[str, tuple[Writer, str, str]] = {
    "bibtex": (bibtex, "application/x-bibtex", "bib"),
    "ris": (ris, "application/x-research-info-systems", "ris"),
    "csv": (comma_separated, "text/csv", "csv"),
}
