"""Training itself, on the tiny model: it learns, stops early, goes on after a kill, and writes what serving accepts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llm.__main__ import main
from llm.cards import base_hash, read_adapter

pytestmark = pytest.mark.torch

ANSWER = "Keep out of the sun. [1]"


def rows(path: Path, count: int, answer: str = ANSWER) -> Path:
    """Rows that all want the same answer: quickly learnt."""
    turn = [{"role": "user", "content": "What helps?"}]
    line = json.dumps({"prompt": turn, "completion": [{"role": "assistant", "content": answer}]})
    path.write_text(f"{line}\n" * count)
    return path


@pytest.fixture
def words(tiny_base: Path, tmp_path: Path) -> list[str]:
    """The command for a short run; tests add to it."""
    named = {
        "base": tiny_base,
        "train": rows(tmp_path / "train.jsonl", 64),
        "validation": rows(tmp_path / "validation.jsonl", 4),
        "out": tmp_path / "adapters" / "learnt",
        "max-steps": 12,
        "evaluate-every": 4,
        "rank": 8,
        "rate": 0.02,
    }
    return ["train", *(str(word) for name, value in named.items() for word in (f"--{name}", value))]


def card_of(words: list[str]) -> dict[str, Any]:
    folder = Path(words[words.index("--out") + 1])
    card: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return card


def test_an_adapter_learns_and_comes_with_what_serving_and_judging_need(words: list[str], tiny_base: Path) -> None:
    assert main(words) == 0
    card = card_of(words)
    folder = Path(words[words.index("--out") + 1])
    assert card["base_hash"] == base_hash(tiny_base)
    assert card["steps"] == 12
    assert {"torch", "trl", "peft"} <= set(card["software"])
    assert card["data"]["train.jsonl"]["rows"] == 64
    assert card["metrics"]["validation_loss"] < 3  # ln(258) = 5.6 before
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert read_adapter(folder).name == "learnt"
    assert not list(folder.rglob("*.bin"))
    assert not list(folder.parent.glob(".learnt.run"))


def test_the_loss_is_on_the_answer_alone(words: list[str], tmp_path: Path) -> None:
    """Long different prompts before one short answer: a loss over all would stay near that of random letters."""
    with (tmp_path / "train.jsonl").open("w") as file:
        for _ in range(64):
            turn = [{"role": "user", "content": os.urandom(40).hex()}]
            file.write(json.dumps({"prompt": turn, "completion": [{"role": "assistant", "content": "yes"}]}) + "\n")
    (tmp_path / "validation.jsonl").write_text("".join((tmp_path / "train.jsonl").open().readlines()[:4]))
    assert main([*words, "--max-steps", "24"]) == 0
    assert card_of(words)["metrics"]["validation_loss"] < 2  # of 16 equally likely letters: 2.8


@pytest.mark.parametrize("extra", [["--packing"], ["--accumulate", "2"], ["--quantise", "nf4"]], ids=lambda e: e[0][2:])
def test_packing_accumulation_and_a_four_bit_base_train_too(words: list[str], extra: list[str]) -> None:
    assert main([*words, *extra]) == 0
    assert card_of(words)["metrics"]["validation_loss"] < 5


def test_a_run_that_gains_nothing_more_ends_early(words: list[str]) -> None:
    still = ["--max-steps", "200", "--evaluate-every", "2", "--patience", "2", "--rate", "0.3"]
    assert main([*words, *still]) == 0
    assert card_of(words)["steps"] < 200


def test_a_run_that_learnt_nothing_says_so_and_writes_no_adapter(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="nothing was learnt"):
        main([*words, "--rate", "0", "--max-steps", "4"])
    assert not (tmp_path / "adapters" / "learnt" / "card.json").exists()


def test_a_killed_run_goes_on_where_it_was(words: list[str], tmp_path: Path) -> None:
    scratch = tmp_path / "adapters" / ".learnt.run"
    long = [*words, "--max-steps", "400", "--patience", "400"]
    killed = subprocess.Popen(
        [sys.executable, "-m", "llm", *long], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 240
    while not whole_checkpoints(scratch) and time.monotonic() < deadline:
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = max(whole_checkpoints(scratch))
    assert 0 < done < 400
    # A kill while a checkpoint is written leaves a folder with less than all in it: the one before it is taken.
    (scratch / f"checkpoint-{done + 8}").mkdir()
    (scratch / f"checkpoint-{done + 8}" / "trainer_state.json").write_text('{"global_step": ')
    assert main([*words, "--max-steps", str(done + 4), "--patience", "400", "--resume"]) == 0
    assert card_of(words)["steps"] == done + 4


def test_two_processes_train_one_adapter(words: list[str]) -> None:
    """As ``accelerate launch`` starts them, one for each GPU; here on the CPU. Each step takes a batch from both."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "llm"]
    done = subprocess.run([*launch, *words], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    card = card_of(words)
    assert (card["steps"], card["processes"]) == (12, 2)
    assert card["metrics"]["validation_loss"] < 3


def whole_checkpoints(scratch: Path) -> list[int]:
    """The steps at which a checkpoint was finished: the trainer's state is written last."""
    states = [path.read_text() for path in scratch.glob("checkpoint-*/trainer_state.json")]
    return [json.loads(state)["global_step"] for state in states if state.endswith("}\n")]


def test_going_on_without_a_checkpoint_starts_anew(words: list[str]) -> None:
    assert main([*words, "--resume"]) == 0
    assert card_of(words)["steps"] == 12
