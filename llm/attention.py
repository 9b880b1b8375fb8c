"""Attention for many chats in one batch on a CPU, at a cost that grows with their number, not its square.

transformers' continuous batching puts all chats' new tokens into one row, and its SDPA path multiplies every
query with every chat's keys, masking what is not its own. Here each chat's queries meet its own keys:
chats that decode (one new token each) are padded to a common length and go through one SDPA call; a chat in
prefill gets its own.

Knows of the batch only what transformers hands to every attention function of a paged batch: ``cache``,
``cu_seq_lens_q``, ``cu_seq_lens_k``, ``read_index``, ``write_index``. Full attention only, no sliding window.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface
from transformers.modeling_utils import AttentionInterface

NAME = "consult_paged_cpu"
FULL = "full_attention"
# Chats are padded together while at most this share of the keys read is real work times waste.
WASTE = 1.3
# From so many chats on, two matrix products a layer are faster than the SDPA kernel, which is made for long queries.
PRODUCTS_FROM = 4
# New tokens of one chat that meet their keys in one product.
BLOCK = 128


@dataclass(slots=True)
class Prefill:
    """One chat with several new tokens: its rows in the batch and its keys in what is read."""

    rows: slice
    keys: slice


@dataclass(slots=True)
class Decode:
    """Chats with one new token each. ``shape`` is (chats, longest); ``mask`` [chats, 1, 1, longest] or None."""

    rows: torch.Tensor
    keys: slice
    shape: tuple[int, int]
    mask: torch.Tensor | None
    in_order: bool


@dataclass(slots=True)
class Plan:
    """How one step's batch is walked; the same for every layer, so it is made once a step."""

    read: torch.Tensor
    prefills: list[Prefill] = field(default_factory=list)
    decodes: list[Decode] = field(default_factory=list)


def register() -> None:
    """Make the function known to transformers under NAME; the mask is never built."""
    AttentionInterface.register(NAME, paged_attention)
    AttentionMaskInterface.register(NAME, _no_mask)


def _no_mask(*_args: object, **_options: object) -> None:
    return None


def paged_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **batch: Any,
) -> tuple[torch.Tensor, None]:
    """``query`` [1, heads, tokens, width], ``key`` and ``value`` [1, key heads, tokens, width].

    Returns [1, tokens, heads, width]. Without a paged cache (plain ``generate``) it is transformers' own SDPA.
    """
    if batch.get("cache") is None:
        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **batch)
        return out, None
    layer: int = module.layer_idx  # type: ignore[assignment]
    asked, keys, values = (states[0].transpose(0, 1) for states in (query, key, value))
    out = attend(layer, asked, keys, values, scaling, batch)
    return out.view(1, out.shape[0], query.shape[1], query.shape[3]), None


def attend(
    layer: int,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    batch: dict[str, Any],
) -> torch.Tensor:
    """Write the new keys and values into the cache and let each chat's queries meet its own.

    ``query`` [tokens, heads, width], ``key`` and ``value`` [tokens, key heads, width]; returns
    [tokens, heads * width]. ``batch``: the paged batch as transformers passes it to every layer.
    """
    allocator = batch["cache"].layer_to_allocator[layer]
    plan = _plan(batch, allocator.index, query)
    keys, values = _update(allocator, layer, key, value, plan.read, batch["write_index"][allocator.index])
    heads, width = query.shape[1], query.shape[2]
    if len(plan.decodes) == 1 and not plan.prefills and plan.decodes[0].in_order:
        return _decode(plan.decodes[0], query, keys, values, scaling).view(-1, heads * width)
    out = query.new_empty(query.shape)
    for group in plan.decodes:
        answer = _decode(group, query[group.rows], keys, values, scaling)
        out[group.rows] = answer.view(-1, heads, width)
    for chat in plan.prefills:
        prefill = _by_blocks if query.dtype == torch.bfloat16 else _by_kernel
        prefill(query[chat.rows], keys[chat.keys], values[chat.keys], scaling, out[chat.rows])
    return out.view(-1, heads * width)


def _by_kernel(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scaling: float | None, out: torch.Tensor
) -> None:
    """One chat's new tokens by torch's SDPA kernel. ``query`` and ``out`` [new, heads, width], ``keys`` and ``values``
    [n, key heads, width], the last of which are the new tokens' own."""
    new, total, times = query.shape[0], keys.shape[0], query.shape[1] // keys.shape[1]
    k, v, asked = _repeat(keys, times), _repeat(values, times), query.transpose(0, 1)[None]
    mask = None if new == total else torch.ones(new, total, dtype=torch.bool).tril_(total - new)
    answer = scaled_dot_product_attention(asked, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling)
    out.copy_(answer[0].transpose(0, 1))


