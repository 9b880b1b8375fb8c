"""Prompts read in 8-bit integers say nearly what exact products say, token by token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.llm.conftest import OpenEngine, ask, said

pytestmark = pytest.mark.torch


@pytest.fixture
def vnni() -> None:
    import torch

    if not torch.cpu._is_vnni_supported():
        pytest.skip("this processor has no VNNI")


def rows(count: int, dtype: str = "bfloat16") -> Any:
    """Tokens whose sizes differ a thousandfold, one of them with a single large number, as language models have."""
    import torch

    torch.manual_seed(4)
    x = torch.randn(count, 64) * torch.logspace(-2, 1, count)[:, None]
    x[0, 3] = 40.0
    return x.to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.usefixtures("vnni")
def test_a_product_in_eight_bits_is_near_the_exact_one(dtype: str) -> None:
    import torch

    from llm.packed import EightBitLinear, PackedLinear

    x, weights = rows(6, dtype), [torch.randn(n, 64).to(getattr(torch, dtype)) for n in (16, 32)]
    added = torch.randn(6, 48).to(x.dtype)
    eight_bit, exact = EightBitLinear(weights, 8), PackedLinear(weights, 8)
    for more in (None, added):
        said_, wanted = eight_bit(x, more).float(), exact(x, more).float()
        assert said_.shape == (6, 48)
        assert ((said_ - wanted).norm(dim=1) < 0.03 * exact(x).float().norm(dim=1)).all()
    assert torch.equal(eight_bit(x[None])[0], eight_bit(x))


@pytest.mark.usefixtures("vnni")
def test_a_token_does_not_feel_its_neighbours_nor_nothing_become_something() -> None:
    import torch

    from llm.packed import EightBitLinear

    x, linear = rows(9), EightBitLinear([torch.randn(24, 64).bfloat16()], 8)
    together = linear(x)
    assert all(torch.equal(linear(x[n : n + 1])[0], together[n]) for n in range(9))
    assert not linear(torch.zeros(2, 64, dtype=torch.bfloat16)).any()


@pytest.mark.usefixtures("vnni")
def test_only_steps_of_many_tokens_are_rounded() -> None:
    import torch

    from llm.packed import MANY, PackedLinear, PromptLinear

    x, weights = rows(MANY), [torch.randn(24, 64).bfloat16()]
    exact, prompt = PackedLinear(weights, 8), PromptLinear(weights, 8)
    assert torch.equal(prompt(x[:-1]), exact(x[:-1]))
    assert not torch.equal(prompt(x), exact(x))


@pytest.mark.usefixtures("vnni")
def test_an_engine_in_eight_bits_answers_and_says_what_it_is(open_tiny: OpenEngine) -> None:
    engine = open_tiny(products="int8")
    assert engine.identity().dtype == "float32, prompts in int8"
    assert said(engine, ask("first", "q" * 200)) != ""


def test_products_are_chosen_by_what_the_processor_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from llm import packed
    from llm.loader import LoadError

    monkeypatch.setattr(packed, "eight_bit_gain", lambda dtype: 1.9)
    assert packed.choose_products("auto", torch.bfloat16) == (True, "products in 8 bits are 1.9 times as fast")
    monkeypatch.setattr(packed, "eight_bit_gain", lambda dtype: 1.1)
    assert not packed.choose_products("auto", torch.bfloat16)[0]
    assert packed.choose_products("exact", torch.bfloat16) == (False, "exact products because the settings say so")
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    with pytest.raises(LoadError, match="'int8'"):
        packed.choose_products("int8", torch.bfloat16)


def test_without_the_instructions_nothing_is_gained(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from llm import packed

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    assert packed.eight_bit_gain(torch.bfloat16) == 0
