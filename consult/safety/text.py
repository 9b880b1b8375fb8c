"""Patient text as tokens: normalising, splitting, word stems, language. Knows nothing of rules or urgency.

Normalising keeps the length of the text, so that a token's position is also its position in what the patient wrote.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from consult.safety.characters import SIMPLIFIED
from consult.safety.types import Language

IGNORED = "\u200b"  # stands for every character that is not shown: a word may contain it and still be the word
CJK_UNIT = 0.6  # a Chinese character carries a little over half a word of meaning

_SPECIAL = {
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "`": "'",
    "´": "'",
    "“": '"',
    "”": '"',
    "「": '"',
    "」": '"',
    "。": ".",
    "、": "/",
    "·": " ",
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
    "℃": "C",
    "℉": "F",
    "º": "°",
}
_TOKEN = re.compile(
    r"(?P<word>[a-z\u200b]+(?:'[a-z\u200b]+)*)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<han>[\u3400-\u9fff])"
    r"|(?P<stop>[.!?\n\r;]+)"
    r"|(?P<pause>[,:()\"]|\s-+\s|--+)"
)
_PAUSE_WORDS = frozenset(["but", "however", "although", "though", "whereas", "except", "yet", "while", "because"])
_HAN_PAUSES = ("但是", "不过", "可是", "现在", "然后", "但", "却")


class _Characters(dict[int, str]):
    """One character to one character, worked out when first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char in SIMPLIFIED:
        return SIMPLIFIED[char]
    if char in "\n\r":
        return char
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me"):
        return IGNORED
    if category in ("Cs", "Cc", "Cn", "Co") or char.isspace():
        return " "
    plain = unicodedata.normalize("NFKD", char).lower()
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn").strip()
    return SIMPLIFIED.get(plain[0], plain[0]) if plain else " "


_CHARACTERS = _Characters()


def normalise(text: str) -> str:
    """``text`` in lower case, plain letters, simplified Chinese and ASCII punctuation; same length, any Unicode."""
    return text.lower() if text.isascii() else text.translate(_CHARACTERS)


@dataclass(slots=True)
class Text:
    """A message as parallel lists, one entry a token.

    ``sentence`` and ``clause`` are running numbers; ``place`` counts words, Chinese characters for less than one.
    """

    original: str
    plain: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    sentence: list[int]
    clause: list[int]
    place: list[float]

    def __len__(self) -> int:
        return len(self.words)


def tokenise(original: str) -> Text:
    """The words, numbers and Chinese characters of ``original`` with their positions in it."""
    plain = normalise(original)
    text = Text(original, plain, [], [], [], [], [], [])
    sentence = clause = 0
    place = 0.0
    for found in _TOKEN.finditer(plain):
        kind = found.lastgroup
        if kind == "stop":
            sentence += 1
            clause += 1
            place += 1.0
            continue
        if kind == "pause":
            clause += 1
            continue
        word = found.group()
        if kind == "word":
            word = word.replace("'", "").replace(IGNORED, "")
            if not word:
                continue
            if word in _PAUSE_WORDS:
                clause += 1
        elif kind == "han" and plain.startswith(_HAN_PAUSES, found.start()):
            clause += 1
        text.words.append(word)
        text.starts.append(found.start())
        text.ends.append(found.end())
        text.sentence.append(sentence)
        text.clause.append(clause)
        text.place.append(place)
        place += CJK_UNIT if kind == "han" else 1.0
    return text


_IRREGULAR = {
    "dying": "die",
    "died": "die",
    "dies": "die",
    "lying": "lie",
    "lies": "lie",
    "tying": "tie",
    "bled": "bleed",
    "took": "take",
    "taken": "take",
    "taking": "take",
    "fell": "fall",
    "fallen": "fall",
    "swollen": "swell",
    "swelled": "swell",
    "went": "go",
    "gone": "go",
    "goes": "go",
    "going": "go",
    "felt": "feel",
    "broke": "break",
    "broken": "break",
    "bit": "bite",
    "bitten": "bite",
    "drank": "drink",
    "drunk": "drink",
    "ate": "eat",
    "eaten": "eat",
    "threw": "throw",
    "thrown": "throw",
    "woke": "wake",
    "woken": "wake",
    "burnt": "burn",
    "vomitting": "vomit",
    "vomitted": "vomit",
    "children": "child",
    "babies": "baby",
    "stung": "sting",
    "struck": "strike",
    "stabbed": "stab",
    "feet": "foot",
    "teeth": "tooth",
    "shook": "shake",
    "shaken": "shake",
    "beaten": "beat",
    "choked": "choke",
    "hurts": "hurt",
    "hurting": "hurt",
    "cutting": "cut",
    "cuts": "cut",
    "kept": "keep",
    "got": "get",
    "getting": "get",
    "given": "give",
    "gave": "give",
    "began": "begin",
    "men": "man",
    "women": "woman",
    "wives": "wife",
    "lives": "life",
    "says": "say",
    "said": "say",
    "has": "have",
    "had": "have",
    "having": "have",
    "left": "left",
    "found": "find",
    "lost": "lose",
    "losing": "lose",
}
_FOUR_LETTERS = [
    "ache",
    "bite",
    "care",
    "come",
    "cope",
    "dose",
    "face",
    "fade",
    "fake",
    "gape",
    "give",
    "hate",
    "hope",
    "live",
    "lose",
    "love",
    "make",
    "move",
    "pace",
    "rape",
    "rise",
    "save",
    "take",
    "tire",
    "urge",
    "wake",
    "wipe",
]
_IRREGULAR |= {word[:-1] + ending: word for word in _FOUR_LETTERS for ending in ("ing", "ed")}
_VOWEL = re.compile(r"[aeiouy]")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its inflection, so that "breathe", "breathing" and "breathed" are one. English only."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and not word.endswith("eed") and len(base) >= 3 and _VOWEL.search(base):
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "lsz" else base
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z]+")


def detect_language(text: str) -> Language | None:
    """Chinese where Chinese characters carry at least a third of the words; None where there is nothing to go by."""
    plain = normalise(text)
    han, latin = len(_HAN.findall(plain)), len(_LATIN.findall(plain))
    if not han and not latin:
        return None
    return "zh" if han * CJK_UNIT * 2 >= latin else "en"
