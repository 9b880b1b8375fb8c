"""The second layer only raises, says that it did, and may be missing."""

import json

import numpy as np
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
    assert all(0.5 < value < 1 for value in card["thresholds"].values())
    assert set(card["thresholds"]) == set(card["thresholds_chosen_on"]) == {"short", "meaning", "chinese", "long"}
    for found in card["figures"].values():
        assert {"threshold", "voices_dev", "apart", "voices_held", "fresh_c"} <= set(found)
        assert all(len(figures["roc"]) > 5 for figures in found.values())
    assert classifier.WEIGHTS.stat().st_size < 3_000_000


@pytest.mark.parametrize("text", ["", "x", "胸" * 5000, "word " * 4000, "\ud800 not a letter " * 9])
def test_any_text_gets_an_opinion(text):
    said = classifier.opinion(text, classifier.model())
    assert 0 <= said.alarm <= 1
    assert 0 <= said.crisis <= 1
    assert 0 <= said.start <= said.end <= len(text)


ALARMS = [json.loads(line)["text"] for line in (classifier.FOLDER / "threshold.jsonl").read_text().splitlines()[:40]]
INDIRECT = "It feels as though a heavy parcel were strapped over my ribs and I have gone clammy"


def test_the_linear_model_stands_alone_where_the_encoder_is_missing(monkeypatch):
    monkeypatch.setattr(classifier, "_encoder_there", lambda: False)
    said = classifier.opinion(INDIRECT, classifier.model())
    assert said.asked == classifier.model().thresholds.short
    assert said == classifier.opinion(INDIRECT, classifier.model(), meant=False)


def test_meaning_is_read_in_short_english_messages_only():
    trained = classifier.model()
    asked = {
        text: classifier.opinion(text, trained).asked for text in (INDIRECT, INDIRECT * 9, "胸口像压着石头喘不上气")
    }
    told = trained.thresholds
    assert list(asked.values()) == [told.meaning, told.long, told.chinese]


def test_a_message_learnt_from_is_nearest_to_its_own_kind():
    nearness = classifier.model().nearness
    assert nearness.score("胸口像压了块磨盘，胳膊抬着都沉") > 0 > nearness.score("跑步心跳150，歇会就好")
    assert nearness.score("dad's pacemaker check is on monday, can he use a microwave") < 0
    assert np.isfinite(nearness.score(""))


def test_an_alarm_by_meaning_is_not_taken_back_by_what_is_said_later(monkeypatch):
    monkeypatch.setattr(classifier, "_remembered", {})
    alarm = next(text for text in ALARMS if classifier.second_opinion([Turn("patient", text)], Level.SELF_CARE, "en"))
    later = [Turn("patient", f"my wife says it is nothing at all, number {i} of what she says") for i in range(7)]
    assert classifier.second_opinion([Turn("patient", alarm), *later], Level.SELF_CARE, "en")


def test_a_conversation_met_for_the_first_time_has_few_messages_read_for_meaning(monkeypatch):
    read: list[str] = []
    encode = classifier.encoder.encode
    monkeypatch.setattr(classifier.encoder, "encode", lambda text, *rest: read.append(text) or encode(text, *rest))
    monkeypatch.setattr(classifier, "_remembered", {})
    turns = [Turn("patient", f"number {i} of my many messages about a sore knee") for i in range(50)]
    for expected in (classifier.MEANT, 2 * classifier.MEANT):
        classifier.second_opinion(turns, Level.SELF_CARE, "en")
        assert len(read) == expected
    assert read[0] == turns[-1].text


def test_nothing_that_a_patient_wrote_is_kept_after_the_answer():
    secret = "my neighbour Quillfeather gave me a sore thumb last night"
    triage.assess([Turn("patient", secret)])
    assert triage._read.cache_info().currsize == 0
    assert not any(secret.encode() in key or secret in str(said) for key, said in classifier._remembered.items())
