"""Guessing ahead must never change what is said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llm.draft import Drafter
from tests.llm import tiny
from tests.llm.conftest import OpenEngine, ask, said


def test_what_followed_the_same_tokens_before_is_guessed() -> None:
    assert Drafter([1, 2, 3, 4, 5, 6, 9, 2, 3], most=3).guess(10) == [4, 5, 6]


def test_the_latest_place_wins_and_the_longer_match_first() -> None:
    assert Drafter([7, 1, 2, 5, 8, 1, 2, 6, 7, 1, 2], most=1).guess(10) == [5]
    assert Drafter([1, 2, 5, 8, 1, 2, 6, 9, 1, 2], most=1).guess(10) == [6]


def test_nothing_new_is_guessed_from_and_room_is_kept() -> None:
    assert Drafter([1, 2, 3], most=4).guess(10) == []
    assert Drafter([1, 2, 3, 4, 1, 2], most=4).guess(1) == [3]
    assert Drafter([], most=4).guess(4) == []


def test_wrong_guesses_make_it_shorter_and_right_ones_longer() -> None:
    drafter = Drafter([1, 2, *range(3, 30), 1, 2], most=8)
    assert len(drafter.guess(99)) == 3
    drafter.learn(3, 3)
    assert len(drafter.guess(99)) == 6
    drafter.learn(6, 0)
    assert len(drafter.guess(99)) == 3
    for _ in range(2):
        drafter.learn(1, 0)
    assert [len(drafter.guess(99)) for _ in range(3)] == [0, 0, 1]


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that repeats itself, so that guesses are sometimes right."""
    return tiny.build_base(tmp_path_factory.mktemp("models") / "parrot", spread=0.16)


SAMPLINGS: list[dict[str, Any]] = [
    {},
    {"repetition_penalty": 1.05},
    {"temperature": 0.05, "seed": 5},
    {"temperature": 0.1, "top_p": 0.8, "seed": 6},
]


@pytest.mark.torch
def test_the_text_is_the_same_with_and_without_guesses(open_tiny: OpenEngine, parrot: Path) -> None:
    plain, drafting = open_tiny(base=parrot, draft_tokens=0), open_tiny(base=parrot, draft_tokens=8)
    for sampling in SAMPLINGS:
        before = drafting.drafted()
        for text in ("abcabcabc" * 8, "My throat is sore. My throat is sore. My"):
            request = ask(text, text, max_new_tokens=100, **sampling)
            assert said(drafting, request) == said(plain, request)
        guessed, right = (now - then for now, then in zip(drafting.drafted(), before, strict=True))
        assert guessed > right > 0


@pytest.mark.torch
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_guesses_stay_within_the_limit_and_end_at_the_same_token(
    open_tiny: OpenEngine, parrot: Path, limit: int
) -> None:
    engine = open_tiny(base=parrot, draft_tokens=8)
    chunks = list(engine.stream(ask("r", "abcabcabc" * 8, max_new_tokens=limit)))
    assert chunks[-1].tokens <= limit
    assert "".join(chunk.text for chunk in chunks) == tiny.oracle(parrot, "abcabcabc" * 8, limit)


@pytest.mark.torch
def test_drafting_and_plain_chats_share_batches_and_prefixes(open_tiny: OpenEngine, parrot: Path) -> None:
    engine = open_tiny(base=parrot, draft_tokens=8, max_chats=6, max_queue=8)
    texts = ["shared start " * 6 + tail for tail in ("", "a", "bb", "ccc ccc ccc", "dddd", "e" * 50)]
    for _ in range(2):
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda text: said(engine, ask(text, text, max_new_tokens=60)), texts))
        assert answers == [tiny.oracle(parrot, text, 60) for text in texts]
