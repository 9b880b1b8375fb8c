"""Reading what patients write: any Unicode, either language, and who, when and whether."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consult.safety.text import detect_language, normalise, stem, tokenise
from consult.safety.triage import assess
from consult.safety.types import Level, Turn


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_text_is_assessed_and_keeps_its_positions(text):
    assert len(normalise(text)) == len(text)
    found = assess([Turn("patient", text)])
    assert all(f.rule != "system.assessment_failed" for f in found.findings)
    assert all(text[s.start : s.end] == s.text for f in found.findings for s in f.spans)


@pytest.mark.parametrize(
    "text", ["", " ", "\ud800 chest pain", "a" * 20_000, "胸" * 20_000, "no " * 6_000, "😀" * 500, "..." * 900]
)
def test_odd_and_long_texts_are_assessed(text):
    assert all(f.rule != "system.assessment_failed" for f in assess([Turn("patient", text)]).findings)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I have a cough", "en"),
        ("我咳嗽", "zh"),
        ("我有 chest pain", "zh"),
        ("123 !!", None),
        ("心口好痛呀 help", "zh"),
    ],
)
def test_the_language_is_seen(text, language):
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "I can’t breathe",
        "I CAN'T BREATHE",
        "i cant  breathe",
        "I can\u200bt brea\u200bthe",
        "ｉ ｃａｎ'ｔ ｂｒｅａｔｈｅ",
    ],
)
def test_ways_of_typing_do_not_hide_a_sign(text):
    assert assess([Turn("patient", text)]).level == Level.EMERGENCY


def test_traditional_characters_are_read_as_simplified():
    assert normalise("頭痛發燒") == "头痛发烧"


def test_words_are_known_by_their_stem():
    assert len({stem(word) for word in ("breathe", "breathing", "breathed", "breath", "breaths")}) == 1
    assert tokenise("can't").words == ["cant"]


@pytest.mark.parametrize(
    "text",
    [
        "I don't have chest pain, sweating or breathlessness",
        "My father had a heart attack years ago",
        "I am not suicidal",
        "What should I do if I ever have crushing chest pain?",
        "The leaflet says it may cause swelling of the tongue",
        "I had a seizure as a child",
        "this traffic is killing me",
        "没有胸痛，没有气短",
        "如果中风了有什么症状",
        "累死了",
        "笑死我了",
    ],
)
def test_denied_past_supposed_quoted_and_figures_are_calm(text):
    assert assess([Turn("patient", text)]).level not in (Level.EMERGENCY, Level.CRISIS)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("my husband can't breathe", "other"),
        ("my baby is floppy and blue", "child"),
        ("I can't breathe", "self"),
        ("我老公突然说话不清", "other"),
    ],
)
def test_the_person_spoken_of_is_the_one_assessed(text, subject):
    assert assess([Turn("patient", text)]).subject == subject
