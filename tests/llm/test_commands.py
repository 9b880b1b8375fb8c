"""The commands of ``python -m llm`` that load no weights, and the conversion's refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from llm.__main__ import COMMANDS, main
from llm.chat import talk
from llm.config import EngineConfig
from llm.convert import ConvertError, convert
from llm.fake import FakeEngine
from llm.models import describe
from llm.types import EngineBusy, Sampling


def test_help_lists_every_command_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["fly"])
    assert end.value.code == 2
    assert "fly" in capsys.readouterr().err


def test_weights_with_another_hash_are_not_converted(tmp_path: Path) -> None:
    source = tmp_path / "weights.gguf"
    source.write_bytes(b"not the packaged ones")
    with pytest.raises(ConvertError, match="sha256"):
        convert(tmp_path / "model", source)
    assert not (tmp_path / "model").exists()


def test_a_converted_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text("{}")
    assert convert(tmp_path, tmp_path / "no such file") is False


def test_models_marks_what_is_configured_and_says_what_an_adapter_is_for(tmp_path: Path) -> None:
    base = tmp_path / "models/small"
    base.mkdir(parents=True)
    (base / "config.json").write_text("{}")
    (base / "model.safetensors").write_bytes(b"weights")
    for name, made_for in (("calm", None), ("stranger", "f" * 64)):
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(b"lora")
        (folder / "adapter_config.json").write_text("{}")
        from llm.cards import base_hash

        (folder / "card.json").write_text(json.dumps({"base_hash": made_for or base_hash(base)}))
    lines = describe(EngineConfig(base=base, adapter=tmp_path / "adapters/calm", adapters=tmp_path / "adapters"))
    assert lines[0].startswith("base     * small")
    assert lines[1].startswith("adapter  * calm")
    assert lines[1].endswith("for small")
    assert lines[2].startswith("adapter    stranger")
    assert "not here" in lines[2]


def test_a_talk_keeps_the_conversation() -> None:
    engine, out = FakeEngine("Drink water. ", "You are welcome."), io.StringIO()
    talk(engine, "Be brief.", Sampling(), None, ["My throat is sore.\n", "\n", "Thanks\n"], out)
    assert "Drink water." in out.getvalue()
    assert "You are welcome." in out.getvalue()
    assert [turn.role for turn in engine.requests[1].messages] == ["system", "user", "assistant", "user"]


def test_a_busy_engine_is_told_to_the_person_who_asks() -> None:
    out = io.StringIO()
    talk(FakeEngine(EngineBusy(9)), "", Sampling(), None, ["Hi\n"], out)
    assert "busy" in out.getvalue()
