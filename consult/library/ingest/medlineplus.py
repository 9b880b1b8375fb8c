"""MedlinePlus health topics XML, https://medlineplus.gov/xml.html: one record a topic, summaries as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.parsers import expat

from consult.library.ingest import xml
from consult.library.ingest.files import sections_of_html
from consult.library.ingest.records import Broken, Item, Record, cut, open_bytes

LICENCE = "MedlinePlus health topic summary, U.S. National Library of Medicine (public domain)"
LANGUAGES = {"English": "en"}


def read(path: Path) -> Iterator[Item]:
    """Every English topic and broken record; other languages are passed over."""
    with open_bytes(path) as stream:
        for part in xml.cuts(stream, ("health-topic",)):
            if isinstance(part, Broken):
                yield part
                continue
            try:
                element = xml.parse(part.data)
                if element.get("language") in LANGUAGES:
                    yield topic(element)
            except (expat.ExpatError, xml.Refused, ValueError) as error:
                yield Broken(f"byte {part.position}", str(error))


def topic(element: Element) -> Record:
    """One health-topic; ValueError where it lacks its id, title or summary."""
    id_, title = element.get("id", ""), element.get("title", "")
    summary = xml.child(element, "full-summary")
    if not (id_ and title and summary):
        raise ValueError("a topic needs id, title and full-summary")
    passages = [passage for heading, text in sections_of_html(summary) for passage in cut(heading or "summary", text)]
    return Record(
        external_id=id_, kind="health_topic", title=title, passages=tuple(passages),
        names=tuple(xml.text_of(one) for one in element.findall("also-called")),
        codes=tuple(xml.text_of(one) for one in element.findall("mesh-heading/descriptor")),
        address=element.get("url", ""), licence=LICENCE, written=_date(element.get("date-created", "")),
        details={"groups": [xml.text_of(one) for one in element.findall("group")]},
    )  # fmt: skip


def _date(value: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(value, "%m/%d/%Y").date()
    except ValueError:
        return None
