"""What search knows of words: fillers, lay words and their terms, section cues; and how texts become terms.

English is folded and stemmed by the index's own analyser; Chinese is cut into words by a dictionary, with overlapping
pairs of characters beside them, so that a word that the dictionary cuts otherwise is still found.
Knows nothing of Django or of the index.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import rjieba
import tantivy

WORDS = Path(__file__).resolve().parent / "words.toml"
ANALYSER = "consult_en"
Term = TypeVar("Term", bound=Hashable)

_RUN = re.compile(r"[\u3400-\u9fff]+|[A-Za-z0-9]+")
_PIECE = re.compile(r"[A-Za-zÀ-ɏ0-9]+(?:['’-][A-Za-zÀ-ɏ0-9]+)*|[\u3400-\u9fff]+")


@cache
def english() -> Any:
    """The analyser of English fields: split at non-letters, small letters, no accents, Snowball stems."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@cache
def stem(word: str) -> tuple[str, ...]:
    """The terms of one English word or phrase."""
    return tuple(english().analyze(word))


def is_han(text: str) -> bool:
    """Whether the first character is Chinese."""
    return "\u3400" <= text[:1] <= "\u9fff"


def chinese_terms(text: str) -> list[str]:
    """Terms of Chinese text in reading order: pairs of characters, longer dictionary words, and Latin words."""
    return [term for run in _RUN.findall(text) for term in (_han_terms(run) if is_han(run) else [run.lower()])]


def _han_terms(run: str) -> list[str]:
    pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
    return pairs + [word for word in rjieba.cut_for_search(run) if len(word) != 2]


def terms(text: str, language: str) -> list[str]:
    """Terms of ``text`` as the index holds them; of Chinese its single characters too, for a question may have one."""
    if language == "zh":
        runs = (run for run in _RUN.findall(text) if is_han(run) and len(run) > 1)
        return chinese_terms(text) + [char for run in runs for char in run]
    return list(english().analyze(text))


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The word file, ready for look-up. Phrases are tuples of terms (English) or plain text (Chinese)."""

    filler: frozenset[str]
    filler_zh: frozenset[str]
    aspect: frozenset[str]
    same: dict[tuple[str, ...], frozenset[tuple[str, ...]]]
    same_zh: dict[str, frozenset[str]]
    longest: int
    sections: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]

    def phrase_at(self, stems: list[str], at: int) -> tuple[str, ...] | None:
        """The longest known phrase that begins at this place."""
        for length in range(min(self.longest, len(stems) - at), 0, -1):
            phrase = tuple(stems[at : at + length])
            if phrase in self.same:
                return phrase
        return None

    def asked_sections(self, query: str) -> tuple[str, ...]:
        """Sections whose cues stand in the query."""
        low = f" {' '.join(query.lower().split())} "
        return tuple(
            slug
            for slug, cues, cues_zh in self.sections
            if any(f" {cue}" in low for cue in cues) or any(cue in low for cue in cues_zh)
        )


@cache
def lexicon() -> Lexicon:
    """The word file, read once."""
    data = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    same = _groups([[stem(phrase) for phrase in row.get("en", [])] for row in data["same"]])
    same_zh = _groups([list(row.get("zh", [])) for row in data["same"]])
    return Lexicon(
        filler=frozenset(data["filler"]["en"]),
        filler_zh=frozenset(data["filler"]["zh"]),
        aspect=frozenset(data["aspect"]["en"]),
        same=same,
        same_zh=same_zh,
        longest=max(map(len, same)),
        sections=tuple((slug, tuple(cues["en"]), tuple(cues["zh"])) for slug, cues in data["sections"].items()),
    )


def _groups(rows: Iterable[list[Term]]) -> dict[Term, frozenset[Term]]:
    """Each phrase to the others of its rows; a phrase may stand in several rows."""
    groups: dict[Term, set[Term]] = {}
    for row in rows:
        for phrase in row:
            groups.setdefault(phrase, set()).update(other for other in row if other != phrase)
    return {phrase: frozenset(others) for phrase, others in groups.items()}


def pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Words (English) and runs of characters (Chinese) with their places: start, end, text."""
    for match in _PIECE.finditer(text):
        yield match.start(), match.end(), match.group()
