"""The fixed cards: every one in both languages, for oneself, for a child and for someone else, with no wrong number."""

import re

import pytest

from consult.safety import messages, numbers
from consult.safety.rules import ruleset
from consult.safety.sentences import split
from consult.safety.types import Assessment, Card, Language, Level, Subject

LANGUAGES: tuple[Language, ...] = ("en", "zh")
SUBJECTS: tuple[Subject, ...] = ("self", "child", "other")


def every_card(country: str | None) -> list[Card]:
    return [
        messages.card(key, language=language, country=country, subject=subject)
        for key in messages.keys()  # noqa: SIM118 - a function, not a dict
        for language in LANGUAGES
        for subject in SUBJECTS
    ]


def words_of(card: Card) -> list[str]:
    return [card.title, *card.paragraphs, *card.points]


def test_the_cards_that_the_chat_and_triage_count_on_exist() -> None:
    needed = {"emergency", "crisis", "emergency_and_crisis", "urgent", "routine", "self_care", "person_offered"}
    assert needed | {"nothing_found", "busy", "declined"} <= set(messages.keys())


@pytest.mark.parametrize("country", ["GB", "CN", "XX", None])
def test_every_card_is_filled_in_for_every_reader(country: str | None) -> None:
    for card in every_card(country):
        assert card.title
        assert card.paragraphs
        assert not [text for text in words_of(card) if "{" in text or "}" in text]


def test_english_sentences_have_at_most_twenty_words() -> None:
    long = [
        (card.key, sentence)
        for card in every_card("GB")
        if card.language == "en"
        for text in words_of(card)
        for sentence in split(text)
        if len(sentence.split()) > 20
    ]
    assert not long


def syllables(word: str) -> int:
    """Runs of vowels, without a silent e: good to about one in ten, which evens out over a card."""
    silent = re.search(r"[^aeiouyl]e$|[^td]ed$", word)
    return max(1, len(re.findall(r"[aeiouy]+", word)) - bool(silent))


def reading_age(texts: list[str]) -> float:
    """In years: the school grade of Kincaid et al. (1975), in which children are five years older."""
    sentences = [sentence for text in texts for sentence in split(text)]
    words = [word for sentence in sentences for word in re.findall(r"[a-z']+", sentence.lower())]
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59 + 5


def test_the_reading_age_of_plain_and_of_learned_words_is_told_apart() -> None:
    assert reading_age(["The cat sat on the mat."]) < 9
    assert reading_age(["Myocardial infarction necessitates immediate hospitalisation and revascularisation."]) > 16


@pytest.mark.parametrize("country", ["GB", None])
def test_a_child_of_eleven_can_read_every_card(country: str | None) -> None:
    ages = {
        (card.key, round(reading_age([*card.paragraphs, *card.points]), 1))
        for card in every_card(country)
        if card.language == "en"
    }
    assert not {(key, age) for key, age in ages if age > 11}


def test_chinese_cards_are_in_chinese_and_their_clauses_short() -> None:
    for card in every_card(None):
        if card.language == "zh":
            for text in words_of(card):
                assert re.search(r"[\u4e00-\u9fff]", text), (card.key, text)
                assert max(len(clause) for clause in re.split(r"[，。；：！？]", text)) <= 30, (card.key, text)


def test_an_unknown_country_gets_generic_words_and_no_digits_to_dial() -> None:
    for card in every_card(None):
        assert not any(action.href.startswith("tel:") for action in card.actions), card.key
    card = messages.card("emergency", language="en", country=None)
    assert card.title == "Call your local emergency number now"


def test_a_known_country_gets_its_own_number_as_a_link() -> None:
    assert "tel:999" in [a.href for a in messages.card("emergency", language="en", country="GB").actions]
    assert "tel:120" in [a.href for a in messages.card("emergency", language="zh", country="cn").actions]
    assert "tel:988" in [a.href for a in messages.card("crisis", language="en", country="US").actions]


