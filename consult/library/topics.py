"""Topic files: Markdown with a TOML header, read and checked strictly, cut into passages that can be cited.

A file is ``content/<language>/<id>.md``: a header between two ``+++`` lines, then the six fixed sections in order.
Knows nothing of Django, the database or the index.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

CONTENT = Path(__file__).resolve().parent / "content"
LANGUAGES = ("en", "zh")
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "what-it-is": {"en": "What it is", "zh": "这是什么"},
    "what-you-can-do": {"en": "What you can do", "zh": "您可以做什么"},
    "when-to-see-someone": {"en": "When to see someone", "zh": "什么时候就医"},
    "emergency-signs": {"en": "Emergency signs", "zh": "紧急信号"},
    "medicines-and-cautions": {"en": "Medicines and cautions", "zh": "用药与注意事项"},
    "prevention": {"en": "Prevention", "zh": "预防"},
}
AUDIENCES = frozenset({"adult", "child", "older", "pregnant", "carer"})
PASSAGE_WORDS = 100  # a small model reads four of these; longer sections are cut between paragraphs
HAN_PER_WORD = 1.7  # Chinese characters that say about as much as one English word

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ICD10 = re.compile(r"[A-Z]\d\d(?:\.\d{1,2})?")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_EMPHASIS = re.compile(r"(\*\*|__)(.+?)\1")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z0-9]+(?:['’-][A-Za-z0-9]+)*")
_REQUIRED = {"id", "title", "language", "names", "body", "audience", "icd10", "written", "reviewed", "sources"}


class TopicError(ValueError):
    """A topic file that cannot be used; says which file, and every fault found in it."""

    def __init__(self, name: str, faults: list[str]) -> None:
        super().__init__(f"{name}: " + "; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the facts of a topic come from."""

    organisation: str
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage: whole paragraphs and lists of one section. ``markup`` is Markdown, ``text`` the same as plain text."""

    section: str
    position: int
    markup: str
    text: str

    def key(self, document: str) -> str:
        """The stable name, such as "sore-throat#what-you-can-do-2"; after the # it is also the page's anchor."""
        return f"{document}#{self.section}-{self.position}"


@dataclass(frozen=True)
class Topic:
    """One checked topic file."""

    id: str
    title: str
    language: str
    names: tuple[str, ...]
    body: tuple[str, ...]
    audience: tuple[str, ...]
    icd10: tuple[str, ...]
    written: dt.date
    reviewed: str
    sources: tuple[Reference, ...]
    sections: Mapping[str, str]
    markdown: str

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The passages in reading order."""
        return tuple(piece for slug, body in self.sections.items() for piece in cut(slug, body))

    @property
    def digest(self) -> str:
        """Changes when the file's text changes."""
        return sha256(self.markdown.encode()).hexdigest()

    @property
    def links(self) -> tuple[str, ...]:
        """Ids of the topics that this one links to."""
        return tuple(target for body in self.sections.values() for _label, target in _LINK.findall(body))


def words_in(text: str) -> int:
    """Length of ``text`` in English words; Chinese is counted by characters."""
    return len(_LATIN.findall(text)) + round(len(_HAN.findall(text)) / HAN_PER_WORD)


def plain(markup: str) -> str:
    """The same words without links and emphasis; list items keep their dash."""
    return _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", markup)).strip()


def cut(section: str, body: str) -> Iterator[Piece]:
    """Passages of a section. A list stays with the sentence that introduces it; short blocks are joined."""
    held: list[str] = []
    position = 0
    for block in [*_blocks(body), None]:
        full = block is None or words_in("\n".join([*held, block])) > PASSAGE_WORDS
        if held and full:
            position += 1
            markup = "\n\n".join(held)
            yield Piece(section, position, markup, plain(markup))
            held = []
        if block is not None:
            held.append(block)


def _blocks(body: str) -> list[str]:
    """Paragraphs; a list that follows "...:" after an empty line is still of that paragraph."""
    blocks: list[str] = []
    for raw in re.split(r"\n\s*\n", body.strip()):
        block = raw.strip()
        introduced = blocks and blocks[-1].rstrip().endswith((":", "：")) and block.startswith(("-", "*", "1."))
        if introduced:
            blocks[-1] = f"{blocks[-1]}\n\n{block}"
        elif block:
            blocks.append(block)
    return blocks


def load(path: Path) -> Topic:
    """Read and check one file; raises TopicError with every fault found."""
    topic = parse(path.read_text(encoding="utf-8"), path.name)
    faults = []
    if topic.id != path.stem:
        faults.append(f"id {topic.id!r} is not the file's name")
    if topic.language != path.parent.name:
        faults.append(f"language {topic.language!r} is not the folder's name")
    if faults:
        raise TopicError(path.name, faults)
    return topic


