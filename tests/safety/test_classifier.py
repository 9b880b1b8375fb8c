"""The second layer only raises, says that it did, and may be missing."""

import json

import pytest

from consult.safety import classifier, triage
from consult.safety.types import Level, Turn


def test_it_raises_nothing_that_is_already_an_emergency():
    turns = [Turn("patient", "my heart stopped hurting but everyone will be better when I am gone tonight")]
    assert classifier.second_opinion(turns, Level.EMERGENCY, "en") == []


def test_the_rules_stand_alone_where_the_weights_are_missing(monkeypatch, tmp_path):
    classifier.model.cache_clear()
    monkeypatch.setattr(classifier, "WEIGHTS", tmp_path / "none")
    try:
        found = triage.assess([Turn("patient", "I have crushing chest pain going down my left arm")])
    finally:
        classifier.model.cache_clear()
    assert found.level == Level.EMERGENCY
    assert not any(finding.rule.startswith("classifier") for finding in found.findings)


def test_a_failing_classifier_changes_nothing(monkeypatch):
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(classifier, "second_opinion", fail)
    assert triage.assess([Turn("patient", "hello")]).level == Level.SELF_CARE


def test_the_card_states_threshold_data_and_roc():
    card = json.loads(classifier.CARD.read_text(encoding="utf-8"))
    assert 0.5 < card["threshold"] < 1
    assert 0.5 < card["long_threshold"] < 1
    assert {"threshold", "voices_dev", "apart", "voices_held"} == set(card["figures"])
    assert all(len(figures["roc"]) > 5 for figures in card["figures"].values())
    assert classifier.WEIGHTS.stat().st_size < 3_000_000


@pytest.mark.parametrize("text", ["", "x", "胸" * 5000, "word " * 4000])
def test_any_text_gets_an_opinion(text):
    alarm, crisis, start, end = classifier.opinion(text)
    assert 0 <= alarm <= 1
    assert 0 <= crisis <= 1
    assert 0 <= start <= end <= len(text)
