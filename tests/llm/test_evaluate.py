"""Judging: likelihoods agree with plain arithmetic, pages hold what was said, bad files are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llm.__main__ import main
from llm.evaluate import choices, page
from llm.types import ChatMessage

ROW: dict[str, Any] = {
    "id": "r1",
    "skill": "answer",
    "question": "What helps <b>sunburn</b>?",
    "cited": [1],
    "passages": [["Sunburn", "Keep out of the sun."]],
    "prompt": [{"role": "user", "content": "What helps sunburn?"}],
    "completion": [{"role": "assistant", "content": "Keep out of the sun. [1]"}],
}
CHOICE = {"question": "Is the sun hot?", "contexts": ["The sun is hot."], "final_decision": "yes"}


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_question_without_the_right_choice_is_named_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "choices.jsonl", CHOICE, {**CHOICE, "final_decision": "perhaps"})
    with pytest.raises(ValueError, match="line 2.*'perhaps'"):
        choices.read(path, 10)
    assert choices.read(path, 1)[0].answer == "yes"


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--rows", str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl" in capsys.readouterr().out


def report_of(name: str, rows: list[str]) -> dict[str, Any]:
    share = {"share": 0.5, "of": 2, "low": 0.1, "high": 0.9}
    return {
        "date": "2026-11-23",
        "rows": len(rows),
        "file": "rows.jsonl",
        "sides": {name: {"figures": {"sentences_supported": share}, "perplexity": 2.5}},
        "answers": [
            {"id": row, "skill": "answer", "question": ROW["question"], "said": {name: "<script>"}} for row in rows
        ],
    }


def test_the_page_shows_every_side_and_answer_and_runs_nothing_that_a_model_wrote() -> None:
    shown = page.render(report_of("calm", ["r1", "r2"]))
    assert "calm" in shown
    assert "50.0% (10% to 90%, n 2)" in shown
    assert "<svg" in shown
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<b>" not in shown


def test_two_runs_on_the_same_rows_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = written(tmp_path / "first.json", report_of("calm", ["r1"]))
    second = written(tmp_path / "second.json", report_of("calm", ["r1"]))
    out = tmp_path / "both.json"
    assert main(["evaluate", "--compare", str(first), str(second), "--out", str(out)]) == 0
    assert list(json.loads(out.read_text())["sides"]) == ["calm", "calm (second)"]
    assert out.with_suffix(".html").is_file()


def test_runs_on_different_rows_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = written(tmp_path / "first.json", report_of("calm", ["r1"]))
    second = written(tmp_path / "second.json", report_of("calm", ["r2"]))
    assert main(["evaluate", "--compare", str(first), str(second), "--out", str(tmp_path / "x.json")]) == 1
    assert "same rows" in capsys.readouterr().out


@pytest.mark.torch
def test_perplexity_is_that_of_the_model_and_the_likelier_choice_is_taken(tiny_base: Path) -> None:
    import torch
    import transformers

    from llm.config import EngineConfig
    from llm.evaluate.likelihood import Judge

    judge = Judge(EngineConfig(base=tiny_base, dtype="float32", device="cpu"))
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(tiny_base))
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(str(tiny_base), dtype=torch.float32)

    def loss(turns: list[dict[str, str]], text: str, end: str) -> float:
        """The mean loss a token, by the model's own loss."""
        asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        answer = tokenizer.encode(text + end, add_special_tokens=False)
        labels = torch.tensor([[-100] * len(asked) + answer])
        return float(model(torch.tensor([asked + answer]), labels=labels).loss.detach())

    wished = ROW["completion"][0]["content"]
    expected = float(torch.tensor(loss(ROW["prompt"], wished, tokenizer.eos_token)).exp())
    assert judge.perplexity([ROW]) == pytest.approx(expected, rel=1e-4)

    question = choices.Question((ChatMessage("user", "Is it?"),), ("yes", "no", "maybe"), "yes")
    likeliest = min(question.choices, key=lambda one: loss([{"role": "user", "content": "Is it?"}], one, ""))
    assert judge.choose(question) == likeliest


@pytest.mark.torch
def test_the_command_judges_base_and_adapter_and_writes_the_card(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.llm import tiny

    adapter = tiny.build_adapter(tmp_path / "adapters" / "calm", tiny_base)
    rows, asked = written(tmp_path / "rows.jsonl", ROW), written(tmp_path / "choices.jsonl", CHOICE)
    words = ["evaluate", "--base", tiny_base, "--adapter", adapter, "--rows", rows, "--choices", asked]
    assert main([*map(str, words), "--out", str(tmp_path / "out.json"), "--tokens", "8", "--write-card"]) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert set(report["sides"]) == {"base", "calm"}
    assert report["sides"]["calm"]["figures"]["multiple_choice"]["of"] == 1
    assert report["answers"][0]["said"]["base"] != report["answers"][0]["said"]["calm"]
    card = json.loads((adapter / "card.json").read_text())
    assert card["evaluation"]["sides"] == report["sides"]
    assert "perplexity" in capsys.readouterr().out
