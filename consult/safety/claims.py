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
    """A number with its unit, both in a common form; ``unit`` "" where none is written."""

    value: float
    unit: str

    @property
    def is_dose(self) -> bool:
        """Whether it says how much medicine, or how often a day."""
        return self.unit in _DOSE_UNITS


_NUMBER_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15, "sixteen": 16, "eighteen": 18, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "half": 0.5, "twice": 2,
    "once": 1, "double": 2, "triple": 3, "dozen": 12, "couple": 2,
}  # fmt: skip
_ZH_DIGITS = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "半": 0.5}
_UNITS: Mapping[str, tuple[str, float]] = {
    "second": ("minute", 1 / 60), "seconds": ("minute", 1 / 60), "秒": ("minute", 1 / 60), "秒钟": ("minute", 1 / 60),
    "minute": ("minute", 1), "minutes": ("minute", 1), "min": ("minute", 1), "mins": ("minute", 1), "分钟": ("minute", 1),
    "hour": ("minute", 60), "hours": ("minute", 60), "hr": ("minute", 60), "hrs": ("minute", 60), "hourly": ("minute", 60),
    "小时": ("minute", 60), "个小时": ("minute", 60), "钟头": ("minute", 60),
    "day": ("minute", 1440), "days": ("minute", 1440), "天": ("minute", 1440), "日": ("minute", 1440), "昼夜": ("minute", 1440),
    "week": ("minute", 10080), "weeks": ("minute", 10080), "周": ("minute", 10080), "星期": ("minute", 10080),
    "个星期": ("minute", 10080), "个周": ("minute", 10080), "礼拜": ("minute", 10080),
    "month": ("month", 1), "months": ("month", 1), "个月": ("month", 1), "月": ("month", 1),
    "year": ("month", 12), "years": ("month", 12), "岁": ("month", 12), "周岁": ("month", 12), "年": ("month", 12),
    "mg": ("mg", 1), "milligram": ("mg", 1), "milligrams": ("mg", 1), "毫克": ("mg", 1), "g": ("mg", 1000), "gram": ("mg", 1000),
    "grams": ("mg", 1000), "克": ("mg", 1000), "mcg": ("mg", 0.001), "microgram": ("mg", 0.001), "micrograms": ("mg", 0.001),
    "µg": ("mg", 0.001), "μg": ("mg", 0.001), "微克": ("mg", 0.001), "kg": ("kg", 1), "kilograms": ("kg", 1), "公斤": ("kg", 1), "千克": ("kg", 1),
    "ml": ("ml", 1), "millilitre": ("ml", 1), "millilitres": ("ml", 1), "milliliters": ("ml", 1), "毫升": ("ml", 1),
    "l": ("ml", 1000), "litre": ("ml", 1000), "litres": ("ml", 1000), "liter": ("ml", 1000), "liters": ("ml", 1000), "升": ("ml", 1000),
    "tablet": ("tablet", 1), "tablets": ("tablet", 1), "pill": ("tablet", 1), "pills": ("tablet", 1), "capsule": ("tablet", 1),
    "capsules": ("tablet", 1), "片": ("tablet", 1), "粒": ("tablet", 1), "颗": ("tablet", 1), "胶囊": ("tablet", 1),
    "puff": ("puff", 1), "puffs": ("puff", 1), "喷": ("puff", 1), "吸": ("puff", 1), "drop": ("drop", 1), "drops": ("drop", 1), "滴": ("drop", 1),
    "dose": ("dose", 1), "doses": ("dose", 1), "剂": ("dose", 1), "unit": ("unit", 1), "units": ("unit", 1), "单位": ("unit", 1),
    "teaspoon": ("spoon", 1), "teaspoons": ("spoon", 1), "spoonful": ("spoon", 1), "spoonfuls": ("spoon", 1), "茶匙": ("spoon", 1), "勺": ("spoon", 1),
    "time": ("time", 1), "times": ("time", 1), "次": ("time", 1), "遍": ("time", 1),
    "%": ("%", 1), "percent": ("%", 1), "per cent": ("%", 1), "°c": ("degc", 1), "℃": ("degc", 1), "c": ("degc", 1), "摄氏度": ("degc", 1), "度": ("degc", 1), "degrees": ("degc", 1),
    "°f": ("degf", 1), "f": ("degf", 1), "mmhg": ("mmhg", 1), "毫米汞柱": ("mmhg", 1), "mmol/l": ("mmol", 1), "mmol": ("mmol", 1), "iu": ("iu", 1),
    "cm": ("cm", 1), "厘米": ("cm", 1), "mm": ("cm", 0.1), "毫米": ("cm", 0.1), "metre": ("cm", 100), "metres": ("cm", 100), "米": ("cm", 100),
    "cup": ("cup", 1), "cups": ("cup", 1), "杯": ("cup", 1), "glass": ("cup", 1), "glasses": ("cup", 1), "calories": ("kcal", 1), "kcal": ("kcal", 1),
}  # fmt: skip
_DOSE_UNITS = frozenset(("mg", "ml", "tablet", "puff", "drop", "dose", "unit", "spoon", "iu"))
_UNIT_WORDS = "|".join(sorted((re.escape(u) for u in _UNITS), key=len, reverse=True))
_NUMERAL = r"\d+(?:,\d{3})+|\d+(?:\.\d+)?|" + "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?<![a-z\d.])(?P<value>{_NUMERAL})(?![a-z]*\d)(?:\s*(?:-|to|or|and|至|到|~|～|/)\s*(?P<high>{_NUMERAL}))?"
    rf"[\s-]*(?:more |full |whole |个)?(?P<unit>{_UNIT_WORDS})?(?![a-z])"
)
_ZH_AMOUNT = re.compile(
    rf"(?P<value>[零一二两三四五六七八九十百半]+)(?:(?:至|到|、)(?P<high>[零一二两三四五六七八九十百]+))?(?P<unit>个半|{_UNIT_WORDS})"
)
_ARTICLE = re.compile(r"\b(?:a|an|per|every|each)\s+(?P<unit>second|minute|hour|day|week|month|year)\b|\b(?P<rate>daily|weekly|monthly|hourly|yearly)\b")
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
    return [quantity for _, quantity in sorted(found, key=lambda pair: pair[0])]