@pytest.mark.parametrize("key", ["emergency_and_crisis", "emergency_overdose", "emergency_crisis"])
def test_an_overdose_already_taken_shows_both_helps(key: str) -> None:
    card = messages.card(key, language="en", country="US")
    assert card.level is Level.EMERGENCY
    assert {"tel:911", "tel:988", messages.PERSON_HREF} <= {action.href for action in card.actions}


def test_a_crisis_card_is_short_and_offers_a_person_first() -> None:
    for key in [name for name in messages.keys() if name.startswith("crisis")]:  # noqa: SIM118
        for subject in SUBJECTS:
            card = messages.card(key, language="en", country="GB", subject=subject)
            assert card.actions[0].href == messages.PERSON_HREF
            assert sum(len(text.split()) for text in words_of(card)) <= 90, key


def test_every_emergency_card_says_whom_to_call_in_its_first_words() -> None:
    for card in every_card("GB"):
        if card.level is Level.EMERGENCY:
            assert "999" in " ".join([card.title, *card.paragraphs]), card.key


def test_a_card_about_someone_else_does_not_speak_of_the_reader_as_ill() -> None:
    card = messages.card("emergency_stroke", language="en", country="GB", subject="other")
    assert "the person" in " ".join(words_of(card))
    assert "you may be having" not in " ".join(words_of(card))
    child = messages.card("emergency_breathing", language="zh", country="CN", subject="child")
    assert "孩子" in " ".join(words_of(child))


def test_a_sentence_that_begins_with_a_filled_in_word_begins_with_a_capital() -> None:
    card = messages.card("emergency_crisis", language="en", country=None, subject="other")
    assert card.paragraphs[0].startswith("The person may be")
    assert "A crisis line in your country or a person here" in card.paragraphs[1]


def test_an_unknown_card_is_an_error_and_names_itself() -> None:
    with pytest.raises(messages.UnknownCard, match="no_such_card"):
        messages.card("no_such_card", language="en", country="GB")


def test_every_message_that_a_rule_names_has_a_card() -> None:
    named = {rule.message for rule in ruleset().rules if rule.message}
    assert named <= set(messages.keys())


def assessment(level: Level, message: str) -> Assessment:
    return Assessment(level, (), message, "self", "en", "v", 0.0)


def test_an_assessment_without_a_card_of_its_own_gets_that_of_its_level() -> None:
    assert messages.card_for(assessment(Level.EMERGENCY, "emergency_heart"), country="GB").key == "emergency_heart"
    assert messages.card_for(assessment(Level.CRISIS, ""), country="GB").key == "crisis"
    assert messages.card_for(assessment(Level.URGENT, "written tomorrow"), country="GB").key == "urgent"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_application_has_worsening_advice_for_every_level(language: Language) -> None:
    advice = {messages.worsening(level, language) for level in Level}
    assert len(advice) == len(Level)


def test_the_standing_notice_says_that_this_is_software_and_whom_to_call() -> None:
    assert "software, not a doctor" in messages.standing_notice("en", "GB")
    assert "999" in messages.standing_notice("en", "GB")
    assert "软件" in messages.standing_notice("zh", None)
    assert not re.search(r"\d", messages.standing_notice("zh", None))


@pytest.mark.parametrize("author", ["software", "read", "clinician"])
def test_each_message_can_say_who_wrote_it(author: str) -> None:
    assert messages.written_by(author, "en") != messages.written_by(author, "zh")


def test_at_least_twenty_five_countries_have_numbers_with_a_source_and_a_review_date() -> None:
    table = numbers.countries()
    assert len(table) >= 25
    for row in table:
        assert row.ambulance.isdigit()
        assert row.source
        assert row.reviewed is not None
        for line in row.crisis:
            assert line.name
            assert re.fullmatch(r"[\d*+ -]{3,16}", line.number), row.country


@pytest.mark.parametrize("code", ["", None, "ZZ", "England", "G", "🇬🇧"])
def test_anything_but_a_known_code_has_no_numbers(code: str | None) -> None:
    assert numbers.for_country(code) is numbers.UNKNOWN
