"""``manage.py assess`` and ``manage.py rules``: what they print, and what they say of a file that is wrong."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consult.safety.rules import ruleset

KEYS = {"id", "level", "findings", "rules_version", "ms"}


def assessed(folder: Path, *lines: str) -> list[dict[str, Any]]:
    path, out = folder / "rows.jsonl", StringIO()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    call_command("assess", str(path), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_row_gets_one_line_with_these_keys_and_no_other(tmp_path: Path) -> None:
    (row,) = assessed(tmp_path, json.dumps({"id": "a", "text": "crushing chest pain down my left arm"}))
    assert set(row) == KEYS
    assert (row["id"], row["level"]) == ("a", "emergency")
    assert row["rules_version"] == ruleset().version
    assert row["findings"][0]["spans"][0]["text"] in "crushing chest pain down my left arm"


def test_turns_language_and_profile_count(tmp_path: Path) -> None:
    turns = [{"role": "patient", "text": "I feel hot and shivery"}, {"role": "assistant", "text": "Since when?"},
             {"role": "patient", "text": "38.6 since noon"}]  # fmt: skip
    row = {"id": 1, "turns": turns}
    plain, ill = assessed(
        tmp_path, json.dumps(row), json.dumps(row | {"id": 2, "lang": "zh", "profile": {"medicines": ["chemotherapy"]}})
    )
    assert plain["level"] != "emergency"
    assert ill["level"] == "emergency"
    assert "患者写道" in ill["findings"][0]["why"]


def test_an_empty_file_and_empty_lines_print_nothing(tmp_path: Path) -> None:
    assert assessed(tmp_path, "", "  ") == []


def test_twenty_thousand_characters_and_odd_unicode_are_assessed(tmp_path: Path) -> None:
    texts = ["a" * 20_000, "胸" * 20_000, "\ud800\u200b\u202e chest pain", "e\u0301" * 9_000]
    rows = assessed(tmp_path, *(json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)))
    assert [row["id"] for row in rows] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "line",
    ["{not json", "[]", '{"id": 1}', '{"text": "x"}', '{"id": 1, "text": "x", "profile": {"shoe_size": 43}}',
     '{"id": 1, "text": 7}', '{"id": 1, "turns": "x"}'],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_line_and_not_quoted(tmp_path: Path, line: str) -> None:
    with pytest.raises(CommandError, match=r"line 2") as told:
        assessed(tmp_path, '{"id": 0, "text": "hello"}', line)
    assert "shoe_size" not in str(told.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot read"):
        call_command("assess", str(tmp_path / "none.jsonl"), stdout=StringIO())


def test_the_rules_are_printed_as_json_and_as_a_page_to_sign() -> None:
    out, page = StringIO(), StringIO()
    call_command("rules", "--format", "json", stdout=out)
    held = json.loads(out.getvalue())
    assert held["version"] == ruleset().version
    assert len(held["rules"]) == len(ruleset().rules) >= 120
    assert all(rule["idea_zh"] and rule["title_zh"] and rule["source"] for rule in held["rules"])
    call_command("rules", stdout=page)
    assert "Signed off by" in page.getvalue()
    assert ruleset().rules[0].idea_zh in page.getvalue()