def _chinese_amounts(flat: str) -> Iterable[tuple[int, Quantity]]:
    for match in _ZH_AMOUNT.finditer(flat):
        unit, factor = _UNITS.get(match["unit"], ("", 1.0))
        if flat[match.end() :].startswith("半") and unit in ("minute", "month"):
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
    data = _read("medicines.toml")
    return {name.lower(): row[0].lower() for rows in (data["rows"], data["kinds"]) for row in rows for name in row}


@cache
def _term_names() -> dict[str, str]:
    data = _read("terms.toml")
    return {name.lower(): row[0].lower() for rows in (data["conditions"], data["symptoms"]) for row in rows for name in row}


@cache
def _condition_names() -> frozenset[str]:
    return frozenset(row[0].lower() for row in _read("terms.toml")["conditions"])


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_DATA / name).read_text(encoding="utf-8"))


@cache
def _names_pattern(kind: str) -> re.Pattern[str]:
    names = sorted(_medicine_names() if kind == "medicines" else _term_names(), key=len, reverse=True)
    latin = "|".join(re.escape(name) for name in names if name.isascii())
    wide = "|".join(re.escape(name) for name in names if not name.isascii())
    return re.compile(rf"(?<![a-z])(?:{latin})(?![a-z])|{wide}")


@cache
def _endings_pattern() -> re.Pattern[str]:
    data = _read("medicines.toml")
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
    ordinary = _read("medicines.toml")["ordinary"]
    return frozenset(found | {m.group().strip("- ") for m in _endings_pattern().finditer(bare) if m.group() not in ordinary})


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
    names = sorted((n for row in _read("terms.toml")["conditions"] for n in row), key=len, reverse=True)
    endings = r"[a-z]+(?:itis|osis|aemia|emia|oma|opathy)|infections?|disease|disorder|syndrome|allergic reaction|virus|tumou?r"
    return "|".join(re.escape(name.lower()) for name in names) + "|" + endings + r"|[^，。；的是有]{1,6}(?:炎|癌|症|综合征|病)(?!人|房|床|历|史|情)"


@cache
def medicine_alternatives() -> str:
    """The names and kinds of medicines as a regular expression."""
    data = _read("medicines.toml")
    names = sorted((n.lower() for rows in (data["rows"], data["kinds"]) for row in rows for n in row), key=len, reverse=True)
    return "|".join(re.escape(name) for name in names) + r"|painkillers?|止痛药|止疼药|退烧药|感冒药"


