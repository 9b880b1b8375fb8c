"""The one question before an answer: asked where the answer depends on it, and never where it is told."""

from __future__ import annotations

import pytest

from consult.safety import asks
from consult.safety.facts import ages
from consult.safety.text import normalise
from consult.safety.types import Language, Passage, Profile

LANGUAGES: tuple[Language, ...] = ("en", "zh")
PASSAGES = [
    Passage(1, "Fever in children", "See a doctor today if a baby under 3 months has a fever."),
    Passage(2, "Headache", "Ask a pharmacist before you take ibuprofen in pregnancy."),
    Passage(3, "Cough", "See a doctor if a cough lasts for more than 3 weeks."),
    Passage(4, "发烧", "三个月以下的宝宝发烧，请马上去医院。怀孕时用药先问医生。咳嗽超过三周请看医生。"),
]


def asked(text: str, *, said: str = "", profile: Profile | None = None, passages: list[Passage] = PASSAGES) -> str:
    return asks.question(asks.Told(text, said or text, profile or Profile()), passages)


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("My daughter has a fever, what can I give her?", "ask_child_age"),
        ("孩子发烧怎么办？", "ask_child_age"),
        ("Can I take ibuprofen for a headache?", "ask_pregnant"),
        ("布洛芬能吃吗？", "ask_pregnant"),
        ("Can I drink alcohol with my tablets?", "ask_medicine"),
        ("我吃的药能和酒一起吗？", "ask_medicine"),
        ("I have a cough", "ask_since"),
        ("I have a cough. Do I need to see a doctor?", "ask_since"),
        ("我咳嗽，要不要看医生", "ask_since"),
    ],
)
def test_what_would_change_the_answer_most_is_asked(text: str, card: str) -> None:
    assert asked(text) == card


@pytest.mark.parametrize(
    "text",
    [
        "My 3-year-old has a fever",
        "My daughter is two and has a fever",
        "孩子3岁，发烧怎么办？",
        "Can I take ibuprofen? I am pregnant",
        "My husband has a headache, can he take ibuprofen?",
        "I'm a man. Can I take ibuprofen?",
        "我怀孕了，能吃布洛芬吗？",
        "Can I drink alcohol with amoxicillin?",
        "Which tablets are best for hay fever?",
        "I have had a cough for two days",
        "I have a cough since yesterday",
        "我咳嗽三天了",
        "I have a cough, what can I do?",
        "What is a fever?",
        "How can children avoid colds?",
        "Thank you",
        "",
    ],
)
def test_what_is_told_already_or_changes_nothing_is_not_asked(text: str) -> None:
    assert asked(text) == ""


def test_earlier_words_of_the_conversation_count() -> None:
    assert asked("What can I give my son for his fever?", said="My son is 4 years old.\nWhat can I give him?") == ""
    told = "I take warfarin, and I am a man.\nCan I drink with my tablets?"
    assert asked("Can I drink with my tablets?", said=told) == ""


@pytest.mark.parametrize(
    "profile",
    [Profile(pregnant=False), Profile(pregnant=True), Profile(sex="male"), Profile(age_years=70), Profile(age_years=8)],
)
def test_a_shared_profile_that_tells_it_spares_the_question(profile: Profile) -> None:
    assert asked("Can I take ibuprofen for a headache?", profile=profile) == ""


def test_the_only_medicine_of_the_profile_is_the_one_that_is_meant() -> None:
    assert asked("Can I drink alcohol with my tablets?", profile=Profile(medicines=("warfarin",), sex="male")) == ""


def test_nobody_is_asked_what_no_passage_depends_on() -> None:
    rest = [Passage(1, "Rest", "Rest and drink plenty.")]
    for text in ("My daughter has a fever", "Can I take ibuprofen for a headache?", "I have a cough"):
        assert asked(text, passages=rest) == ""


def test_the_same_is_not_asked_twice() -> None:
    told = asks.Told("I have a cough", "I have a cough", Profile())
    assert asks.question(told, PASSAGES, {"ask_since"}) == ""


@pytest.mark.parametrize("key", ["ask_child_age", "ask_pregnant", "ask_medicine", "ask_since"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_question_can_be_left_open_and_every_answer_answers_it(key: str, language: Language) -> None:
    card = asks.card(key, language)
    assert asks.is_question(key)
    assert card.choices[-1].label in ("I'm not sure", "不确定")
    assert len({one.said for one in card.choices}) == len(card.choices) >= 4
    texts = {"ask_child_age": "My son has a fever", "ask_pregnant": "Can I take ibuprofen?",
             "ask_medicine": "Can I drink alcohol with my tablets?", "ask_since": "I have a cough"}  # fmt: skip
    for choice in card.choices[:-1]:
        assert asked(texts[key], said=f"{texts[key]}\n{choice.said}") != key, choice.said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_youngest_age_that_can_be_pressed_is_read_as_under_three_months(language: Language) -> None:
    said = asks.card("ask_child_age", language).choices[0].said
    assert max(ages(normalise(said))) < 0.25
