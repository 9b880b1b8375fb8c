"""PubMed and MEDLINE XML, baseline and update files (.xml or .xml.gz): articles, deletions, retractions.

Fields by the PubMed DTD of the National Library of Medicine, https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

from consult.library.ingest import xml
from consult.library.ingest.records import Broken, Deleted, Item, Record, cut, open_bytes

MONTHS = {name: at for at, name in enumerate(calendar.month_abbr) if name}
LANGUAGES = {"eng": "en", "chi": "zh"}
LICENCE = "Abstract as distributed by the U.S. National Library of Medicine; rights stay with the publisher"
_YEAR = re.compile(r"(1[89]|20)\d\d")


def read(path: Path) -> Iterator[Item]:
    """Every article, deletion and broken record, in the order of the file."""
    with open_bytes(path) as stream:
        for part in xml.cuts(stream, ("PubmedArticle", "DeleteCitation")):
            if isinstance(part, Broken):
                yield part
                continue
            try:
                yield from _items(xml.parse(part.data))
            except (expat.ExpatError, xml.Refused, ValueError, KeyError) as error:
                yield Broken(f"byte {part.position}", str(error))


def _items(element: Element) -> Iterator[Item]:
    if element.tag == "DeleteCitation":
        yield from (Deleted(xml.text_of(one)) for one in element.iter("PMID"))
    else:
        yield article(element)


def article(element: Element) -> Record:
    """One PubmedArticle; ValueError where it has no PMID or no title."""
    citation = element.find("MedlineCitation")
    body = element.find("MedlineCitation/Article")
    if citation is None or body is None:
        raise ValueError("no MedlineCitation with an Article")
    pmid = xml.child(citation, "PMID")
    title = xml.child(body, "ArticleTitle") or xml.child(body, "VernacularTitle")
    if not pmid.isdigit():
        raise ValueError("no PMID")
    if not title:
        raise ValueError(f"PMID {pmid} has no title")
    types = [xml.text_of(one) for one in body.findall("PublicationTypeList/PublicationType")]
    links = _links(citation)
    mesh = [xml.text_of(one) for one in citation.findall("MeshHeadingList/MeshHeading/DescriptorName")]
    return Record(
        external_id=pmid, kind="article", title=title.rstrip("."), passages=tuple(_abstract(body, title)),
        language=LANGUAGES.get(xml.child(body, "Language"), "en"), codes=tuple(mesh),
        address=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/", licence=LICENCE, written=_published(citation, body),
        revised=_date_text(citation.find("DateRevised")), retracts=tuple(links.get("RetractionOf", ())),
        retracted="Retracted Publication" in types or "RetractionIn" in links,
        concern="; ".join(links.get("ExpressionOfConcernIn", ())), details=_details(element, body, types, mesh),
    )  # fmt: skip


def _abstract(body: Element, title: str) -> Iterator[tuple[str, str]]:
    """Passages of the abstract; an article without one is its title."""
    parts = []
    for one in body.findall("Abstract/AbstractText"):
        label, text = one.get("Label", ""), xml.text_of(one)
        if text:
            parts.append(f"{label.capitalize()}: {text}" if label else text)
    yield from cut("abstract", " ".join(parts) or title, limit=260)


def _links(citation: Element) -> dict[str, list[str]]:
    """RefType of each comment or correction to the PMIDs (or sources) that it names."""
    links: dict[str, list[str]] = {}
    for one in citation.findall("CommentsCorrectionsList/CommentsCorrections"):
        links.setdefault(one.get("RefType", ""), []).append(xml.child(one, "PMID") or xml.child(one, "RefSource"))
    return links


def _published(citation: Element, body: Element) -> dt.date | None:
    """The date of the issue, as exactly as it is given."""
    issue = body.find("Journal/JournalIssue/PubDate")
    for one in (issue, body.find("ArticleDate"), citation.find("DateCompleted"), citation.find("DateRevised")):
        if one is None:
            continue
        year = _YEAR.search(xml.child(one, "Year") or xml.child(one, "MedlineDate"))
        if year:
            return _date(int(year.group()), xml.child(one, "Month"), xml.child(one, "Day"))
    return None


def _date(year: int, month: str, day: str) -> dt.date:
    number = int(month) if month.isdigit() else MONTHS.get(month[:3].capitalize(), 1)
    try:
        return dt.date(year, number, int(day) if day.isdigit() else 1)
    except ValueError:
        return dt.date(year, 1, 1)


def _date_text(element: Element | None) -> str:
    """A date as "20240131", for comparing versions; "" where there is none."""
    if element is None:
        return ""
    parts = [xml.child(element, name) for name in ("Year", "Month", "Day")]
    return "".join(part.zfill(2) for part in parts)


def _details(element: Element, body: Element, types: list[str], mesh: list[str]) -> dict[str, object]:
    authors = [
        f"{xml.child(one, 'LastName')} {xml.child(one, 'Initials')}".strip() or xml.child(one, "CollectiveName")
        for one in body.findall("AuthorList/Author")
    ]
    ids = {one.get("IdType", ""): xml.text_of(one) for one in element.findall("PubmedData/ArticleIdList/ArticleId")}
    return {
        "authors": [one for one in authors if one],
        "journal": xml.child(body, "Journal/ISOAbbreviation") or xml.child(body, "Journal/Title"),
        "volume": xml.child(body, "Journal/JournalIssue/Volume"),
        "issue": xml.child(body, "Journal/JournalIssue/Issue"),
        "pages": xml.child(body, "Pagination/MedlinePgn"),
        "doi": ids.get("doi", ""),
        "types": types,
        "mesh": mesh,
        "species": [name for name in ("Humans", "Animals") if name in mesh],
    }
