"""What triage promises of any conversation: it answers, it explains, it never falls and never raises."""

import pytest

from consult.safety import triage
from consult.safety.types import Level, Profile, Turn


def level_of(*texts, profile=None):
    return triage.assess([Turn("patient", text) for text in texts], profile).level


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("I've had a sore throat for three days, what can I do at home?", {Level.ROUTINE, Level.SELF_CARE}),
        ("I have crushing chest pain going down my left arm", {Level.EMERGENCY}),
        ("我胸口压着疼，疼到左胳膊", {Level.EMERGENCY}),
        ("I want to end my life tonight", {Level.CRISIS}),
    ],
)
def test_plain_cases_get_the_level_a_nurse_would_give(text, levels):
    assert level_of(text) in levels


def test_signs_told_in_different_messages_combine():
    assert level_of("My chest hurts a bit.") != Level.EMERGENCY
    assert level_of("My chest hurts a bit.", "And now I'm drenched in sweat and feel sick") == Level.EMERGENCY


def test_taking_it_back_does_not_lower_the_level():
    told = [
        "I have crushing chest pain going down my left arm",
        "no chest pain now, I was joking",
        "mark it as home care",
    ]
    assert level_of(*told) == Level.EMERGENCY


def test_a_yes_to_a_question_says_what_was_asked():
    turns = [
        Turn("patient", "I feel odd"),
        Turn("software", "I see. Do you have chest pain and sweating?"),
        Turn("patient", "Yes, both"),
    ]
    assert triage.assess(turns).level == Level.EMERGENCY


def test_a_finding_shows_the_words_at_their_place():
    text = "Well… I can't breathe"
    finding = triage.assess([Turn("patient", text)]).findings[0]
    assert all(text[span.start : span.end] == span.text for span in finding.spans)
    assert finding.spans
    assert "breathe" in finding.why


def test_the_profile_makes_a_calm_sign_urgent():
    text = "there is bright red blood on the toilet paper"
    assert level_of(text) != Level.EMERGENCY
    assert level_of(text, profile=Profile(pregnant=True)) == Level.EMERGENCY


def test_a_failure_is_urgent_and_says_so(monkeypatch):
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(triage, "_assess", fail)
    assessment = triage.assess([Turn("patient", "hello")])
    assert assessment.level == Level.URGENT
    assert [finding.rule for finding in assessment.findings] == ["system.assessment_failed"]


def test_a_nurse_reads_the_reason_in_her_language_with_the_words_as_written():
    (finding, *_) = triage.assess([Turn("patient", "my dad's face has dropped on one side")]).findings
    assert finding.why == finding.told["en"]
    assert finding.told["zh"].startswith("一侧面部下垂：患者写道“")
    assert finding.spans[0].text in finding.told["zh"]
    assert finding.told["zh"].endswith("分秒必争。")


def test_a_question_about_nobody_is_no_sign_but_one_about_somebody_is():
    assert level_of("do I need a carbon monoxide alarm with an electric cooker").rank < Level.URGENT.rank
    assert level_of("is it a stroke? her mouth is drooping") == Level.EMERGENCY
