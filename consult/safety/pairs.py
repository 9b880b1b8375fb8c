"""Training pairs made from the library's own passages: a sentence, a window, and whether the window supports it.

For training only. Knows nothing of where passages come from. True sentences are the passage's own, reworded by rule;
false ones have one thing changed: a number, a denial, an opposite, a name, a subject, or they come from elsewhere.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from consult.safety import words
from consult.safety.support import windows
from consult.safety.types import Passage

LABELLED = Path(__file__).with_name("guard_data") / "pairs.jsonl"


@dataclass(frozen=True, slots=True)
class Pair:
    """``kind`` is "supported" or what was changed; ``topic`` is the document, so that topics can be kept apart.

    ``split`` is "development" (thresholds were chosen on it), "held-out" (written after), "fresh" (written blind before
    the reader was measured) or "generated".
    """

    topic: str
    language: str
    passage: Passage
    sentence: str
    supported: bool
    kind: str
    split: str = "generated"


def labelled(path: Path = LABELLED) -> list[Pair]:
    """The pairs written and labelled by hand, for measuring only."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Pair(
            row["topic"],
            row["language"],
            Passage(1, row["title"], row["passage"]),
            row["sentence"],
            row["supported"],
            row["kind"],
            row["split"],
        )
        for row in rows
    ]


def generate(documents: Sequence[tuple[str, str, Sequence[Passage]]], seed: int) -> Iterator[Pair]:
    """Pairs from documents given as (topic, language, passages); the same seed gives the same pairs."""
    chance = random.Random(seed)  # noqa: S311 - examples, not secrets
    names = [passages[0].title for _, _, passages in documents if passages]
    for topic, language, passages in documents:
        for passage in passages:
            for window in windows(passage):
                if window.parts > 1 or len(words.content(window.text)) < 3:
                    continue
                sentence = _joined(window.text)
                for text in _true(sentence, chance):
                    yield Pair(topic, language, passage, text, True, "supported")
                others = [other for other in documents if other[0] != topic and other[1] == language]
                for kind, text in _false(sentence, passage, others, names, chance):
                    yield Pair(topic, language, passage, text, False, kind)


def _joined(text: str) -> str:
    """A list's lead and item as one sentence: "See a doctor if:" "- it lasts" becomes "See a doctor if it lasts."."""
    joined = re.sub(r"[:：]\s*[-*•]\s*", " ", text.strip())
    joined = re.sub(r"^[-*•]\s*", "", joined)
    return joined if joined[-1:] in ".。!?" else joined + ("。" if words.is_chinese(joined) else ".")


_REWORDED = tuple(
    tuple(re.split(r" -> ?", line))
    for line in r"""\bdo not\b -> don't
\bcan't\b -> cannot
\babout(?= \d) -> around
\busually\b -> normally
\bpoo\b -> stools
\bmany\b -> a lot of
\bmay\b -> might
\bcan\b(?!') -> may
\boften\b -> frequently
\bhigh temperature\b -> fever
\bsee a doctor\b -> contact a doctor
\bgets? better\b -> improves
\bsuch as\b -> like
\bmore than\b -> over
\bvery bad\b -> severe
\bhelps?\b -> can help
\bcommon\b -> frequent
\bkeep\b -> continue
\bstarts?\b -> begins""".splitlines()
)
_DENIED = tuple(
    tuple(re.split(r" -> ?", line))
    for line in r"""\bdo not\b -> do
\bdoes not\b -> does
\bcan't\b -> can
\bnever\b -> always
\bis not\b -> is
\bare not\b -> are
\bcan\b(?!') -> cannot
\bmay\b -> does not
\bis\b -> is not
\bare\b -> are not
\bhas\b -> has no
\bavoid\b -> use
\bwithout\b -> with
^(?=[A-Z][a-z]+ (?:a|an|the|your)\b) -> Do not
不要|不可|切勿 -> 可以
不(?!适|舒) ->
可以|能 -> 不能
会 -> 不会
请 -> 请不要""".splitlines()
)


