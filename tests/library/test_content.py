"""The topics that ship: complete, plain, cautious, from named sources, each worth reading by itself.

Form is checked by consult.library.topics; this file checks what people read. The bounds are stated here on purpose.
Each test collects its faults by topic, so that one run shows all that is wrong.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consult.library import topics
from consult.library.topics import Topic
from consult.library.wording import BODY
from consult.safety.rules import ruleset
from consult.safety.triage import assess
from consult.safety.types import Level, Turn

LEAST_TOPICS = 120
FEWEST_WORDS, MOST_WORDS = 200, 900
PLAIN_SENTENCE, LONGEST_SENTENCE = 20, 28  # words
SHARE_OVER_PLAIN = 0.05
FEWEST_SIGNS = 4
HOSTS = {
    "NHS": "www.nhs.uk",
    "WHO": "www.who.int",
    "CDC": "www.cdc.gov",
    "MedlinePlus": "medlineplus.gov",
    "NICE": "www.nice.org.uk",
}
# Not a blood pressure (180/120), not part of a larger figure (10,000).
LOCAL_NUMBER = re.compile(r"(?<![\d/.,])(?:000|110|111|112|119|120|911|988|995|999)(?![\d/,])")
HOW_SOON = re.compile(r"\b(?:today|at once|the same day|\d+ hours|(?:few|\d+) days|days|(?:few )?weeks?)\b")
# mg/dL is a blood sugar.
DOSE = re.compile(r"\b\d+(?:\.\d+)?\s?(?:mg|mcg|micrograms?|milligrams?|ml|tablets|puffs|drops)\b(?!/dL)")
ORDERS = re.compile(r"\b(?:should|shouldn['’]t)\b", re.IGNORECASE)
GAPS = Path(__file__).with_name("signs_not_raised.txt")


@cache
def english() -> tuple[Topic, ...]:
    """Every English topic; a file with faults fails here, with all its faults."""
    return tuple(topics.load(path) for path in sorted((topics.CONTENT / "en").glob("*.md")))


def faults(find: Callable[[Topic], Iterable[str]]) -> dict[str, list[str]]:
    """What ``find`` objects to, by topic."""
    found = {topic.id: list(find(topic)) for topic in english()}
    return {topic: objections for topic, objections in found.items() if objections}


def sentences(topic: Topic) -> list[str]:
    return [one for body in topic.sections.values() for one in _sentences(body)]


def _sentences(text: str) -> Iterator[str]:
    """A list item is at least one sentence, and so is the line that introduces a list."""
    for line in text.splitlines():
        item = line.strip().removeprefix("- ")
        yield from (one for one in re.split(r"(?<=[.!?])\s+", item) if one)


def length(sentence: str) -> int:
    return len(sentence.split())


def test_the_library_is_large_enough() -> None:
    assert len(english()) >= LEAST_TOPICS


def test_headers_have_known_values() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        yield from set(topic.body) - set(BODY)  # a part without a heading would be listed under its slug
        if not topic.names or not topic.icd10:
            yield "no names or no codes"
        if topic.written > dt.date.today():
            yield "written in the future"

    assert faults(objections) == {}


def test_sources_are_allowed_organisations_at_their_own_site() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        for source in topic.sources:
            address = urlsplit(source.address)
            right = address.scheme == "https" and address.hostname == HOSTS.get(source.organisation)
            if not right or address.query or not re.fullmatch(r"/[A-Za-z0-9/().,_-]+", address.path):
                yield source.address

    assert faults(objections) == {}


def test_no_topic_is_a_stub_or_a_book() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        words = sum(topics.words_in(body) for body in topic.sections.values())
        if not FEWEST_WORDS <= words <= MOST_WORDS:
            yield f"{words} words"

    assert faults(objections) == {}


def test_no_sentence_is_hard_to_read() -> None:
    assert faults(lambda topic: (one for one in sentences(topic) if length(one) > LONGEST_SENTENCE)) == {}


def test_few_sentences_are_longer_than_plain_language_allows() -> None:
    lengths = [length(one) for topic in english() for one in sentences(topic)]
    assert sum(one > PLAIN_SENTENCE for one in lengths) <= SHARE_OVER_PLAIN * len(lengths)


def test_nobody_is_told_what_they_should_do() -> None:
    assert faults(lambda topic: (one for one in sentences(topic) if ORDERS.search(one))) == {}


def test_no_local_number_is_named() -> None:
    """The application adds the numbers of the reader's country."""
    assert faults(lambda topic: (one for one in sentences(topic) if LOCAL_NUMBER.search(one))) == {}


