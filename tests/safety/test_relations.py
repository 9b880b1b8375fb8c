"""Right words wrongly joined: a number moved to another sign, or two things that changed places."""

import pytest

from consult.safety import guard
from consult.safety.types import Language, Level, Passage, Verdict

POO = """See a GP within 2 weeks if:
- you have lost weight
- you are tired all the time

Get help within 24 hours if:
- you have blood in your poo
- you have severe pain"""
RUNS = """See a doctor if:
- you have diarrhoea that lasts more than 2 weeks
- you have blood in your poo
- you have lost weight"""
FLU = "A cold is milder than the flu. Both are caused by viruses."
WATER = "Dehydration can cause headaches and dizziness."
SHINGLES = "Shingles is caused by the chickenpox virus. After chickenpox, the virus stays in the body."
ZH_FLU = "流感比感冒严重。两者都由病毒引起。"
ZH_RUNS = "出现以下情况要就医：\n- 腹泻两周以上\n- 便血\n- 体重下降"


def verdict(sentence: str, text: str) -> Verdict:
    language: Language = "zh" if "\u4e00" <= text[0] <= "\u9fff" else "en"
    return guard.check_sentence(sentence, [Passage(1, "Topic", text)], level=Level.SELF_CARE, language=language)


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("See a GP within 2 weeks if you have blood in your poo.", POO),
        ("If you have blood in your poo, see a GP within 2 weeks.", POO),
        ("See a GP within 2 weeks if you have severe pain or have lost weight.", POO),
        ("See a doctor if you have had blood in your poo for 2 weeks.", RUNS),
        ("A rash lasts 3 days and a fever lasts 7 days.", "The fever lasts 3 days. The rash lasts 7 days."),
        ("便血两周以上要就医。", ZH_RUNS),
    ],
)
def test_a_number_stays_with_the_sign_that_it_was_given_for(sentence: str, text: str) -> None:
    assert not verdict(sentence, text).allowed


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("See a GP within 2 weeks if you have lost weight or are tired all the time.", POO),
        ("Get help within 24 hours if you have blood in your poo.", POO),
        ("See a doctor if you have blood in your poo or diarrhoea that lasts more than 2 weeks.", RUNS),
        ("腹泻两周以上要就医。", ZH_RUNS),
    ],
)
def test_a_number_beside_its_own_sign_passes(sentence: str, text: str) -> None:
    assert verdict(sentence, text).allowed


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("The flu is milder than a cold.", FLU),
        ("Headaches cause dehydration.", WATER),
        ("Headaches can cause dehydration and dizziness.", WATER),
        ("Chickenpox is caused by the shingles virus.", SHINGLES),
        ("Take food after the tablet.", "Take the tablet after food."),
        ("Bronchitis can turn into a cold.", "A cold can turn into bronchitis."),
        ("Asthma medicine is replaced by exercise.", "Exercise does not matter. Asthma medicine can replace exercise."),
        ("感冒比流感严重。", ZH_FLU),
        ("头痛会引起脱水。", "脱水会引起头痛和头晕。"),
    ],
)
def test_two_things_may_not_change_places(sentence: str, text: str) -> None:
    assert not verdict(sentence, text).allowed


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("A cold is milder than the flu.", FLU),
        ("Headaches can be caused by dehydration.", WATER),
        ("流感比感冒严重。", ZH_FLU),
    ],
)
def test_the_same_told_the_other_way_round_passes(sentence: str, text: str) -> None:
    assert verdict(sentence, text).allowed
