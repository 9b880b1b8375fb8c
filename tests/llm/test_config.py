"""Settings are checked before anything is loaded, and a refusal names the value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llm.config import ConfigError, EngineConfig

ROOT = Path("/checkout")


def test_an_empty_environment_gives_the_packaged_model(tmp_path: Path) -> None:
    config = EngineConfig.from_env({}, tmp_path)
    assert config.base == tmp_path / "var/models/smollm2-135m-instruct"
    assert config.adapter is None
    assert config.backend == "local"


def test_numbers_and_paths_are_read_from_the_environment() -> None:
    env = {"CONSULT_MODEL": "models/other", "CONSULT_LLM_MAX_CHATS": "7", "CONSULT_LLM_STALL_S": "2.5"}
    config = EngineConfig.from_env(env, ROOT)
    assert (config.base, config.max_chats, config.stall_s) == (ROOT / "models/other", 7, 2.5)


def test_an_absolute_model_path_stays_as_it_is() -> None:
    assert EngineConfig.from_env({"CONSULT_MODEL": "/srv/model"}, ROOT).base == Path("/srv/model")


def test_an_address_alone_chooses_the_remote_backend() -> None:
    assert EngineConfig.from_env({"CONSULT_LLM_URL": "http://127.0.0.1:9/v1"}, ROOT).backend == "remote"


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("CONSULT_LLM_MAX_CHATS", "many", "'many'"),
        ("CONSULT_LLM_MAX_CHATS", "0", "max_chats is 0"),
        ("CONSULT_LLM_QUANTISE", "int3", "'int3'"),
        ("CONSULT_LLM_DEVICE", "tpu", "'tpu'"),
        ("CONSULT_LLM_PRODUCTS", "int4", "'int4'"),
        ("CONSULT_LLM_STALL_S", "0", "stall_s is 0"),
        ("CONSULT_LLM_PAGE_TOKENS", "2", "page_tokens is 2"),
        ("CONSULT_LLM_BACKEND", "remote", "url is ''"),
        ("CONSULT_LLM_TEMPRATURE", "1", "CONSULT_LLM_TEMPRATURE"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_value(name: str, value: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        EngineConfig.from_env({name: value}, ROOT)


def _adapter(folder: Path, age: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"")
    os.utime(folder / "card.json", (1_700_000_000 - age, 1_700_000_000 - age))
    return folder


def test_the_newest_complete_adapter_is_taken(tmp_path: Path) -> None:
    _adapter(tmp_path / "llm/adapters/older", age=100)
    newer = _adapter(tmp_path / "llm/adapters/newer", age=50)
    half = _adapter(tmp_path / "llm/adapters/half-written", age=0)
    (half / "adapter_model.safetensors").unlink()
    assert EngineConfig.from_env({}, tmp_path).adapter == newer


def test_the_date_in_the_card_counts_before_the_file_s_time_which_a_clone_changes(tmp_path: Path) -> None:
    later = _adapter(tmp_path / "llm/adapters/later", age=100)
    earlier = _adapter(tmp_path / "llm/adapters/earlier", age=50)
    for folder, date in ((later, "2026-11-23"), (earlier, "2026-10-01")):
        (folder / "card.json").write_text(json.dumps({"date": date}))
    os.utime(later / "card.json", (1_600_000_000, 1_600_000_000))
    assert EngineConfig.from_env({}, tmp_path).adapter == later


def test_an_adapter_can_be_named_or_switched_off(tmp_path: Path) -> None:
    older = _adapter(tmp_path / "llm/adapters/older", age=100)
    _adapter(tmp_path / "llm/adapters/newer", age=50)
    assert EngineConfig.from_env({"CONSULT_ADAPTER": "older"}, tmp_path).adapter == older
    assert EngineConfig.from_env({"CONSULT_ADAPTER": "none"}, tmp_path).adapter is None


def test_the_light_modules_import_no_torch() -> None:
    code = "import llm.types, llm.config, llm.fake, llm.cards, llm.engine, llm.text, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
