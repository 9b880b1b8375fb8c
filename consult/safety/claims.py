"""What a sentence claims that can be checked exactly: quantities, medicines, conditions, symptoms, polarity.

Knows nothing of passages or verdicts. Names come from guard_data/medicines.toml and guard_data/terms.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from consult.safety.words import normalise

_DATA = Path(__file__).with_name("guard_data")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, both in a common form; ``unit`` "" where none is written.

    "A few days" has the value of one day, made negative: it equals itself and no stated number.
    """

    value: float
    unit: str

    @property
    def is_dose(self) -> bool:
        """Whether it says how much medicine, or how often a day."""
        return self.unit in _DOSE_UNITS


@cache
def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_DATA / name).read_text(encoding="utf-8"))


_TABLE = _load("units.toml")
_NUMBER_WORDS: dict[str, float] = _TABLE["numbers"]
_ZH_DIGITS: dict[str, float] = _TABLE["chinese_digits"]
_UNITS: Mapping[str, tuple[str, float]] = {
    written: (unit, factor) for unit, factor, ways in _TABLE["units"] for written in ways
}
_DOSE_UNITS = frozenset(_TABLE["dose"])
_UNIT_WORDS = "|".join(sorted((re.escape(u) for u in _UNITS), key=len, reverse=True))
_NUMERAL = r"\d+(?:,\d{3})+|\d+(?:\.\d+)?|" + "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?<![a-z\d.])(?P<value>{_NUMERAL})(?![a-z]*\d)(?:\s*(?:-|to|or|and|至|到|~|～|/)\s*(?P<high>{_NUMERAL}))?"
    rf"[\s-]*(?:more |full |whole |个)?(?P<unit>{_UNIT_WORDS})?(?![a-z])"
)
_ZH_AMOUNT = re.compile(
    r"(?P<value>[零一二两三四五六七八九十百半]+)(?:(?:至|到|、)(?P<high>[零一二两三四五六七八九十百]+))?"
    rf"(?P<and_half>个半)?(?P<unit>{_UNIT_WORDS})"
)
_ARTICLE = re.compile(
    r"\b(?:a|an|per|every|each)\s+(?P<unit>second|minute|hour|day|week|month|year)\b"
    r"|\b(?P<rate>daily|weekly|monthly|hourly|yearly)\b"
)
_ZH_FRACTION = re.compile(r"(?P<whole>[一二三四五六七八九十百]+)分之(?P<part>[一二三四五六七八九十]+)")
_SOME = re.compile(
    r"\b(?:a few|several|few)\s+(?:\w+\s)?(?P<unit>seconds|minutes|hours|days|weeks|months|years)\b"
    r"|[几数](?P<zh>分钟|个小时|小时|天|日|周|个星期|个月|年)"
)
_RATES = {"daily": "day", "weekly": "week", "monthly": "month", "hourly": "hour", "yearly": "year"}
_ZH_RATE = re.compile(r"[每一](?P<unit>天|日|周|小时|个月|年)")


def quantities(text: str) -> list[Quantity]:
    """Every number of the text with its unit, in the order written; ranges give both ends."""
    flat = normalise(text)
    found: list[tuple[int, Quantity]] = []
    for match in _AMOUNT.finditer(flat):
        unit, factor = _UNITS.get(match["unit"] or "", ("", 1.0))
        if not unit and match["value"] in ("one", "once", "half", "double", "couple"):
            unit, factor = ("time", 1.0) if match["value"] == "once" else ("", 0.0)
            if not factor:
                continue
        elif not unit and match["value"] == "twice":
            unit = "time"
        for name in ("value", "high"):
            if match[name]:
                found.append((match.start(name), Quantity(_round(_number(match[name]) * factor), unit)))
    found.extend(_chinese_amounts(flat))
    for match in _ARTICLE.finditer(flat):
        unit, factor = _UNITS[match["unit"] or _RATES[match["rate"]]]
        found.append((match.start(), Quantity(_round(factor), unit)))
    for match in _ZH_RATE.finditer(flat):
        if flat[match.start()] == "每":
            unit, factor = _UNITS[match["unit"]]
            found.append((match.start(), Quantity(_round(factor), unit)))
    for match in _ZH_FRACTION.finditer(flat):
        share = _zh_number(match["part"]) / _zh_number(match["whole"])
        found.append((match.start(), Quantity(_round(share), "share")))
    for match in _SOME.finditer(flat):
        unit, factor = _UNITS[match["unit"] or match["zh"]]
        found.append((match.start(), Quantity(-_round(factor), unit)))
    return [quantity for _, quantity in sorted(found, key=lambda pair: pair[0])]