def load_all(content: Path = CONTENT) -> Iterator[Topic | TopicError]:
    """Every topic of the languages' folders, in order; a file with faults comes as its error."""
    for path in sorted(one for language in LANGUAGES for one in (content / language).glob("*.md")):
        try:
            yield load(path)
        except TopicError as error:
            yield error


def parse(markdown: str, name: str = "topic") -> Topic:
    """A Topic from the text of a file; raises TopicError with every fault found."""
    header, body = _split(markdown, name)
    faults = _header_faults(header)
    sections, more = _sections(body, str(header.get("language", "")))
    if faults or more:
        raise TopicError(name, faults + more)
    return Topic(
        id=header["id"], title=header["title"], language=header["language"], names=tuple(header["names"]),
        body=tuple(header["body"]), audience=tuple(header["audience"]), icd10=tuple(header["icd10"]),
        written=header["written"], reviewed=header["reviewed"], sections=sections, markdown=markdown,
        sources=tuple(Reference(**source) for source in header["sources"]),
    )  # fmt: skip


def _split(markdown: str, name: str) -> tuple[dict[str, Any], str]:
    parts = re.split(r"^\+\+\+[ \t]*$", markdown.replace("\r\n", "\n"), maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise TopicError(name, ["the header must stand between two +++ lines at the top"])
    try:
        return tomllib.loads(parts[1]), parts[2]
    except tomllib.TOMLDecodeError as error:
        raise TopicError(name, [f"header: {error}"]) from error


def _header_faults(header: Mapping[str, Any]) -> list[str]:
    faults = [f"header lacks {key!r}" for key in sorted(_REQUIRED - set(header))]
    faults += [f"header has unknown {key!r}" for key in sorted(set(header) - _REQUIRED)]
    if faults:
        return faults
    for key in ("id", "title", "reviewed", "language"):
        if not isinstance(header[key], str) or (key != "reviewed" and not header[key].strip()):
            faults.append(f"{key} must be text")
    for key in ("names", "body", "audience", "icd10"):
        if not isinstance(header[key], list) or not all(isinstance(one, str) and one.strip() for one in header[key]):
            faults.append(f"{key} must be a list of texts")
    return faults or _value_faults(header)


def _value_faults(header: Mapping[str, Any]) -> list[str]:
    faults = []
    if not _ID.fullmatch(header["id"]):
        faults.append(f"id {header['id']!r} must be small letters, digits and single hyphens")
    if header["language"] not in LANGUAGES:
        faults.append(f"language {header['language']!r} is not one of {', '.join(LANGUAGES)}")
    if not header["body"] or not header["audience"]:
        faults.append("body and audience need at least one value")
    faults += [f"audience {one!r} is unknown" for one in header["audience"] if one not in AUDIENCES]
    faults += [f"icd10 {one!r} is not a code" for one in header["icd10"] if not _ICD10.fullmatch(one)]
    if not isinstance(header["written"], dt.date) or isinstance(header["written"], dt.datetime):
        faults.append("written must be a date")
    return faults + _source_faults(header["sources"])


def _source_faults(sources: Any) -> list[str]:
    if not isinstance(sources, list) or not sources:
        return ["at least one [[sources]] is needed"]
    faults = []
    for number, source in enumerate(sources, start=1):
        if not isinstance(source, dict) or set(source) != {"organisation", "title", "address"}:
            faults.append(f"source {number} needs organisation, title and address, nothing else")
        elif not all(isinstance(value, str) and value.strip() for value in source.values()):
            faults.append(f"source {number} has an empty value")
        elif not source["address"].startswith("https://"):
            faults.append(f"source {number}: address must begin with https://")
    return faults


def _sections(body: str, language: str) -> tuple[dict[str, str], list[str]]:
    """Section slug to Markdown, in file order, and the faults."""
    slugs = {names.get(language, ""): slug for slug, names in SECTIONS.items()}
    parts = re.split(r"^##[ \t]+(.+?)[ \t]*$", body, flags=re.MULTILINE)
    faults = ["text before the first section"] if parts[0].strip() else []
    found: dict[str, str] = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        slug = slugs.get(heading)
        if slug is None:
            faults.append(f"unknown section {heading!r}")
        elif slug in found:
            faults.append(f"section {heading!r} stands twice")
        elif not text.strip():
            faults.append(f"section {heading!r} is empty")
        else:
            found[slug] = text.strip()
    if not faults and list(found) != list(SECTIONS):
        missing = [slug for slug in SECTIONS if slug not in found]
        faults.append(f"sections missing: {', '.join(missing)}" if missing else "sections are not in the fixed order")
    if re.search(r"<[a-zA-Z/!]", body) or "![" in body:
        faults.append("HTML and images are not allowed")
    return found, faults
