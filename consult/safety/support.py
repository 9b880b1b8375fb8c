"""How well a passage supports a sentence: the best window of one or two of its sentences, scored from 0 to 1.

Knows nothing of policy: what score is enough, and what is refused in any case, is the guard's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, takewhile

from consult.safety import claims, words
from consult.safety.sentences import split
from consult.safety.types import Passage


@dataclass(frozen=True, slots=True)
class Window:
    """One or two neighbouring sentences of a passage. ``frame`` is the title, which says what they are about."""

    number: int
    frame: str
    text: str


@dataclass(frozen=True, slots=True)
class Support:
    """The window that holds a sentence best, and how well (0 to 1). ``missing`` are content words it lacks."""

    score: float
    window: Window
    missing: tuple[str, ...]


def windows(passage: Passage) -> Iterator[Window]:
    """Every sentence of the passage, every two that follow each other, and every list with its lead.

    Under a lead that ends in a colon each item is read together with the lead: alone it says nothing.
    """
    parts = _parts(passage.text)
    for index, part in enumerate(parts):
        following = parts[index + 1 : index + 2]
        if part.rstrip().endswith((":", "：")):
            items = list(takewhile(_is_item, parts[index + 1 :]))
            for first, second in zip(items, [*items[1:], ""], strict=True):
                yield Window(passage.number, passage.title, f"{part} {first}")
                if second:
                    yield Window(passage.number, passage.title, f"{part} {first} {second}")
            if len(items) > 2:
                yield Window(passage.number, passage.title, " ".join([part, *items]))
            continue
        yield Window(passage.number, passage.title, part)
        if following and not following[0].rstrip().endswith((":", "：")):
            yield Window(passage.number, passage.title, f"{part} {following[0]}")


def _is_item(part: str) -> bool:
    return part.lstrip().startswith(("-", "*", "•"))


def best(sentence: str, passages: Sequence[Passage]) -> Support | None:
    """The best support that any passage gives the sentence; None where there is no passage with text."""
    found = [support(sentence, window) for passage in passages for window in windows(passage)]
    return max(found, key=lambda one: (one.score, -len(one.window.text)), default=None)


def support(sentence: str, window: Window) -> Support:
    """How well one window holds the sentence, by the share of its words that the window or its title has."""
    said = _content(sentence)
    if not said:
        return Support(0.0, window, ())
    held = _vocabulary(window.text) | _vocabulary(window.frame)
    missing = tuple(word for word in dict.fromkeys(said) if not _held(word, held))
    covered = 1 - len(missing) / len(set(said))
    return Support(0.75 * covered + 0.25 * _overlap_of_pairs(sentence, window), window, missing)


@lru_cache(maxsize=2_000)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(split(text))


@lru_cache(maxsize=20_000)
def _content(text: str) -> tuple[str, ...]:
    return tuple(words.content(text))


@lru_cache(maxsize=20_000)
def _vocabulary(text: str) -> frozenset[str]:
    named = {word for name in claims.terms(text) | claims.medicines(text) for word in words.content(name)}
    return frozenset(_content(text)) | named


def _held(word: str, held: frozenset[str]) -> bool:
    """Whether the window has the word, its synonym, or (Chinese) a longer word that contains it."""
    if word in held:
        return True
    if word[0] >= "\u3400":
        wide = [other for other in held if len(other) > 1 and other[0] >= "\u3400"]
        return len(word) > 1 and any(word in other or other in word for other in wide)
    return len(word) > 4 and any(other.startswith(word[:5]) and abs(len(other) - len(word)) <= 4 for other in held)


def _overlap_of_pairs(sentence: str, window: Window) -> float:
    said, held = _pairs(_content(sentence)), _pairs(_content(window.text))
    return len(said & held) / len(said) if said else 0.0


def _pairs(content: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(content))
