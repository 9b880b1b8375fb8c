"""A wrong rule file stops the start-up and says where."""

from collections import Counter

import pytest

from consult.safety.rules import RulesError, load, ruleset

GOOD = """owner = "Owner"
review = 2027-01-01
source = "Source"

[concepts]
chest = ["chest", "胸口"]

[[rule]]
id = "heart.pain"
title = "Chest pain"
title_zh = "胸痛"
level = "urgent"
idea = "Chest pain is assessed."
idea_zh = "胸痛须评估。"
signs = ["<chest> ~ (pain|ache)"]
match = ["chest pain", "pain in my chest", "my chest has an ache"]
no_match = ["knee pain", "no chest pain"]
"""


def write(folder, text, name="heart.toml"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_good_file_is_read(tmp_path):
    rules = load(write(tmp_path, GOOD)).rules
    assert [rule.id for rule in rules] == ["heart.pain"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('level = "urgent"', 'level = "urgnet"', "bad level"),
        ("idea = ", "ideas = ", "unknown key 'ideas'"),
        (
            'match = ["chest pain", "pain in my chest", "my chest has an ache"]\n',
            'match = ["chest pain"]\n',
            "at least 3",
        ),
        ('no_match = ["knee pain", "no chest pain"]', 'no_match = ["knee pain"]', "at least 2"),
        ("<chest> ~", "<chset> ~", "unknown concept <chset>"),
        ("(pain|ache)", "(pain|ache", "unbalanced"),
        ('owner = "Owner"\n', "", "missing 'owner'"),
        ("review = 2027-01-01", 'review = "soon"', "review must be a date"),
        ('id = "heart.pain"', 'id = "Heart"', "bad id"),
        ('owner = "Owner"', 'owner = "Owner"\nboss = "x"', "unknown key 'boss'"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path, old, new, says):
    assert old in GOOD
    with pytest.raises(RulesError, match=r"^heart\.toml:\d+: ") as raised:
        load(write(tmp_path, GOOD.replace(old, new)))
    assert says in str(raised.value)


def test_an_id_used_twice_is_refused(tmp_path):
    write(tmp_path, GOOD)
    again = GOOD.replace('[concepts]\nchest = ["chest", "胸口"]\n', "")
    with pytest.raises(RulesError, match="used twice"):
        load(write(tmp_path, again, "other.toml"))


def test_the_version_changes_with_any_byte(tmp_path):
    one = load(write(tmp_path, GOOD)).version
    assert load(write(tmp_path, GOOD + "# note\n")).version != one


def test_there_are_at_least_120_rules_over_many_bodies_of_signs():
    rules = ruleset().rules
    assert len(rules) >= 120
    assert len(Counter(rule.file for rule in rules)) >= 15


def test_every_rule_has_an_example_in_each_language():
    lacking = [
        rule.id
        for rule in ruleset().rules
        if len({any("\u4e00" <= c <= "\u9fff" for t in e.turns for c in t.text) for e in rule.match}) < 2
    ]
    assert lacking == []
