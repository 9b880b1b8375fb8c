"""The CPU's attention gives each chat what plain attention over its own keys gives it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.torch

HEADS, KEY_HEADS, WIDTH = 4, 2, 16


class Pool:
    """What the attention needs of transformers' cache: one layer's keys and values, a row a token."""

    layer_type = "full_attention"
    index = 0

    def __init__(self, rows: int, dtype: Any) -> None:
        import torch

        self._kv_token_views = [tuple(torch.randn(rows, KEY_HEADS, WIDTH).to(dtype) for _ in "kv")]
        self.layer_to_allocator = [self]


def step(pool: Pool, lengths: list[int], dtype: Any) -> tuple[Any, Any]:
    """One decode step of chats with these many keys: what ``attend`` says, and what plain attention in float32 says."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from llm import attention

    chats = len(lengths)
    query = torch.randn(chats, HEADS, WIDTH).to(dtype)
    new = [torch.randn(chats, KEY_HEADS, WIDTH).to(dtype) for _ in "kv"]
    places = torch.randperm(pool._kv_token_views[0][0].shape[0])[: sum(lengths)].split(lengths)
    ends = [0, *torch.tensor(lengths).cumsum(0).tolist()]
    batch = {
        "cache": pool,
        "cu_seq_lens_q": torch.arange(chats + 1),
        "cu_seq_lens_k": {attention.FULL: torch.tensor(ends)},
        "read_index": [torch.cat(places)],
        "write_index": [torch.stack([mine[-1] for mine in places])],
    }
    out = attention.attend(0, query, new[0], new[1], None, batch)
    expected = []
    for number, mine in enumerate(places):
        keys, values = (kept[mine].float().repeat_interleave(HEADS // KEY_HEADS, 1) for kept in pool._kv_token_views[0])
        asked = query[number].float()[:, None]
        expected.append(scaled_dot_product_attention(asked, keys.transpose(0, 1), values.transpose(0, 1)).flatten())
    return out.float(), torch.stack(expected)


@pytest.mark.parametrize("lengths", [[9], [5, 40, 7], [30] * 6, [33, 30, 28, 31, 29], [90, 8, 7, 9, 6, 80, 95, 5]])
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_chats_of_any_number_and_length_meet_their_own_keys(lengths: list[int], kind: str) -> None:
    import torch

    torch.manual_seed(1)
    dtype = getattr(torch, kind)
    out, expected = step(Pool(400, dtype), lengths, dtype)
    assert torch.allclose(out, expected, atol=1e-5 if kind == "float32" else 0.03)


def test_a_larger_batch_after_a_smaller_one_reads_its_own_keys() -> None:
    import torch

    torch.manual_seed(2)
    pool = Pool(400, torch.bfloat16)
    for lengths in ([10, 11, 12, 13], [40] * 8, [9, 8]):
        out, expected = step(pool, lengths, torch.bfloat16)
        assert torch.allclose(out, expected, atol=0.03)


@pytest.mark.parametrize(("new", "past"), [(2, 0), (128, 0), (130, 0), (300, 0), (1, 40), (7, 300), (200, 61)])
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_a_chat_that_reads_sees_nothing_ahead(new: int, past: int, kind: str) -> None:
    """Several new tokens, with and without what was read before: each sees the past, itself and what stands before."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from llm import attention

    torch.manual_seed(3)
    dtype = getattr(torch, kind)
    query = torch.randn(new, HEADS, WIDTH).to(dtype)
    keys, values = (torch.randn(past + new, KEY_HEADS, WIDTH).to(dtype) for _ in "kv")
    out = torch.empty_like(query)
    (attention._by_blocks if kind == "bfloat16" else attention._by_kernel)(query, keys, values, None, out)
    seen = torch.ones(new, past + new, dtype=torch.bool).tril(past)
    k, v = (whole.float().repeat_interleave(HEADS // KEY_HEADS, 1).transpose(0, 1) for whole in (keys, values))
    expected = scaled_dot_product_attention(query.float().transpose(0, 1), k, v, attn_mask=seen).transpose(0, 1)
    assert torch.allclose(out.float(), expected, atol=1e-5 if kind == "float32" else 0.03)
