"""Weights are known by hash, and nothing that could be a pickle is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm.cards import CardError, base_hash, file_hash, list_adapters, read_adapter


def _adapter(folder: Path, card: str = '{"base_hash": "abc"}') -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "card.json").write_text(card)
    return folder


def test_a_whole_adapter_is_read_with_its_hash(tmp_path: Path) -> None:
    card = read_adapter(_adapter(tmp_path / "calm"))
    assert (card.name, card.base_hash) == ("calm", "abc")
    assert card.hash == file_hash(tmp_path / "calm/adapter_model.safetensors")


@pytest.mark.parametrize("name", ["adapter_model.bin", "optimizer.pt", "more/state.pkl"])
def test_an_adapter_with_a_pickle_is_refused_by_name(tmp_path: Path, name: str) -> None:
    folder = _adapter(tmp_path / "calm")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(CardError, match=Path(name).name):
        read_adapter(folder)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json", "card.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = _adapter(tmp_path / "calm")
    (folder / name).unlink()
    with pytest.raises(CardError, match=name):
        read_adapter(folder)


@pytest.mark.parametrize("card", ["{}", "[]", "not json", '{"base_hash": 3}'])
def test_a_card_that_does_not_name_its_base_is_refused(tmp_path: Path, card: str) -> None:
    with pytest.raises(CardError):
        read_adapter(_adapter(tmp_path / "calm", card))


def test_the_list_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    _adapter(tmp_path / "calm")
    _adapter(tmp_path / "broken", "{}")
    assert [card.name for card in list_adapters(tmp_path)] == ["calm"]


def test_the_base_hash_follows_the_weights_and_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = base_hash(tmp_path)
    assert json.loads((tmp_path / "base.json").read_text())["sha256"] == first == base_hash(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"three")
    assert base_hash(tmp_path) != first


def test_a_folder_without_weights_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="safetensors"):
        base_hash(tmp_path)
