"""What the library holds, for browsing: A to Z, by part of the body, and a few to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from consult.library.models import Document
from consult.library.search import library_language
from consult.library.wording import address_of, body_title

# The commonest reasons for seeing a doctor, shown where a person has not begun to write.
COMMON = (
    "sore-throat",
    "cough",
    "headache",
    "low-back-pain",
    "fever-child",
    "high-blood-pressure",
    "anxiety",
    "insomnia",
)


@dataclass(frozen=True, slots=True)
class TopicLink:
    """A topic in a list; ``heading`` is its title, or another name under which it is also listed."""

    title: str
    url: str
    language: str
    heading: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A letter or a part of the body with its topics."""

    name: str
    slug: str
    topics: tuple[TopicLink, ...]


def topics_in(language: str) -> list[Document]:
    """Every topic that is shown, in the order of its title."""
    rows = Document.objects.filter(
        kind=Document.Kind.TOPIC, language=library_language(language), withdrawn=False
    ).defer("text")
    return sorted(rows, key=lambda row: _sort_key(row.title))


def common(language: str) -> list[TopicLink]:
    """A few topics to begin with; fewer where the library lacks some."""
    held = {row.external_id: row for row in topics_in(language)}
    return [link(held[one]) for one in COMMON if one in held]


def link(document: Document, heading: str = "") -> TopicLink:
    """The topic as a list shows it."""
    return TopicLink(
        document.title, address_of(document), document.language, heading or document.title, document.external_id
    )


def by_letter(rows: Iterable[Document]) -> list[Group]:
    """Under the first letter of the title; Chinese under the first letter of its pinyin."""
    groups: dict[str, list[TopicLink]] = {}
    for row in rows:
        groups.setdefault(_letter(row.title), []).append(link(row))
    return [Group(letter, f"letter-{letter.lower()}", tuple(groups[letter])) for letter in sorted(groups)]


def by_body(rows: Iterable[Document]) -> list[Group]:
    """Under each part of the body that the topic names; parts with one name are one group."""
    groups: dict[str, dict[str, TopicLink]] = {}
    slugs: dict[str, str] = {}
    for row in rows:
        for part in row.body:
            name = body_title(part)
            slugs.setdefault(name, f"part-{part}")
            groups.setdefault(name, {})[row.external_id] = link(row)
    return [Group(name, slugs[name], tuple(groups[name].values())) for name in sorted(groups, key=_sort_key)]


# The first character of each pinyin initial in GB 2312 order, which sorts its common characters by pronunciation.
_PINYIN = (
    ("A", 0xB0A1), ("B", 0xB0C5), ("C", 0xB2C1), ("D", 0xB4EE), ("E", 0xB6EA), ("F", 0xB7A2), ("G", 0xB8C1),
    ("H", 0xB9FE), ("J", 0xBBF7), ("K", 0xBFA6), ("L", 0xC0AC), ("M", 0xC2E8), ("N", 0xC4C3), ("O", 0xC5B6),
    ("P", 0xC5BE), ("Q", 0xC6DA), ("R", 0xC8BB), ("S", 0xC8F6), ("T", 0xCBFA), ("W", 0xCDDA), ("X", 0xCEF4),
    ("Y", 0xD1B9), ("Z", 0xD4D1),
)  # fmt: skip


def _letter(title: str) -> str:
    first = title[:1].upper()
    if "A" <= first <= "Z":
        return first
    try:
        code = int.from_bytes(first.encode("gb2312"), "big")
    except UnicodeEncodeError:
        return "#"
    fitting = [letter for letter, start in _PINYIN if start <= code < 0xD7FA]
    return fitting[-1] if fitting else "#"


def _sort_key(title: str) -> bytes:
    """Letters without regard to case; Chinese by pronunciation, as far as GB 2312 goes."""
    return title.casefold().encode("gb18030", "replace")