def _by_blocks(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scaling: float | None, out: torch.Tensor
) -> None:
    """The same as plain products, a block of new tokens at a time with no keys but those that it may see. Query heads
    that share a key head are rows of one matrix, so keys are never repeated. Without AMX the SDPA kernel works in
    float32: 400 tokens take it 2.8 ms a layer, this 1.6 ms."""
    new, heads, width = query.shape
    total, key_heads = keys.shape[0], keys.shape[1]
    k, v = keys.permute(1, 2, 0), values.transpose(0, 1)
    scale = width**-0.5 if scaling is None else scaling
    for first in range(0, new, BLOCK):
        rows = slice(first, min(first + BLOCK, new))
        size = rows.stop - first
        seen = total - new + rows.stop
        asked = (query[rows] * scale).view(size, key_heads, -1, width).permute(1, 2, 0, 3).reshape(key_heads, -1, width)
        scores = torch.bmm(asked, k[..., :seen])
        ahead = torch.full((size, size), float("-inf"), dtype=scores.dtype).triu_(1)
        scores.view(key_heads, -1, size, seen)[..., seen - size :].add_(ahead)
        mixed = torch.bmm(torch.softmax(scores, -1), v[:, :seen])
        out[rows].copy_(mixed.view(key_heads, -1, size, width).permute(2, 0, 1, 3).reshape(size, heads, width))