def _chinese_amounts(flat: str) -> Iterable[tuple[int, Quantity]]:
    for match in _ZH_AMOUNT.finditer(flat):
        unit, factor = _UNITS.get(match["unit"], ("", 1.0))
        if match["and_half"] or (flat[match.end() :].startswith("半") and unit in ("minute", "month")):
            yield match.start(), Quantity(_round((_zh_number(match["value"]) + 0.5) * factor), unit)
            continue
        for name in ("value", "high"):
            if match[name]:
                yield match.start(name), Quantity(_round(_zh_number(match[name]) * factor), unit)


def _number(word: str) -> float:
    return float(_NUMBER_WORDS[word]) if word in _NUMBER_WORDS else float(word.replace(",", ""))


def _zh_number(word: str) -> float:
    """一 to 九百九十九, and 半; other sequences of digits are read one after the other."""
    total, digit = 0.0, 0.0
    for character in word:
        if character == "十":
            total, digit = total + (digit or 1) * 10, 0
        elif character == "百":
            total, digit = total + (digit or 1) * 100, 0
        else:
            digit = _ZH_DIGITS[character]
    return total + digit


def _round(value: float) -> float:
    return round(value, 4)


@cache
def _medicine_names() -> dict[str, str]:
    """Each name to the first name of its row."""
    data = _load("medicines.toml")
    return {name.lower(): row[0].lower() for row in data["rows"] + data["kinds"] for name in row}


@cache
def _term_names() -> dict[str, str]:
    data = _load("terms.toml")
    return {name.lower(): row[0].lower() for row in data["conditions"] + data["symptoms"] for name in row}


@cache
def _condition_names() -> frozenset[str]:
    return frozenset(row[0].lower() for row in _load("terms.toml")["conditions"])


@cache
def _names_pattern(kind: str) -> re.Pattern[str]:
    names = sorted(_medicine_names() if kind == "medicines" else _term_names(), key=len, reverse=True)
    latin = "|".join(re.escape(name) for name in names if name.isascii())
    wide = "|".join(re.escape(name) for name in names if not name.isascii())
    return re.compile(rf"(?<![a-z])(?:{latin})(?![a-z])|{wide}")


@cache
def _endings_pattern() -> re.Pattern[str]:
    data = _load("medicines.toml")
    latin = "|".join(data["endings"])
    wide = "|".join(data["zh_endings"])
    return re.compile(rf"(?<![a-z])[a-z-]{{2,}}(?:{latin})s?(?![a-z])|[\u4e00-\u9fff]{{1,4}}(?:{wide})")


@lru_cache(maxsize=4_000)
def medicines(text: str) -> frozenset[str]:
    """The medicines that a text names, each under one name; kinds of medicine count too."""
    flat = normalise(text)
    names = _medicine_names()
    found = {names[match.group()] for match in _names_pattern("medicines").finditer(flat)}
    bare = _names_pattern("medicines").sub(" ", flat)
    ordinary = _load("medicines.toml")["ordinary"]
    unlisted = {match.group().strip("- ") for match in _endings_pattern().finditer(bare)}
    return frozenset(found | unlisted.difference(ordinary))


def kinds(text: str) -> frozenset[str]:
    """The kinds of medicine alone that a text names ("blood thinner"), each under one name."""
    return medicines(text) & {row[0].lower() for row in _load("medicines.toml")["kinds"]}


def written(text: str, medicine: str) -> str:
    """The name by which ``text`` calls a medicine that ``medicines`` found in it, as it is written there."""
    names = {name for name, first in _medicine_names().items() if first == medicine} | {medicine}
    found = (re.search(re.escape(name), text, re.IGNORECASE) for name in sorted(names, key=len, reverse=True))
    return next((match.group() for match in found if match), medicine)


def unlisted(text: str) -> list[str]:
    """Words that stand where the name of a medicine would, and are no name that we know; as they are written."""
    shapes = _load("medicines.toml")["named"]
    found = [match["name"] for shape in shapes for match in re.finditer(shape, text, re.IGNORECASE)]
    return [name for name in dict.fromkeys(found) if not medicines(name)]


@lru_cache(maxsize=4_000)
def terms(text: str) -> frozenset[str]:
    """The conditions and symptoms that a text names, each under one name."""
    names = _term_names()
    return frozenset(names[match.group()] for match in _names_pattern("terms").finditer(normalise(text)))


