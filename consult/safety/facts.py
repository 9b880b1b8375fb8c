"""Numbers in patient text that carry meaning: temperature, blood pressure, sugar, oxygen, ages, amounts.

They become hits of built-in concepts, so that a rule can name ``<temp_fever>`` as it names ``<chest>``. Thresholds are
those of common triage references (NHS 111, NICE NG51/NG143/NG28, Surviving Sepsis); knows nothing of rules.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from consult.safety.patterns import Hit, Hits
from consult.safety.text import Text

BUILTIN = frozenset(
    [
        "number",
        "number_many",
        "number_huge",
        "temp_fever",
        "temp_39",
        "temp_40",
        "temp_low",
        "oxygen_low",
        "bp_severe",
        "bp_high",
        "bp_low",
        "sugar_low",
        "sugar_high",
        "rate_high",
        "rate_low",
        "years_long",
        "weeks_long",
        "weeks_bare",
        "days_many",
        "minutes_long",
    ]
)

_WORDS: dict[str, float] = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_WORDS |= {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "dozen": 12,
    "couple": 2,
    "few": 3,
    "several": 4,
    "half": 0.5,
}
_HAN = {c: v for v, c in enumerate("零一二三四五六七八九")} | {"两": 2, "半": 0.5}

_NUMBER_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER = rf"(?P<n>\d+(?:\.\d+)?|\b(?:{_NUMBER_WORD})\b(?:[ -](?:{_NUMBER_WORD})\b)?|[零一二两三四五六七八九十百半]+)"
_ANY_NUMBER = re.compile(_NUMBER)
# "37.8", "37度6", "48 HbA1c", "136/85": a reading, not a number of things
_NO_COUNT = re.compile(r"\d+(?:\.\d|\s*(?:度|°|%|/\s?\d|:\d|mmol|hba1c|a1c|bpm|degrees?\b|celsius|(?:st|nd|rd|th)\b))")
_TEMPERATURE = re.compile(
    r"(?P<n>\d{2,3}(?:[.,]\d{1,2})?)\s*(?P<unit>°\s*[cf]?|degrees?(?: c\w*| f\w*)?|deg|c\b|f\b|celsius|fahrenheit|度)?"
)
# "39.3" on its own: hardly anything else in a message about health reads like this
_BARE_READING = re.compile(
    r"(?<![\d.])(?:3[89]|4[01])\.\d(?!\d)(?!\s?(?:kg|lb|cm|mm|%|weeks|wks|mg|g\b|mmol|years|公斤|斤|周|岁))"
)
# "38度3", "三十八度五": degrees with a tenth; whole degrees in Chinese numerals need a word for temperature beside them
_HAN_DEGREES = re.compile(r"(?P<n>3[6-9]|4[01]|三十[六七八九]|四十一?)度(?P<tenth>[\d一二三四五六七八九半])?(?!\d)")
_TEMP_WORD = re.compile(r"temp|fever|feverish|thermometer|burning up|体温|发烧|高烧|发热|烧到|烧")
_OXYGEN = re.compile(
    r"(?:oxygen|o2|sats?|saturation|spo2|ox(?:imeter)?|血氧)\D{0,25}(?P<n>\d{2})(?!\d|\.\d{2})"
    r"|(?P<n2>\d{2})\s?%\D{0,15}(?:oxygen|o2|sats?|spo2|血氧)"
)
_PRESSURE = re.compile(r"(?P<n>\d{2,3})\s?(?:/|over|比)\s?(?P<low>\d{2,3})(?!\d|/)")
_PRESSURE_WORD = re.compile(r"\bbp\b|pressure|血压|高压|systolic")
_SUGAR = re.compile(
    r"(?:sugar|glucose|\bbm\b|\bbgl?\b|libre|dexcom|cgm|血糖|mmol|mg/?dl)\D{0,25}(?P<n>\d{1,3}(?:\.\d)?)"
    r"|(?P<n2>\d{1,3}(?:\.\d)?)\s?(?:mmol|mg)"
)
_RATE = re.compile(
    r"(?:heart ?rate|pulse|\bhr\b|\bbpm\b|heart[^.]{0,20} at|心率|心跳|脉搏)\D{0,15}(?P<n>\d{2,3})(?!\d|[/.])"
    r"|(?P<n2>\d{2,3})\s?(?:bpm|beats)"
)
_SPELL = re.compile(
    _NUMBER + r"[\s-]*(?:个|多)?[\s-]*(?P<unit>minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|months?|"
    r"years?|yrs?|分钟|小时|钟头|天|日|星期|周|礼拜|月|年)"
)
_UNIT_DAYS = {
    "mi": 1 / 1440,
    "ho": 1 / 24,
    "hr": 1 / 24,
    "da": 1.0,
    "we": 7.0,
    "wk": 7.0,
    "mo": 30.4,
    "ye": 365.0,
    "yr": 365.0,
    "分": 1 / 1440,
    "小": 1 / 24,
    "钟": 1 / 24,
    "天": 1.0,
    "日": 1.0,
    "星": 7.0,
    "周": 7.0,
    "礼": 7.0,
    "月": 30.4,
    "年": 365.0,
}
# "31 weeks" with nothing said of what: a pregnancy, unless it is how long something has lasted
_GESTATION = re.compile(
    r"(?<!for )(?<!past )(?<!last )(?<!every )(?<!in )(?<!after )(?<!next )(?<!within )(?<!about )(?<!over )"
    r"\b(?P<n>[2-3]\d|4[0-2])\s?(?:\+\s?\d\s?)?(?:weeks?|wks?)\b(?! (?:old|ago|of age|later|now with|since|post))"
)
_AGE = re.compile(
    _NUMBER + r"[\s-]*(?:个)?[\s-]*(?P<unit>day|week|wk|month|mth|mo|year|yr|y/?o|天|日|周|星期|个月|月|岁|周岁)s?"
    r"(?:[\s-]*(?P<old>olds?|/o\b|of age|大|的?(?:宝宝|婴儿|孩子|小孩|娃|女儿|儿子|新生儿|早产儿))"
    r"|(?P<yo>(?<=y/o)|(?<=yo)))?"
)
_BARE_AGE = re.compile(
    r"(?:\bi'?m|\bi am|\baged?|\bshe'?s|\bhe'?s|\bhe is|\bshe is|\bturned|"
    r"(?:mum|mom|mother|dad|father|husband|wife|gran\w*|nan|baby|son|daughter)[ ,(]+(?:is|aged)?)"
    r"\s*(?P<n>\d{1,3})(?![\d.%/]|\s?(?:mg|weeks?|wks?|months?|days?|hours?|kg|min|mmol|bpm|degrees))\b"
    r"|\b(?P<n2>\d{1,2})\s?(?:[mf]\b|yo\b|y/o)"
)
_HAN_AGE = re.compile(
    r"(?:宝宝|婴儿|娃|孩子|宝贝|小孩|女儿|儿子|孙子|孙女)[^\d,.。]{0,4}"
    + _NUMBER
    + r"\s?(?P<unit>天|周|个月|个多月|月)(?!前|了|后|没)"
)
_YOUNG = re.compile(r"newborn|neonate|new born|新生儿|出生(?:才|刚)?(?:几天|\d+天)|刚出生|没满月|未满月|月子里的娃")


def value_of(written: str) -> float:
    """The number that digits, English number words or Chinese numerals stand for; 0 where they make none."""
    if written[0].isdigit():
        return float(written.replace(",", "."))
    if written[0] in "零一二两三四五六七八九十百半":
        return _han_value(written)
    return float(sum(_WORDS.get(word, 0) for word in re.split(r"[ -]", written)))


def _han_value(written: str) -> float:
    total = 0.0
    digit = 0.0
    for char in written:
        if char in "十百":
            total += (digit or 1) * (10 if char == "十" else 100)
            digit = 0.0
        else:
            digit = float(_HAN[char])
    return total + digit


def measured(text: Text) -> Hits:
    """The built-in concepts in ``text``; positions are tokens."""
    hits: Hits = {}
    for name, start, end in _readings(text.plain):
        first = bisect_left(text.ends, start + 1)
        last = bisect_left(text.starts, end)
        if first < last:
            hits.setdefault(name, []).append(Hit(first, last, ((first, last),)))
    return hits


def _readings(plain: str) -> Iterator[tuple[str, int, int]]:
    yield from _numbers(plain)
    yield from _durations(plain)
    yield from _han_temperatures(plain)
    if any(char.isdigit() for char in plain):
        yield from _temperatures(plain)
        yield from _vital_signs(plain)


def _numbers(plain: str) -> Iterator[tuple[str, int, int]]:
    for found in _ANY_NUMBER.finditer(plain):
        value = value_of(found["n"])
        yield "number", *found.span("n")
        if _NO_COUNT.match(plain, found.start()):
            continue
        if value >= 8:
            yield "number_many", *found.span("n")
        if value >= 20:
            yield "number_huge", *found.span("n")


def _temperatures(plain: str) -> Iterator[tuple[str, int, int]]:
    told = _TEMP_WORD.search(plain) is not None
    for found in _TEMPERATURE.finditer(plain):
        near = _TEMP_WORD.search(plain, max(0, found.start() - 25), found.end() + 12) is not None
        if not (near or (told and (found["unit"] or "").strip()) or _BARE_READING.match(plain, found.start())):
            continue
        value = float(found["n"].replace(",", "."))
        celsius = (value - 32) / 1.8 if 94 <= value <= 110 else value
        after = plain[found.end() : found.end() + 8]
        if not 30 <= celsius <= 43.5 or re.match(
            r"\s*(weeks?|wks?|years?|days?|months?|times|周|岁|次|hours?|min|mg|kg)", after
        ):
            continue
        if celsius >= 37.95:
            yield "temp_fever", *found.span()
        if celsius >= 38.95:
            yield "temp_39", *found.span()
        if celsius >= 39.95:
            yield "temp_40", *found.span()
        if celsius <= 35.2 and told:
            yield "temp_low", *found.span()


def _han_temperatures(plain: str) -> Iterator[tuple[str, int, int]]:
    told = _TEMP_WORD.search(plain) is not None
    for found in _HAN_DEGREES.finditer(plain):
        tenth = found["tenth"]
        if not (tenth or told):
            continue
        value = value_of(found["n"]) + (0.5 if tenth == "半" else value_of(tenth) / 10 if tenth else 0.0)
        for name, least in (("temp_fever", 37.95), ("temp_39", 38.95), ("temp_40", 39.95)):
            if value >= least:
                yield name, *found.span()


def _vital_signs(plain: str) -> Iterator[tuple[str, int, int]]:
    for found in _OXYGEN.finditer(plain):
        if 50 <= float(found["n"] or found["n2"]) <= 92:
            yield "oxygen_low", *found.span()
    if _PRESSURE_WORD.search(plain):
        for found in _PRESSURE.finditer(plain):
            high, low = float(found["n"]), float(found["low"])
            if (high >= 180 and high <= 300) or 120 <= low < high:
                yield "bp_severe", *found.span()
            if (high >= 140 and high <= 300) or 90 <= low < high:
                yield "bp_high", *found.span()
            if 50 <= high < 90 and low < high:
                yield "bp_low", *found.span()
    for found in _SUGAR.finditer(plain):
        value = float(found["n"] or found["n2"])
        american = value > 40 or "mg" in plain[found.start() : found.end() + 6]
        if 10 <= value < 70 if american else 0.5 < value < 3.9:
            yield "sugar_low", *found.span()
        if value >= 300 if american else 16 <= value <= 40:
            yield "sugar_high", *found.span()
    for found in _RATE.finditer(plain):
        value = float(found["n"] or found["n2"])
        if 130 <= value <= 260:
            yield "rate_high", *found.span()
        if 20 <= value < 40:
            yield "rate_low", *found.span()


def _durations(plain: str) -> Iterator[tuple[str, int, int]]:
    for found in _GESTATION.finditer(plain):
        yield "weeks_bare", *found.span()
    for found in _SPELL.finditer(plain):
        days = value_of(found["n"]) * _UNIT_DAYS.get(found["unit"][:2], _UNIT_DAYS.get(found["unit"][:1], 0.0))
        if days >= 300:
            yield "years_long", *found.span()
        if days >= 20:
            yield "weeks_long", *found.span()
        if days >= 5:
            yield "days_many", *found.span()
        if 4.5 / 1440 <= days < 0.9:
            yield "minutes_long", *found.span()


_AGE_YEARS = {
    "d": 1 / 365,
    "w": 7 / 365,
    "m": 1 / 12,
    "y": 1.0,
    "天": 1 / 365,
    "日": 1 / 365,
    "周": 7 / 365,
    "星": 7 / 365,
    "个": 1 / 12,
    "月": 1 / 12,
    "岁": 1.0,
}


def ages(plain: str) -> tuple[float, ...]:
    """Every age in years that ``plain`` (normalised) states, of whomever it speaks."""
    found_ages = [
        value_of(found["n"]) * _AGE_YEARS[found["unit"][0]]
        for found in _AGE.finditer(plain)
        if found["old"] or found["unit"].startswith(("岁", "周岁", "y/", "yo"))
    ]
    found_ages += [value_of(found["n"]) * _AGE_YEARS[found["unit"][0]] for found in _HAN_AGE.finditer(plain)]
    found_ages += [float(found["n"] or found["n2"]) for found in _BARE_AGE.finditer(plain)]
    if _YOUNG.search(plain):
        found_ages.append(0.02)
    return tuple(age for age in found_ages if age < 125)
