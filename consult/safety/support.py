"""How well a passage supports a sentence: features of the best windows, and a logistic regression over them.

Knows nothing of policy: what is refused in any case, and what reasons are given, is the guard's business. The weights
and the rarity of words come from guard_data/support.json, which ``manage.py train_support`` writes. Of English
sentences ``read`` also asks the reader, a small cross-encoder, where this machine has it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from consult.safety import claims, reader, words
from consult.safety.sentences import split
from consult.safety.types import Language, Passage

WEIGHTS = Path(__file__).with_name("guard_data") / "support.json"
FEATURES = ("covered", "weighed", "rarest", "pairs", "characters", "order", "extra", "weakest")
_RAREST = 8.0  # the idf of a word that the library never uses


@dataclass(frozen=True, slots=True)
class Window:
    """A sentence of a passage, neighbouring ones, or a list's lead with items; ``parts`` says how many were joined.

    ``frame`` is the passage's title, which says what they are about; ``listed`` that a lead and its items are joined.
    """

    number: int
    frame: str
    text: str
    parts: int = 1
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Support:
    """A window and how likely it holds the sentence (0 to 1). ``missing`` are content words it lacks."""

    score: float
    window: Window
    missing: tuple[str, ...]
    enough: bool
    literal: bool

    @property
    def verbatim(self) -> bool:
        """Whether the window has every content word of the sentence, Chinese ones letter for letter."""
        return self.enough and not self.missing and self.literal


def windows(passage: Passage) -> Iterator[Window]:
    """Every sentence of the passage, every two that follow each other, and every list with its lead.

    Under a lead that ends in a colon each item is read together with the lead: alone it says nothing.
    """
    parts = _parts(passage.text)
    number, frame = passage.number, passage.title
    for index, part in enumerate(parts):
        following = parts[index + 1 : index + 2]
        if _leads(part):
            items = list(takewhile(_is_item, parts[index + 1 :]))
            for first, second in zip(items, [*items[1:], ""], strict=True):
                yield Window(number, frame, f"{part} {first}", 1, True)
                if second:
                    yield Window(number, frame, f"{part} {first} {second}", 2, True)
            if len(items) > 2:
                yield Window(number, frame, " ".join([part, *items]), 3, True)
            continue
        yield Window(number, frame, part)
        if following and not _leads(following[0]):
            yield Window(number, frame, f"{part} {following[0]}", 2)


def candidates(sentence: str, passage: Passage, count: int = 4) -> list[Support]:
    """The windows of the passage that support the sentence best, best first.

    A sentence of one clause must be held by one sentence of the passage: two together could be read into a third claim.
    """
    joined = claims.joined(sentence)
    several = joined or any(mark in sentence for mark in (" or ", " and ", ", ", "、", "，", "或", "和"))
    fitting = [w for w in windows(passage) if w.parts == 1 or (several if w.listed else joined)]
    scored = [support(sentence, window) for window in fitting]
    return sorted(scored, key=lambda one: one.score - 0.05 * (one.window.parts - 1), reverse=True)[:count]


def best(sentence: str, passages: Sequence[Passage]) -> Support | None:
    """The best support that any passage gives the sentence; None where there is no passage with text."""
    found = [one for passage in passages for one in candidates(sentence, passage, 1)]
    return max(found, key=lambda one: one.score, default=None)


def support(sentence: str, window: Window) -> Support:
    """How well one window holds the sentence."""
    said = content(sentence)
    missing = tuple(word for word in dict.fromkeys(said) if not held_by(word, window))
    language: Language = "zh" if words.is_chinese(sentence) else "en"
    model = weights()[language]
    total = model["bias"]
    for value, weight in zip(features(sentence, window), model["weights"], strict=True):
        total += value * weight
    score = 1 / (1 + math.exp(-max(min(total, 30.0), -30.0)))
    whole = window.frame + window.text
    literal = all(word in whole for word in words.tokens(sentence) if word[0] >= "\u3400" and word not in words.STOP)
    enough = score >= model["threshold"] and _weakest_clause(sentence, set(missing)) >= model["weakest"]
    return Support(score, window, missing, enough, literal)


def read(sentence: str, found: Sequence[Support]) -> list[Support]:
    """The same windows judged by the regression and the reader together; by the regression alone without a reader."""
    return [_read(sentence, one) for one in found] if reader.is_there() else list(found)


def _read(sentence: str, found: Support) -> Support:
    both = reader.combined()
    values = (log_odds(found.score), reader.log_odds(sentence, found.window))
    total = both["bias"] + sum(value * weight for value, weight in zip(values, both["weights"], strict=True))
    score = 1 / (1 + math.exp(-max(min(total, 30.0), -30.0)))
    enough = score >= both["threshold"] and _weakest_clause(sentence, set(found.missing)) >= both["weakest"]
    return replace(found, score=score, enough=enough)


def log_odds(score: float) -> float:
    """The logarithm of the odds of a score from 0 to 1, kept within reason."""
    near = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(near / (1 - near))


def features(sentence: str, window: Window, rarity: Mapping[str, float] | None = None) -> tuple[float, ...]:
    """What the scorer sees, each from 0 to 1, in the order of ``FEATURES``; ``rarity`` is for training only."""
    said = content(sentence)
    if not said:
        return (0.0,) * len(FEATURES)
    kinds = set(said)
    missing = {word for word in kinds if not held_by(word, window)}
    rare = {word: idf(word, rarity) for word in kinds}
    total = sum(rare.values())
    held = content(window.text)
    return (
        1 - len(missing) / len(kinds),
        1 - sum(rare[word] for word in missing) / total,
        max((rare[word] for word in missing), default=0.0) / _RAREST,
        _overlap(set(pairwise(said)), set(pairwise(held))),
        _characters(sentence, window.text),
        _longest_common(said, held) / len(said),
        min(len(missing), 4) / 4,
        _weakest_clause(sentence, missing, rarity),
    )


def _weakest_clause(sentence: str, missing: set[str], rarity: Mapping[str, float] | None = None) -> float:
    """The share of its words that the worst held clause finds: a long lead must not hide a wrong condition."""
    worst = 1.0
    for clause, _ in claims.clauses(sentence):
        if kinds := set(content(clause)):
            lost = sum(idf(word, rarity) for word in kinds & missing)
            worst = min(worst, 1 - lost / sum(idf(word, rarity) for word in kinds))
    return worst


def held_by(word: str, window: Window) -> bool:
    """Whether the window has the word, its synonym, or (Chinese) a word that shares its characters."""
    held = _vocabulary(f"{window.frame}. {window.text}")
    if word in held:
        return True
    if word[0] >= "\u3400":
        return all(character in window.text or character in window.frame for character in word)
    return len(word) > 4 and any(other.startswith(word[:5]) and abs(len(other) - len(word)) <= 4 for other in held)


def idf(word: str, rarity: Mapping[str, float] | None = None) -> float:
    """How rare a stem is in the library, from 1 (in most sentences) to 8 (never)."""
    table: Mapping[str, float] = weights()["idf"] if rarity is None else rarity
    return table.get(word, _RAREST)


@lru_cache(maxsize=20_000)
def content(text: str) -> tuple[str, ...]:
    """The words of a text that carry meaning, as ``words.content`` gives them."""
    return tuple(words.content(text))


@cache
def weights() -> dict[str, Any]:
    """The trained weights, as written by the training command."""
    table: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return table


def _leads(part: str) -> bool:
    return part.rstrip().endswith((":", "："))


def _is_item(part: str) -> bool:
    return part.lstrip().startswith(("-", "*", "•"))


@lru_cache(maxsize=2_000)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(split(text))


@lru_cache(maxsize=20_000)
def _vocabulary(text: str) -> frozenset[str]:
    named = {word for name in claims.terms(text) | claims.medicines(text) for word in words.content(name)}
    return frozenset(content(text)) | named


def _overlap(said: set[Any], held: set[Any]) -> float:
    return len(said & held) / len(said) if said else 1.0


@lru_cache(maxsize=20_000)
def _grams(text: str) -> frozenset[str]:
    """Two-character runs of Chinese, or three-character runs of English, without stop words."""
    flat = "".join(content(text)) if words.is_chinese(text) else " ".join(content(text))
    size = 2 if words.is_chinese(text) else 3
    return frozenset(flat[i : i + size] for i in range(len(flat) - size + 1))


def _characters(sentence: str, text: str) -> float:
    return _overlap(set(_grams(sentence)), set(_grams(text)))


def _longest_common(said: Sequence[str], held: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(held) + 1)
    for word in said:
        diagonal = 0
        for j, other in enumerate(held, start=1):
            above = row[j]
            row[j] = diagonal + 1 if word == other else max(row[j], row[j - 1])
            diagonal = above
    return row[-1]
