"""The reader: what it needs, when it is asked, and what it learns from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from consult import encoder
from consult.encoder import Unavailable
from consult.safety import guard, reader, support, train_reader
from consult.safety.types import Language, Level, Passage

FLU = Passage(
    1, "Flu", "Flu comes on suddenly. Most people with flu get better within a week. Rest and drink plenty of water."
)
COLD = Passage(
    1, "Common cold", "A cold comes on slowly. A cold may cause a cough, sneezing and a sore throat. Rest helps."
)
LIUGAN = Passage(1, "流感", "流感通常突然开始。多数人一周内好转。")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder where the reader looks for its files."""
    monkeypatch.setattr(reader, "CHANGE", tmp_path / "reader.safetensors")
    monkeypatch.setattr(reader, "CARD", tmp_path / "reader.json")
    reader.forget()
    yield tmp_path
    reader.forget()


def write(files: Path, bias: float, *, threshold: float = 0.5, digest: str = "") -> None:
    """A reader that says the same of every sentence."""
    from safetensors.numpy import save_file

    head = {"head.weight": np.zeros(2 * encoder.WIDTH, np.float16), "head.bias": np.array([bias], np.float16)}
    save_file(head, reader.CHANGE)
    both = {"weights": [0.0, 1.0], "bias": 0.0, "threshold": threshold, "weakest": 0.5}
    digest = digest or sha256(reader.CHANGE.read_bytes()).hexdigest()
    reader.CARD.write_text(json.dumps({"sha256": digest, "combined": both}))
    reader.forget()


def allowed(sentence: str, passage: Passage, language: Language = "en") -> bool:
    return guard.check_sentence(sentence, [passage], level=Level.SELF_CARE, language=language).allowed


def test_without_its_file_the_regression_stands_alone(files: Path) -> None:
    assert not reader.is_there()
    assert allowed("Most people with flu get better within a week.", FLU)
    assert not allowed("Flu is spread by mosquitoes in warm countries.", FLU)


def test_a_file_that_the_card_does_not_speak_of_is_not_used(files: Path) -> None:
    write(files, 5.0, digest="0" * 64)
    assert not reader.is_there()


def test_without_the_packaged_weights_the_regression_stands_alone(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise Unavailable("no package")

    monkeypatch.setattr(encoder, "packaged", missing)
    write(files, 5.0)
    assert not reader.is_there()
    assert allowed("Flu comes on suddenly.", FLU)


def test_what_both_hold_unlikely_is_refused_and_what_both_hold_likely_passes(files: Path) -> None:
    write(files, -5.0)
    assert not allowed("Flu comes on suddenly.", FLU)
    write(files, 5.0)
    assert allowed("Flu comes on suddenly.", FLU)


def test_the_reader_overrules_no_exact_check(files: Path) -> None:
    write(files, 8.0)
    assert not allowed("Most people with flu get better within 3 weeks.", FLU)
    assert not allowed("Flu does not come on suddenly.", FLU)
    assert not allowed("Take 400 mg of ibuprofen for flu.", FLU)


def test_chinese_is_never_read_by_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(files, -8.0)
    monkeypatch.setattr(support, "read", lambda *_: pytest.fail("the reader was asked about Chinese"))
    assert allowed("流感通常突然开始。", LIUGAN, "zh")


def test_it_is_asked_about_three_windows_at_most(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(files, -8.0)
    asked: list[str] = []
    monkeypatch.setattr(reader, "log_odds", lambda _, window: asked.append(window.text) or -8.0)
    passages = [Passage(n, "Flu", FLU.text.replace("week", f"week{'.' * n}")) for n in range(1, 7)]
    guard.check_sentence("Flu comes on suddenly.", passages, level=Level.SELF_CARE, language="en")
    assert 1 <= len(asked) <= 3


def test_numpy_reads_two_texts_as_torch_does() -> None:
    pytest.importorskip("torch")
    if not encoder_is_there():
        pytest.skip("the packaged encoder is not installed")
    model = train_reader._Model(4)
    for name, tensor in model.learnt.items():
        if name.endswith((".up", "head.weight")):
            tensor.data.normal_(0, 0.02)
    change = {name: tensor.detach().numpy() for name, tensor in model.learnt.items()}
    tokens = encoder.pair_tokens("Flu starts suddenly.", FLU.text, reader.MOST_SENTENCE, reader.MOST)
    by_torch = float(model([(*tokens, 1.0)]).item())
    states = encoder.pair_states(
        reader.applied(change), "Flu starts suddenly.", FLU.text, reader.MOST_SENTENCE, reader.MOST
    )
    by_numpy = float(np.concatenate([states.mean(axis=0), states[0]]) @ change["head.weight"])
    assert by_numpy == pytest.approx(by_torch, abs=2e-3)


def encoder_is_there() -> bool:
    try:
        return bool(encoder.packaged())
    except Unavailable:
        return False


def test_two_long_texts_are_cut_to_the_room_there_is() -> None:
    if not encoder_is_there():
        pytest.skip("the packaged encoder is not installed")
    ids, kinds = encoder.pair_tokens("flu " * 300, "cold " * 300, reader.MOST_SENTENCE, reader.MOST)
    assert len(ids) == len(kinds) == reader.MOST
    assert kinds.count(0) == reader.MOST_SENTENCE


def test_what_it_learns_from_is_the_same_for_the_same_seed_and_half_true() -> None:
    documents = [("flu", "en", [FLU]), ("cold", "en", [COLD]), ("zh-流感", "zh", [LIUGAN])]
    first = train_reader.examples(documents, 7, 12)
    assert first == train_reader.examples(documents, 7, 12)
    assert 0.3 <= sum(true for *_, true, _ in first) / len(first) <= 0.7
    assert not any("流感" in text for text, *_ in first)