_ADVISES = re.compile(r"(?:Take|Use|Drink|Eat|Keep|Rest|Wash|Wear|Ask|Try|Put|Cover|Hold|Avoid|Stay|Sleep|Tell|Give)\b")


def _true(sentence: str, chance: random.Random) -> Iterator[str]:
    yield sentence
    reworded = sentence
    for pattern, other in chance.sample(_REWORDED, 8):
        reworded = re.sub(pattern, other, reworded, count=1, flags=re.IGNORECASE)
    if reworded != sentence:
        yield reworded
    if match := re.match(r"(.{8,}?) (if|when) (.{6,})\.$", sentence):
        yield f"{match[2].capitalize()} {match[3]}, {match[1][0].lower()}{match[1][1:]}."
    shorter = re.split(r", (?:and|but|so|because|which|or) |; | because ", sentence)[0].rstrip(".")
    if len(shorter) < len(sentence) - 12 and len(words.content(shorter)) >= 3:
        yield shorter + "."
    if _ADVISES.match(sentence):
        yield chance.choice(("You should ", "It is best to ", "It can help to ")) + sentence[0].lower() + sentence[1:]


def _false(
    sentence: str,
    passage: Passage,
    others: Sequence[tuple[str, str, Sequence[Passage]]],
    names: Sequence[str],
    chance: random.Random,
) -> Iterator[tuple[str, str]]:
    for kind, text in (
        ("number", _other_number(sentence, chance)),
        ("negation", _turned(sentence, chance)),
        ("name", _other_word(sentence, others, chance)),
        ("subject", _other_subject(sentence, passage, names, chance)),
        ("invention", _from_elsewhere(passage, others, chance)),
    ):
        if text and text != sentence:
            yield kind, text


def _other_number(sentence: str, chance: random.Random) -> str:
    found = list(re.finditer(r"\d+", sentence))
    if not found:
        return ""
    match = chance.choice(found)
    value = int(match.group())
    other = chance.choice([v for v in (value * 2, value * 3, value + 5, max(value // 2, 1), value * 10) if v != value])
    return sentence[: match.start()] + str(other) + sentence[match.end() :]


def _turned(sentence: str, chance: random.Random) -> str:
    fitting = [(p, other) for p, other in _DENIED if re.search(p, sentence, re.IGNORECASE)]
    if not fitting:
        return ""
    pattern, other = chance.choice(fitting)
    if other == "Do not":
        return "Do not " + sentence[0].lower() + sentence[1:]
    turned = re.sub(pattern, other, sentence, count=1, flags=re.IGNORECASE).strip()
    return turned[:1].upper() + re.sub(r"\s{2,}", " ", turned[1:])


def _other_word(sentence: str, others: Sequence[tuple[str, str, Sequence[Passage]]], chance: random.Random) -> str:
    """One carrying word replaced by a word of another topic."""
    found = [m for m in re.finditer(r"[A-Za-z]{4,}", sentence) if m.group().lower() not in words.STOP and m.start()]
    if not found or not others:
        return ""
    match = chance.choice(found)
    passage = chance.choice(chance.choice(others)[2])
    pool = [w for w in re.findall(r"[a-z]{4,}", passage.text) if w not in words.STOP and w not in sentence.lower()]
    return sentence[: match.start()] + chance.choice(pool) + sentence[match.end() :] if pool else ""


def _other_subject(sentence: str, passage: Passage, names: Sequence[str], chance: random.Random) -> str:
    if passage.title.lower() not in sentence.lower():
        return ""
    other = chance.choice([name for name in names if name != passage.title])
    return re.sub(re.escape(passage.title), other, sentence, count=1, flags=re.IGNORECASE)


def _from_elsewhere(
    passage: Passage, others: Sequence[tuple[str, str, Sequence[Passage]]], chance: random.Random
) -> str:
    """A sentence of another topic, made to sound as if it were about this one."""
    if not others:
        return ""
    other = chance.choice(chance.choice(others)[2])
    singles = [window for window in windows(other) if window.parts == 1]
    text = _joined(chance.choice(singles).text)
    return re.sub(re.escape(other.title), passage.title, text, flags=re.IGNORECASE)