def conditions(text: str) -> frozenset[str]:
    """The conditions alone, without symptoms."""
    return terms(text) & _condition_names()


@cache
def condition_alternatives() -> str:
    """The names of conditions as a regular expression, with the endings by which unlisted ones are seen."""
    names = sorted((n for row in _load("terms.toml")["conditions"] for n in row), key=len, reverse=True)
    endings = (
        r"[a-z]+(?:itis|osis|aemia|emia|oma|opathy)|infections?|disease|disorder|syndrome|allergic reaction|virus"
        r"|tumou?r|[^，。；的是有]{1,6}(?:炎|癌|症|综合征|病)(?!人|房|床|历|史|情)"
    )
    return "|".join(re.escape(name.lower()) for name in names) + "|" + endings


@cache
def medicine_alternatives() -> str:
    """The names and kinds of medicines as a regular expression."""
    data = _load("medicines.toml")
    names = sorted((n.lower() for row in data["rows"] + data["kinds"] for n in row), key=len, reverse=True)
    return "|".join(re.escape(name) for name in names) + r"|painkillers?|止痛药|止疼药|退烧药|感冒药"


def _alternatives(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern of many: English ones as whole words, Chinese ones anywhere."""
    listed = list(patterns)
    latin, wide = (["|".join(p for p in listed if p.isascii() is kind)] for kind in (True, False))
    return re.compile("|".join([rf"\b(?:{one})\b" for one in latin if one] + [one for one in wide if one]))


_TURNING = _load("opposites.toml")
_NOT = _alternatives(_TURNING["not"])
_NOT_DENIAL = _alternatives(_TURNING["not_denial"])
_OPPOSITES = tuple((_alternatives([one]), _alternatives([other])) for one, other in _TURNING["pairs"])


_CLAUSE_END = re.compile(
    r"[;；，]|(?<=[\u3400-\u9fff]),|, (?=and |but |so |or |because |which |unless |if |when |though )"
    r"| (?=but |because |unless |so that |though |if |when )|[。！？!?:：]|\.(?=\s|$)|\s[-*•]\s"
    r"| (?=and (?:avoid|do not|don't|never|no)\b)"
)
_JOINT = re.compile(r"[;；，]|, (?:and|but|so|because|which) | (?:but|because) |(?<=[\u3400-\u9fff]),")
_WIDENING = tuple((_alternatives([claim]), _alternatives([held])) for claim, held in _TURNING["widening"])


def negations(text: str) -> int:
    """How many words of denial the text holds."""
    return len(_NOT.findall(_NOT_DENIAL.sub(" ", normalise(text))))


def clauses(text: str) -> list[tuple[str, bool]]:
    """The clauses of a text, each with whether it denies; ", or ..." denies where the clause before it does."""
    found: list[tuple[str, bool]] = []
    for piece in _CLAUSE_END.split(normalise(text)):
        if not piece.strip():
            continue
        denies = negations(piece) % 2 == 1
        if found and re.match(r"\s*(?:but|and) [\w ]{2,30} (?:do|does|is|are|can|may|will)\.?$", piece):
            found[-1] = (f"{found[-1][0]} {piece}", found[-1][1])  # "..., but rifampicin does" is no clause of its own
            continue
        if found and piece.lstrip().startswith("or ") and found[-1][1]:
            denies = True
        found.append((piece.strip(), denies))
    return found


def joined(text: str) -> bool:
    """Whether the sentence makes more than one statement, which two sentences of a passage may hold together."""
    flat = re.sub(r",? (?:but|and) [\w ]{2,30} (?:do|does|is|are|can|may|will)\W*$", "", normalise(text))
    return bool(_JOINT.search(flat.rstrip(" .。,，;；")))


def overstates(claim: str, evidence: str) -> str:
    """A word by which the claim says more than the evidence ("only", "always", "cures"); "" if there is none."""
    said, held = normalise(claim), normalise(evidence)
    for mine, theirs in _WIDENING:
        match = mine.search(said)
        if match and not theirs.search(held):
            return match.group()
    return ""


def contradicts(claim: str, evidence: str) -> str:
    """A word of the claim whose opposite, and not itself, stands in the evidence; "" if there is none."""
    said, held = normalise(claim), normalise(evidence)
    for one, other in _OPPOSITES:
        for mine, theirs in ((one, other), (other, one)):
            match = mine.search(said)
            if match and not theirs.search(said) and theirs.search(held) and not mine.search(held):
                return match.group()
    return ""
