"""The Chinese topics that ship: complete, plain, cautious, from named sources. The English ones: test_content.py.

Lengths are in Han characters. Each test collects its faults by topic, so that one run shows all that is wrong.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from consult.library import topics
from consult.library.topics import Topic
from consult.library.wording import BODY
from consult.safety.rules import ruleset
from consult.safety.triage import assess
from consult.safety.types import Level, Turn
from tests.library.test_content import HOSTS, LOCAL_NUMBER

LEAST_TOPICS = 60
FEWEST_WORDS, MOST_WORDS = 200, 900  # as topics.words_in counts Chinese
PLAIN_SENTENCE, LONGEST_SENTENCE = 40, 60
SHARE_OVER_PLAIN = 0.05
FEWEST_SIGNS = 4
FEWEST_NAMES = 5  # search finds a topic by what patients call it
HOSTS_ZH = {
    **HOSTS,
    "世界卫生组织": "www.who.int",
    "国家卫生健康委员会": "www.nhc.gov.cn",
    "中国疾病预防控制中心": "www.chinacdc.cn",
}
HOW_SOON = re.compile(r"当天|马上|\d+小时内|几天内|[一两]周内|一两周内|几周内")
DOSE = re.compile(r"\d+(?:\.\d+)?\s?(?:毫克|微克|毫升|片|粒|喷|滴|mg|ml)|[一二两三半][片粒喷滴](?!面|子)")
ORDERS = re.compile(r"应该|应当")
LEANS_ON_ANOTHER = re.compile(r"^(?:它|他们|她|这些|这种|这样|这是|此外|其中|因此|所以|但是)")
LEAD = re.compile(r"如果(?:出现下面任何一种情况|(?P<condition>.+?)，同时有下面任何一种情况)，请马上拨打当地急救电话：")
GAPS = Path(__file__).with_name("signs_not_raised_zh.txt")


@cache
def chinese() -> tuple[Topic, ...]:
    """Every Chinese topic; a file with faults fails here, with all its faults."""
    return tuple(topics.load(path) for path in sorted((topics.CONTENT / "zh").glob("*.md")))


def faults(find: Callable[[Topic], Iterable[str]]) -> dict[str, list[str]]:
    """What ``find`` objects to, by topic."""
    found = {topic.id: list(find(topic)) for topic in chinese()}
    return {topic: objections for topic, objections in found.items() if objections}


def prose(topic: Topic) -> Iterator[str]:
    """Sentences that can be quoted alone: list items are not among them, nor lines that introduce a list."""
    for body in topic.sections.values():
        for line in topics.plain(body).splitlines():
            if not line.startswith("- "):
                yield from (one for one in re.findall(r"[^。！？]+[。！？]”?", line) if one)


def sentences(topic: Topic) -> Iterator[str]:
    for body in topic.sections.values():
        for line in topics.plain(body).splitlines():
            yield from (one for one in re.split(r"(?<=[。！？])", line.strip().removeprefix("- ")) if one)


def test_the_library_is_large_enough() -> None:
    assert len(chinese()) >= LEAST_TOPICS


def test_headers_have_known_values() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        yield from set(topic.body) - set(BODY)
        if len(topic.names) < FEWEST_NAMES or not topic.icd10:
            yield "too few names or no codes"

    assert faults(objections) == {}


def test_sources_are_allowed_organisations_at_their_own_site() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        if len({source.address for source in topic.sources}) < len(topic.sources):
            yield "a source stands twice"
        for source in topic.sources:
            address = urlsplit(source.address)
            right = address.scheme == "https" and address.hostname == HOSTS_ZH.get(source.organisation)
            if not right or address.query or not re.fullmatch(r"/[A-Za-z0-9/().,_-]*", address.path):
                yield source.address

    assert faults(objections) == {}


def test_no_topic_is_a_stub_or_a_book() -> None:
    def objections(topic: Topic) -> Iterator[str]:
        words = sum(topics.words_in(body) for body in topic.sections.values())
        if not FEWEST_WORDS <= words <= MOST_WORDS:
            yield f"{words} words"

    assert faults(objections) == {}


def test_no_sentence_is_hard_to_read() -> None:
    assert faults(lambda topic: (one for one in sentences(topic) if len(one) > LONGEST_SENTENCE)) == {}


def test_few_sentences_are_longer_than_plain_language_allows() -> None:
    lengths = [len(one) for topic in chinese() for one in sentences(topic)]
    assert sum(one > PLAIN_SENTENCE for one in lengths) <= SHARE_OVER_PLAIN * len(lengths)


def test_no_sentence_leans_on_the_one_before() -> None:
    assert faults(lambda topic: (one for one in prose(topic) if LEANS_ON_ANOTHER.search(one))) == {}


def test_nobody_is_told_what_they_should_do() -> None:
    assert faults(lambda topic: (one for one in sentences(topic) if ORDERS.search(one))) == {}


def test_no_local_number_is_named() -> None:
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
        if not LEAD.fullmatch(lead):
            yield lead
        if len(signs(topic)) < FEWEST_SIGNS:
            yield "too few signs"

    assert faults(objections) == {}


def test_links_lead_to_topics_that_exist() -> None:
    held = {topic.id for topic in chinese()}
    assert faults(lambda topic: set(topic.links) - held) == {}


def test_no_two_topics_share_a_title_or_a_name() -> None:
    owners: dict[str, list[str]] = defaultdict(list)
    for topic in chinese():
        for name in (topic.title, *topic.names):
            owners[name.casefold()].append(topic.id)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def test_no_sentence_is_repeated_from_topic_to_topic() -> None:
    seen: Counter[str] = Counter(one for topic in chinese() for one in set(prose(topic)))
    assert [one for one, times in seen.items() if times > 1] == []


def test_a_topic_in_both_languages_has_the_same_codes() -> None:
    """The page offers the other language by id, so the id must mean the same subject."""

    def objections(topic: Topic) -> Iterator[str]:
        english = topics.CONTENT / "en" / f"{topic.id}.md"
        if english.exists() and not set(topic.icd10) & set(topics.load(english).icd10):
            yield "no code in common"

    assert faults(objections) == {}


# Emergency signs against the safety rules: a patient who writes the sign must be raised at least to urgent.


def signs(topic: Topic) -> list[str]:
    """Each emergency sign as the patient might write it, with the condition of the lead ("如果您感冒，同时有…")."""
    found, condition = [], ""
    for line in topic.sections["emergency-signs"].splitlines():
        if line.startswith("- "):
            found.append(f"{condition}{line.removeprefix('- ')}。".replace("您", "我"))
        elif lead := LEAD.fullmatch(line):
            condition = f"{lead['condition']}，" if lead["condition"] else ""
    return found


def not_raised() -> set[str]:
    """Topic and sign, for each sign that triage leaves below urgent."""
    ruleset()  # broken rules fail here, once and with their reason
    return {
        f"{topic.id}: {sign}"
        for topic in chinese()
        for sign in signs(topic)
        if assess((Turn("patient", sign),), language="zh").level.rank < Level.URGENT.rank
    }


def test_emergency_signs_are_raised_by_the_safety_rules() -> None:
    """signs_not_raised_zh.txt lists the known gaps of the rules. It may only shrink: mend the rule, never the topic."""
    known = {line for line in GAPS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}
    assert sorted(not_raised() - known) == []
