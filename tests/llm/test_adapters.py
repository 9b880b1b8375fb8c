"""Adapters come, serve and go while replies run; one made for another base is refused."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from llm.types import EngineError, RequestRefused
from tests.llm import tiny
from tests.llm.conftest import OpenEngine, ask, said

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def adapters(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters")
    tiny.build_adapter(folder / "calm", tiny_base, seed=1)
    tiny.build_adapter(folder / "plain", tiny_base, seed=2)
    tiny.build_adapter(folder / "stranger", tiny_base, seed=3, base_hash="0" * 64)
    return folder


def test_a_merged_adapter_answers_as_peft_does(open_tiny: OpenEngine, tiny_base: Path, adapters: Path) -> None:
    engine = open_tiny(adapter=adapters / "calm", adapters=adapters)
    assert said(engine, ask("r")) == tiny.oracle(tiny_base, "My throat is sore.", 24, adapters / "calm")
    assert engine.identity().adapter == "calm"
    assert engine.identity("").adapter == ""


def test_different_chats_may_take_different_adapters_at_once(
    open_tiny: OpenEngine, tiny_base: Path, adapters: Path
) -> None:
    """The same prompt for each: pages of the cache must not be shared between adapters."""
    engine = open_tiny(adapters=adapters)
    text = "the same long beginning " * 4
    names = ["", "calm", "plain"]
    streams = {name: engine.stream(ask(f"r {name}", text, adapter=name)) for name in names}
    answers = {name: "".join(chunk.text for chunk in stream) for name, stream in streams.items()}
    assert len(set(answers.values())) == 3
    assert answers["calm"] == tiny.oracle(tiny_base, text, 24, adapters / "calm")


def test_running_replies_finish_on_their_adapter_and_new_ones_take_the_new(
    open_tiny: OpenEngine, tiny_base: Path, adapters: Path
) -> None:
    engine = open_tiny(adapter=adapters / "calm", adapters=adapters)
    running = engine.stream(ask("running", max_new_tokens=60))
    begin = next(running).text
    engine.activate("plain")
    engine.retire("calm")
    assert said(engine, ask("new")) == tiny.oracle(tiny_base, "My throat is sore.", 24, adapters / "plain")
    rest = "".join(chunk.text for chunk in running)
    assert begin + rest == tiny.oracle(tiny_base, "My throat is sore.", 60, adapters / "calm")
    _wait(lambda: engine.loaded_adapters() == ["plain"])


def test_a_retired_adapter_takes_no_new_request_until_it_is_gone(open_tiny: OpenEngine, adapters: Path) -> None:
    engine = open_tiny(adapters=adapters)
    running = engine.stream(ask("running", adapter="calm", max_new_tokens=600))
    next(running)
    engine.retire("calm")
    with pytest.raises(RequestRefused, match="retired"):
        engine.stream(ask("late", adapter="calm"))
    running.close()
    _wait(lambda: "calm" not in engine.loaded_adapters())
    assert said(engine, ask("later", adapter="calm")) is not None


@pytest.mark.parametrize("quantise", ["int8", "nf4"])
def test_on_a_quantised_base_an_adapter_is_not_merged(open_tiny: OpenEngine, adapters: Path, quantise: str) -> None:
    """Merging into quantised weights changes answers; the base alone must still answer as the base."""
    engine = open_tiny(adapters=adapters, quantise=quantise)
    bare, tuned = said(engine, ask("bare")), said(engine, ask("tuned", adapter="calm"))
    assert bare != tuned
    assert engine.identity("calm").dtype == quantise
    parts = [name for name, _ in engine.lane_of("calm").loaded.model.named_modules()]
    assert any("lora_A" in name for name in parts)
    assert said(engine, ask("again", adapter="")) == bare


def test_the_active_adapter_cannot_be_retired(open_tiny: OpenEngine, adapters: Path) -> None:
    engine = open_tiny(adapter=adapters / "calm", adapters=adapters)
    with pytest.raises(RequestRefused, match="active"):
        engine.retire("calm")


def test_an_adapter_for_another_base_is_refused_and_the_engine_goes_on(open_tiny: OpenEngine, adapters: Path) -> None:
    engine = open_tiny(adapters=adapters)
    with pytest.raises(EngineError, match="was made for the base 000000000000"):
        engine.activate("stranger")
    assert said(engine, ask("r")) is not None
    assert [card.name for card in engine.adapters()] == ["calm", "plain"]


def test_a_name_that_leaves_the_folder_is_refused(open_tiny: OpenEngine, adapters: Path, tmp_path: Path) -> None:
    shutil.copytree(adapters / "calm", tmp_path / "outside")
    engine = open_tiny(adapters=adapters)
    with pytest.raises(RequestRefused):
        engine.activate(f"../{tmp_path.name}/outside")


def _wait(true: Any) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