def _update(
    allocator: Any, layer: int, key: torch.Tensor, value: torch.Tensor, read: torch.Tensor, write: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The allocator's own ``update``, but what is read lands in the same memory for every layer: it then stays in
    the processor's cache, and 32 chats' step takes 25 ms less."""
    if read.numel() == 0:
        whole: tuple[torch.Tensor, torch.Tensor] = allocator.update(key, value, layer, read, write)
        return whole
    kept = allocator._kv_token_views[layer]
    for cache, new in zip(kept, (key, value), strict=True):
        cache.index_copy_(0, write, new)
    rows = read.numel()
    scratch = getattr(_of_thread, "scratch", None)
    if scratch is None or scratch.shape[1] < rows or scratch.shape[2:] != key.shape[1:] or scratch.dtype != key.dtype:
        scratch = _of_thread.scratch = key.new_empty((2, rows + rows // 4, *key.shape[1:]))
    for cache, place in zip(kept, scratch, strict=True):
        torch.index_select(cache, 0, read, out=place[:rows])
    return scratch[0, :rows], scratch[1, :rows]


def _decode(
    group: Decode, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """[chats, key heads, heads a key head, width]. Query heads that share a key head are rows of one small matrix,
    so that keys are read once and never repeated."""
    chats, longest = group.shape
    key_heads, width = keys.shape[1], keys.shape[2]
    asked = query.reshape(chats, key_heads, -1, width)
    if chats >= PRODUCTS_FROM and query.dtype == torch.bfloat16:
        flat = (chats, longest, key_heads * width)
        return _by_products(asked, keys[group.keys].view(flat), values[group.keys].view(flat), group.mask, scaling)
    k = keys[group.keys].view(chats, longest, key_heads, width).transpose(1, 2)
    v = values[group.keys].view(chats, longest, key_heads, width).transpose(1, 2)
    return scaled_dot_product_attention(asked, k, v, attn_mask=group.mask, scale=scaling).contiguous()


def _by_products(
    asked: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None, scaling: float | None
) -> torch.Tensor:
    """Attention of ``asked`` [chats, key heads, shared, width] as one product over all heads' keys and one over
    their values, [chats, longest, key heads * width] as they lie. Each query stands in its own head's columns of a
    row that is zero elsewhere: more is multiplied, but nothing is moved. The scores are rounded to bfloat16 as in
    transformers' eager attention; the softmax is in float32."""
    chats, key_heads, shared, width = asked.shape
    wide = asked.new_zeros(chats, key_heads, shared, key_heads, width)
    scale = width**-0.5 if scaling is None else scaling
    torch.diagonal(wide, dim1=1, dim2=3).copy_((asked * scale).permute(0, 2, 3, 1))
    scores = torch.bmm(keys, wide.view(chats, key_heads * shared, -1).transpose(1, 2)).transpose(1, 2).float()
    if mask is not None:
        scores += mask[:, 0]
    shares = torch.softmax(scores, -1).to(values.dtype)
    mixed = torch.bmm(shares, values).view(chats, key_heads, shared, key_heads, width)
    return torch.diagonal(mixed, dim1=1, dim2=3).permute(0, 3, 1, 2).contiguous()


def _repeat(states: torch.Tensor, times: int) -> torch.Tensor:
    """[n, key heads, width] to [1, heads, n, width]."""
    n, key_heads, width = states.shape
    by_head = states.transpose(0, 1)[:, None]
    return by_head.expand(key_heads, times, n, width).reshape(1, key_heads * times, n, width)


_of_thread = threading.local()


def _plan(batch: dict[str, Any], index: int, query: torch.Tensor) -> Plan:
    """The plan of this step. All layers get the same ``write_index`` list object, so it tells steps apart.

    Each lane has its own thread, so the last plan is remembered by thread.
    """
    step = batch["write_index"]
    last: tuple[object, Plan] | None = getattr(_of_thread, "last", None)
    if last is None or last[0] is not step:
        last = (step, _make_plan(batch, index, query.dtype))
        _of_thread.last = last
    return last[1]


def _make_plan(batch: dict[str, Any], index: int, dtype: torch.dtype) -> Plan:
    ends_q: list[int] = batch["cu_seq_lens_q"].tolist()
    ends_k: list[int] = batch["cu_seq_lens_k"][FULL].tolist()
    read: torch.Tensor = batch["read_index"][index]
    spans = list(zip(ends_q, ends_q[1:], ends_k, ends_k[1:], strict=False))
    if read.numel() == 0:  # nobody has a past: each chat's keys are its new ones
        whole = [Prefill(slice(q0, q1), slice(q0, q1)) for q0, q1, _, _ in spans if q1 > q0]
        return Plan(read=read, prefills=whole)
    plan, pieces, filled = Plan(read=read), [], 0
    for group in _alike([span for span in spans if span[1] - span[0] == 1]):
        decode, indices = _decode_group(group, read, filled, dtype)
        plan.decodes.append(decode)
        pieces.append(indices)
        filled += indices.numel()
    for q0, q1, k0, k1 in spans:
        if q1 - q0 > 1:
            plan.prefills.append(Prefill(slice(q0, q1), slice(filled, filled + k1 - k0)))
            pieces.append(read[k0:k1])
            filled += k1 - k0
    plan.read = torch.cat(pieces)
    return plan


Span = tuple[int, int, int, int]


def _alike(spans: list[Span]) -> list[list[Span]]:
    """Cut the decoding chats into groups of like length, so that padding wastes little; in batch order if one."""
    lengths = [span[3] - span[2] for span in spans]
    if spans and max(lengths) * len(spans) <= WASTE * sum(lengths):
        return [spans]
    groups: list[list[Span]] = []
    real = 0
    for span in sorted(spans, key=lambda span: span[3] - span[2], reverse=True):
        length = span[3] - span[2]
        if groups:
            longest = groups[-1][0][3] - groups[-1][0][2]
            if longest * (len(groups[-1]) + 1) <= WASTE * (real + length):
                groups[-1].append(span)
                real += length
                continue
        groups.append([span])
        real = length
    return groups


def _decode_group(group: list[Span], read: torch.Tensor, start: int, dtype: torch.dtype) -> tuple[Decode, torch.Tensor]:
    lengths = [k1 - k0 for _, _, k0, k1 in group]
    longest = max(lengths)
    rows = torch.tensor([q0 for q0, _, _, _ in group])
    firsts = torch.tensor([k0 for _, _, k0, _ in group])
    steps = torch.arange(longest)
    inside = steps[None] < torch.tensor(lengths)[:, None]
    places = read[torch.where(inside, firsts[:, None] + steps[None], firsts[:, None])]
    mask = None
    if min(lengths) < longest:
        mask = torch.zeros(inside.shape, dtype=dtype).masked_fill_(~inside, float("-inf"))[:, None, None]
    keys = slice(start, start + places.numel())
    in_order = rows.tolist() == list(range(len(group)))
    return Decode(rows, keys, (len(group), longest), mask, in_order), places.reshape(-1)
