"""Words of a text in English and Chinese, brought to a common form so that they can be compared.

Knows nothing of medicine. English words are lower-cased and cut to a rough stem; Chinese is cut by rjieba.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import rjieba

_TOKEN = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\d+(?:[.,/]\d+)*|[\u3400-\u9fff]+")
_SUFFIXES = ("ations", "ation", "ingly", "edly", "ness", "ments", "ment", "ings", "ing", "ied", "ies", "ed", "es", "ly", "er", "s", "e")
STOP = frozenset(
    "a an the and or but if then so of to in on at by for from with as into about over under out up down off "
    "is are was were be been being am do does did doing done have has had having will would can could may might "
    "should must shall it its it's this that these those there here they them their he she his her hers him you your yours "
    "we our us i me my mine who whom which what when where why how than too very also just only even still such "
    "some any each both all most more much many few other others another own same s t d ll ve re m usually often "
    "sometimes generally typically people person someone one ones get gets getting got make makes made need needs "
    "help helps because while during after before until once again further however for example e.g i.e etc "
    "please try way ways thing things like well good possible may".split()
)
ZH_STOP = frozenset(
    "的 了 和 是 在 也 就 都 而 及 与 或 或者 着 等 把 被 让 对 从 向 给 于 以 为 之 其 这 那 这个 那个 这些 那些 您 你 我 我们 他 她 它 他们 您的 你的 "
    "一些 一个 一种 有 会 可以 可能 能 能够 应该 应 需要 如果 因为 所以 但 但是 并 并且 还 还有 通常 一般 经常 时 时候 后 前 中 上 下 里 很 最 更 吗 呢 吧 啊 请 "
    "进行 使用 出现 情况 比如 例如 以及 什么 怎么 如何 由 到 来 去 说 多 做 用 自己 大多数 很多 许多 人 患者 症状".split()
)


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
    return [
        stem(word)
        for word in tokens(text)
        if word not in STOP and word not in ZH_STOP and not word[0].isdigit() and len(word.strip("'")) > (word < "\u3400")
    ]


def is_chinese(text: str) -> bool:
    """Whether at least a fifth of the letters are Chinese."""
    letters = [c for c in text if c.isalpha()]
    return sum("\u3400" <= c <= "\u9fff" for c in letters) * 5 >= len(letters) > 0
