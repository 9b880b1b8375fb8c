"""Each rule is held to its own examples."""

import pytest

from consult.safety.rules import ruleset
from consult.safety.triage import assess

CASES = [
    pytest.param(rule.id, example, fires, id=f"{rule.id}-{'yes' if fires else 'no'}-{number}")
    for rule in ruleset().rules
    for fires, examples in ((True, rule.match), (False, rule.no_match))
    for number, example in enumerate(examples)
]


@pytest.mark.parametrize(("rule", "example", "fires"), CASES)
def test_a_rule_fires_on_what_it_must_and_only_there(rule, example, fires):
    found = {finding.rule for finding in assess(example.turns, example.profile).findings}
    assert (rule in found) is fires
