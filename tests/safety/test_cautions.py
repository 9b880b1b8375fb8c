"""What a page says to this person in particular."""

from __future__ import annotations

from consult.safety import cautions
from consult.safety.types import Passage, Profile

PAGE = Passage(
    1, "Headache",
    "Paracetamol can ease a headache. Ask a pharmacist before you take ibuprofen with asthma or in pregnancy. "
    "Children under 16 must not take aspirin. Ask before you take aspirin with warfarin. "
    "Do not take amoxicillin if you are allergic to penicillin.", "medicines-and-cautions",
)  # fmt: skip


def told(profile: Profile, question: str = "Which painkiller helps a headache?", page: Passage = PAGE) -> list[str]:
    found = cautions.chosen(cautions.watched(profile, question), [page], "en")
    return [f"{field}: {verdict.text}" for field, verdict in found]


def test_each_field_finds_the_sentence_that_holds_for_it() -> None:
    both = "Ask a pharmacist before you take ibuprofen with asthma or in pregnancy."
    assert told(Profile(pregnant=True)) == [f"pregnancy: {both}"]
    assert told(Profile(conditions=("asthma",))) == [f"conditions: {both}"]
    assert told(Profile(age_years=9)) == ["age: Children under 16 must not take aspirin."]
    assert told(Profile(medicines=("Warfarin 5 mg",))) == ["medicines: Ask before you take aspirin with warfarin."]
    assert told(Profile(allergies=("penicillin",))) == [
        "allergies: Do not take amoxicillin if you are allergic to penicillin."
    ]


def test_a_child_in_the_question_counts_without_any_profile() -> None:
    assert told(Profile(), "What helps my son against a headache?") == [": Children under 16 must not take aspirin."]


def test_what_nobody_told_is_not_taken_for_granted() -> None:
    assert told(Profile()) == []
    assert told(Profile(age_years=40, sex="female", pregnant=False, conditions=("gout",))) == []


def test_what_is_asked_about_is_no_caution_about_itself() -> None:
    page = Passage(1, "Asthma", "Avoid smoke with asthma.", "what-you-can-do")
    assert told(Profile(conditions=("asthma",)), "What helps asthma?", page) == []


def test_emergency_signs_are_never_told_in_part() -> None:
    page = Passage(1, "Headache", "Call for help if you are pregnant and see lights.", "emergency-signs")
    assert told(Profile(pregnant=True), page=page) == []


def test_a_page_is_for_whom_it_names_and_a_page_that_names_nobody_for_all() -> None:
    assert cautions.is_for("child", ["adult", "child"])
    assert not cautions.is_for("child", ["adult", "older"])
    assert cautions.is_for("older", ["adult"])
    assert not cautions.is_for("adult", ["child"])
    assert cautions.is_for("pregnant", [])
    assert cautions.is_for("", ["child"])


def test_the_owner_of_the_account_is_not_read_into_a_question_about_somebody_else() -> None:
    assert cautions.about_oneself("What helps a headache?")
    for text in ("What helps my daughter's headache?", "My husband has a headache", "我妈头疼怎么办"):
        assert not cautions.about_oneself(text)
    assert not cautions.about_child("My adult son has a headache")


def test_an_item_of_a_list_is_read_after_its_lead() -> None:
    text = "Ask a doctor before you take ibuprofen if:\n- you are pregnant\n- you have asthma"
    page = Passage(1, "Ibuprofen", text, "when-to-see-someone")
    assert told(Profile(conditions=("asthma",)), page=page) == [f"conditions: {text}"]
    bare = Passage(1, "Ibuprofen", "You have asthma. Take care.", "when-to-see-someone")
    assert told(Profile(conditions=("asthma",)), page=bare) == []