def test_no_dose_is_given() -> None:
    assert faults(lambda topic: DOSE.findall(topic.sections["medicines-and-cautions"])) == {}


def test_each_topic_says_how_soon_to_be_seen() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        if not HOW_SOON.search(topic.sections["when-to-see-someone"]):
            yield "no time is named"

    assert faults(objections) == {}


def test_each_topic_lists_emergency_signs_and_says_whom_to_call() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        lead = topic.sections["emergency-signs"].splitlines()[0]
        if not lead.endswith(":") or not re.search(r"\b(?:emergency|palliative team)\b", lead):
            yield lead
        if len(signs(topic)) < FEWEST_SIGNS:
            yield "too few signs"

    assert faults(objections) == {}


def test_links_lead_to_topics_that_exist() -> None:
    held = {topic.id for topic in english()}
    assert faults(lambda topic: set(topic.links) - held) == {}


def test_no_two_topics_share_a_title_or_a_name() -> None:
    owners: dict[str, list[str]] = defaultdict(list)
    for topic in english():
        for name in (topic.title, *topic.names):
            owners[name.casefold()].append(topic.id)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def test_no_sentence_is_repeated_from_topic_to_topic() -> None:
    """Lists may share a sign; prose may not, or topics stop being useful one by one."""
    seen: Counter[str] = Counter()
    for topic in english():
        seen.update({one for one in sentences(topic) if one[0].isupper() and one[-1] != ":" and length(one) > 4})
    assert [one for one, times in seen.items() if times > 1] == []


# Emergency signs against the safety rules: a patient who writes the sign must be raised at least to urgent.

TO_FIRST_PERSON = (
    (r"\byou or someone else has\b", "someone has"), (r"\byou or someone else took\b", "someone took"),
    (r"\byou or your child has\b", "I have"), (r"\byou or your child\b", "I"),
    (r"\byou are\b", "I am"), (r"\byou were\b", "I was"), (r"\byourself\b", "myself"), (r"\byour\b", "my"),
    (r"\b(hurt|hurting|abusing|bitten|kill|tells?|telling|strangled|with) you\b", r"\1 me"), (r"\byou\b", "I"),
)  # fmt: skip


def signs(topic: Topic) -> list[str]:
    """Each emergency sign as the patient might write it, with the condition of the lead ("if you have flu and:")."""
    found, condition = [], ""
    for line in topic.sections["emergency-signs"].splitlines():
        if line.startswith("- "):
            found.append(first_person(condition + line.removeprefix("- ")))
        elif line.endswith(":"):
            lead = re.search(r"\bif (.* and):$", line)
            condition = f"{lead[1]} " if lead else ""
    return found


def first_person(text: str) -> str:
    for pattern, replacement in TO_FIRST_PERSON:
        text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
    return f"{text[0].upper()}{text[1:]}."


def not_raised() -> set[str]:
    """Topic and sign, for each sign that triage leaves below urgent."""
    ruleset()  # broken rules fail here, once and with their reason
    return {
        f"{topic.id}: {sign}"
        for topic in english()
        for sign in signs(topic)
        if assess((Turn("patient", sign),), language="en").level.rank < Level.URGENT.rank
    }


def test_emergency_signs_are_raised_by_the_safety_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """signs_not_raised.txt lists the known gaps of the rules. It may only shrink: mend the rule, never the topic."""
    # The rules alone: what the classifier adds changes with each training.
    monkeypatch.setattr("consult.safety.classifier.second_opinion", lambda *_: [])
    known = {line for line in GAPS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}
    assert sorted(not_raised() - known) == []