_NOT = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|nor|without|avoid\w*|cannot|\w+n't|stop\w*|unable|hardly|rarely|unlikely|unsafe|unsuitable|refrain\w*|instead of|rather than|free of|lack\w*|absen\w+|prohibit\w*)\b"
    r"|不|没|無|无|别|勿|避免|禁|未|停止|停用|防止"
)
_ZH_NOT_NEGATION = re.compile(r"不适|不舒服|不仅|不但|不同|不断|不久|不过|不管|不论|无论|不得不|特别|别的|别人|区别|类别|不良|不足|不稳|不少|不明|未来|不止|不便|不安|失禁|尿失禁|不宁")
_EN_NOT_NEGATION = re.compile(r"\b(?:not only|whether or not|no matter|no longer than|not just|no more than|no less than|if not)\b")


def negations(text: str) -> int:
    """How many words of denial the text holds."""
    flat = _ZH_NOT_NEGATION.sub(" ", _EN_NOT_NEGATION.sub(" ", normalise(text)))
    return len(_NOT.findall(flat))


_OPPOSITES: tuple[tuple[str, str], ...] = (
    (r"increas\w*|rais(?:e|es|ed|ing)|rises?|higher", r"decreas\w*|reduc\w*|lower\w*|falls?|drops?"),
    (r"more", r"less|fewer"),
    (r"always", r"never|sometimes|rarely"),
    (r"common(?:ly)?|often|usually|most", r"uncommon(?:ly)?|rare(?:ly)?|seldom"),
    (r"before", r"after"),
    (r"safe(?:ly)?|harmless", r"unsafe|dangerous|harmful|not safe"),
    (r"hot|warm", r"cold|cool|ice"),
    (r"start\w*|begin\w*", r"stop\w*|quit\w*"),
    (r"adults?", r"child(?:ren)?|bab(?:y|ies)|infants?"),
    (r"viral|virus(?:es)?", r"bacteria\w*|bacterial"),
    (r"contagious|infectious|spreads?", r"not contagious|not infectious|non-contagious"),
    (r"empty stomach|without food", r"with food|after food|after meals?|with meals?"),
    (r"at least|minimum|no less than", r"at most|maximum|no more than|up to|less than|under"),
    (r"over|above|older than|more than", r"under|below|younger than|less than"),
    (r"left", r"right"),
    (r"better|improves?|relieves?|eases?", r"worse|worsens?|aggravates?"),
    (r"men|males?|boys?", r"women|females?|girls?"),
    (r"morning", r"evening|night|bedtime"),
    (r"upright|sitting|sit", r"lying|lie flat"),
    (r"acute|short-term|sudden(?:ly)?", r"chronic|long-term|gradual(?:ly)?"),
    (r"增加|升高|提高|增多", r"减少|降低|下降|减轻"),
    (r"饭前|空腹", r"饭后|餐后|随餐"),
    (r"安全|无害", r"危险|有害|不安全"),
    (r"成人|成年人", r"儿童|孩子|婴儿|宝宝"),
    (r"病毒", r"细菌"),
    (r"热敷|温水|热水", r"冷敷|冰敷|冷水|凉水"),
    (r"至少|不少于", r"最多|不超过|不多于|以内"),
    (r"以上|超过|大于", r"以下|不到|小于|未满"),
    (r"常见|经常|通常", r"罕见|少见|很少"),
    (r"男性|男孩", r"女性|女孩"),
    (r"之前|以前", r"之后|以后"),
    (r"好转|缓解", r"加重|恶化"),
    (r"早上|早晨", r"晚上|睡前|夜间"),
)


@cache
def _opposites() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{pattern})\b" if pattern.isascii() else f"(?:{pattern})")

    return tuple((compiled(one), compiled(other)) for one, other in _OPPOSITES)


def contradicts(claim: str, evidence: str) -> str:
    """A word of the claim whose opposite, and not itself, stands in the evidence; "" if there is none."""
    said, held = normalise(claim), normalise(evidence)
    for one, other in _opposites():
        for mine, theirs in ((one, other), (other, one)):
            match = mine.search(said)
            if match and not theirs.search(said) and theirs.search(held) and not mine.search(held):
                return match.group()
    return ""
