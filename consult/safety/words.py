"""Words of a text in English and Chinese, brought to a common form so that they can be compared.

Knows nothing of medicine. English words are lower-cased and cut to a rough stem; Chinese is cut by rjieba.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from pathlib import Path

import rjieba

_TOKEN = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\d+(?:[.,/]\d+)*|[\u3400-\u9fff]+")
_TABLE = tomllib.loads(Path(__file__).with_name("guard_data").joinpath("stopwords.toml").read_text(encoding="utf-8"))
_SUFFIXES: tuple[str, ...] = tuple(_TABLE["endings"])
_SAME: dict[str, str] = {word: row[0] for row in _TABLE["same"] for word in row}
STOP = frozenset(_TABLE["english"] + _TABLE["chinese"])


def normalise(text: str) -> str:
    """NFKC, lower case, one kind of quote and dash, no invisible characters."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-", 0x2212: "-"})


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A rough English stem: enough to match "resting", "rested" and "rests"."""
    if len(word) <= 3 or not word.isascii():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    if word.endswith("i"):
        word = word[:-1] + "y"
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word


def tokens(text: str) -> list[str]:
    """Every word and number in order, stop words too: English as stems, Chinese as words."""
    found: list[str] = []
    for match in _TOKEN.finditer(normalise(text)):
        piece = match.group()
        if piece[0] >= "\u3400":
            found.extend(rjieba.cut(piece))
        else:
            found.append(piece)
    return found


def content(text: str) -> list[str]:
    """The words that carry meaning, in order, as stems; numbers are left to the check of quantities."""
    return [stem(_SAME.get(word, word)) for word in tokens(text) if word not in STOP and _carries(word)]


def _carries(word: str) -> bool:
    """Whether a word is no number and more than a lone English letter."""
    return not word[0].isdigit() and len(word) > (1 if word[0].isascii() else 0)


def is_chinese(text: str) -> bool:
    """Whether at least a fifth of the letters are Chinese."""
    letters = [c for c in text if c.isalpha()]
    return sum("\u3400" <= c <= "\u9fff" for c in letters) * 5 >= len(letters) > 0
