"""Llama layers laid out for a CPU: weights packed once for oneDNN, neighbours fused, few small operations.

With one to some dozens of tokens a step, a small model on a CPU spends its time fetching weights and calling
operators. transformers' layers make about 60 operator calls and seven matrix products each, and oneDNN
reorders plain weights at every product. Here query, key and value are one product, gate and up another, the
residual is added inside the product, and the weights lie as oneDNN wants them.

Same mathematics as ``transformers.models.llama`` (its names are used); only roundings differ. Serves unquantised
llama-type models without biases; anything else keeps transformers' layers.

Steps of many tokens, which are prompts, may run their products in 8-bit integers, which processors with VNNI do twice
as fast as in bfloat16: each output's weights and each token's activations have a scale of their own. Rounding the
activations takes five small operations a product, so that steps of few tokens stay as they are.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from llm import attention
from llm.loader import LoadError

_of_thread = threading.local()

# A token's activations become whole numbers from 1 to 255 round this middle: oneDNN is fast for unsigned ones only.
MIDDLE = 128
LARGEST = 127
# Asking for 8 bits costs a little accuracy and a second copy of the weights, so it must be worth it.
FAST_ENOUGH = 1.25
# Tokens a step. All products of a step, bfloat16 and 8 bits, 2 cores without AMX: 32 tokens 27 and 31 ms, 100 tokens 66
# and 59 ms, 400 tokens 227 and 169 ms.
MANY = 96


def can_pack(model: Any) -> bool:
    """Whether ``model`` is a llama on a CPU whose layers are plain, unquantised and have no biases."""
    if model.config.model_type != "llama" or model.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    first = model.model.layers[0]
    linears = [first.self_attn.q_proj, first.mlp.gate_proj, first.mlp.down_proj, model.lm_head]
    plain = all(type(linear) is nn.Linear and linear.bias is None for linear in linears)
    return plain and bool(model.config.hidden_act == "silu") and model.dtype in (torch.float32, torch.bfloat16)


def pack(model: Any, tokens: int, eight_bit: bool = False) -> None:
    """Replace the layers and the output head of ``model`` in place. ``tokens`` a step is what oneDNN packs for."""
    linear = PromptLinear if eight_bit else PackedLinear
    for index, layer in enumerate(model.model.layers):
        model.model.layers[index] = PackedLayer(layer, tokens, linear)
    # A tied embedding still needs the plain weights for look-up; the head gets a packed copy.
    model.lm_head = PackedLinear([model.lm_head.weight], tokens)


def choose_products(asked: str, dtype: torch.dtype) -> tuple[bool, str]:
    """Whether packed layers read prompts in 8 bits, and why in a sentence. ``asked``: ``auto``, ``exact`` or ``int8``.

    Raises LoadError where 8 bits are asked of a processor without VNNI: there oneDNN's sums may overflow.
    """
    if asked == "int8" and not torch.cpu._is_vnni_supported():
        raise LoadError("products is 'int8', but this processor has no VNNI")
    if asked != "auto":
        return asked == "int8", f"{asked} products because the settings say so"
    gain = eight_bit_gain(dtype)
    return gain >= FAST_ENOUGH, f"products in 8 bits are {gain:.1f} times as fast"


@torch.inference_mode()
def eight_bit_gain(dtype: torch.dtype, rounds: int = 20) -> float:
    """How many times faster one core multiplies [400, 576] by [576, 1536] in 8 bits than in ``dtype``, packed; 0 where
    this processor or this torch cannot. Turn by turn and the best of each, for the machine may be busy."""
    if not torch.cpu._is_vnni_supported():
        return 0.0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x, weights = torch.ones(400, 576, dtype=dtype), [torch.ones(1536, 576, dtype=dtype)]
        sides = PackedLinear(weights, 400), EightBitLinear(weights, 400)
        times = [[_time(side, x) for side in sides] for _ in range(rounds)]
        plain, eight_bit = map(min, zip(*times, strict=True))
        return float(plain / eight_bit)
    except (AttributeError, RuntimeError):
        return 0.0
    finally:
        torch.set_num_threads(threads)


def _time(linear: nn.Module, x: torch.Tensor) -> float:
    begun = time.perf_counter()
    linear(x)
    return time.perf_counter() - begun


class PackedLinear(nn.Module):
    """``x @ cat(weights).T`` (+ ``added``), weights [out, in] packed for oneDNN. Inference only."""

    def __init__(self, weights: list[torch.Tensor], tokens: int) -> None:
        super().__init__()
        whole = torch.cat([weight.detach() for weight in weights])
        self.in_features, self.out_features = whole.shape[1], whole.shape[0]
        self._packed = torch.ops.mkldnn._reorder_linear_weight(whole.contiguous(), tokens)

    def forward(self, x: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        """``x``: [..., in]; returns [..., out]. ``added`` must have the result's shape."""
        out: torch.Tensor
        if added is None:
            out = torch.ops.mkldnn._linear_pointwise(x, self._packed, None, "none", [], "")
        else:
            out = torch.ops.mkldnn._linear_pointwise.binary(x, added, self._packed, None, "add")
        return out


class EightBitLinear(nn.Module):
    """The same product in 8-bit integers, summed exactly in 32 bits. ``weights`` [out, in]. Inference only."""

    def __init__(self, weights: list[torch.Tensor], tokens: int) -> None:
        super().__init__()
        whole = torch.cat([weight.detach() for weight in weights])
        self.in_features, self.out_features, self._dtype = whole.shape[1], whole.shape[0], whole.dtype
        exact = whole.float()
        self._scales = exact.abs().amax(1).clamp_(min=torch.finfo(torch.float32).tiny).div_(LARGEST)
        in_eight = exact.div_(self._scales[:, None]).round_().to(torch.int8)
        self._packed = torch.ops.onednn.qlinear_prepack(in_eight, [tokens, self.in_features])
        self._zeros = torch.zeros(self.out_features, dtype=torch.int32)

    def forward(self, x: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        """``x``: [..., in]; returns [..., out]. ``added`` must have the result's shape."""
        rows = x.reshape(-1, self.in_features)
        numbers, scales = whole_numbers(rows)
        out: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            numbers, 1.0, MIDDLE, self._packed, self._scales, self._zeros, None, 1.0, 0, self._dtype, "none", [], ""
        )
        if added is None:
            return out.mul_(scales).view(*x.shape[:-1], self.out_features)
        return torch.addcmul(added, out.view(added.shape), scales.view(*x.shape[:-1], 1))


class PromptLinear(nn.Module):
    """In 8 bits for MANY tokens and more, else exactly."""

    def __init__(self, weights: list[torch.Tensor], tokens: int) -> None:
        super().__init__()
        self.few, self.many = PackedLinear(weights, tokens), EightBitLinear(weights, tokens)

    def forward(self, x: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        """``x``: [tokens, in]; returns [tokens, out]. ``added`` must have the result's shape."""
        out: torch.Tensor = (self.many if x.shape[0] >= MANY else self.few)(x, added)
        return out


def whole_numbers(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``rows`` [n, width] as uint8 round MIDDLE, and the scales [n, 1] (of ``rows``' dtype) that undo it."""
    scales = rows.abs().amax(-1, keepdim=True).clamp_(min=torch.finfo(rows.dtype).tiny).div_(LARGEST)
    signed = (rows / scales.float()).round_().to(torch.int8)  # torch is slow to make unsigned numbers of others
    return signed.view(torch.uint8).add_(MIDDLE), scales


class PackedLayer(nn.Module):
    """One decoder layer; takes the place of a ``LlamaDecoderLayer`` that is served from a paged cache."""

    def __init__(self, layer: Any, tokens: int, linear: type[PackedLinear | PromptLinear] = PackedLinear) -> None:
        super().__init__()
        mine, mlp = layer.self_attn, layer.mlp
        self.layer_idx: int = mine.layer_idx
        self.width: int = mine.head_dim
        self.heads: int = mine.q_proj.out_features // self.width
        self.key_heads: int = mine.k_proj.out_features // self.width
        self.scaling: float = mine.scaling
        self.inner: int = mlp.gate_proj.out_features
        self.before, self.eps = layer.input_layernorm.weight, layer.input_layernorm.variance_epsilon
        self.between = layer.post_attention_layernorm.weight
        self.qkv = linear([mine.q_proj.weight, mine.k_proj.weight, mine.v_proj.weight], tokens)
        self.out = linear([mine.o_proj.weight], tokens)
        self.gate_up = linear([mlp.gate_proj.weight, mlp.up_proj.weight], tokens)
        self.down = linear([mlp.down_proj.weight], tokens)

    def forward(
        self, hidden_states: torch.Tensor, position_embeddings: tuple[torch.Tensor, torch.Tensor], **batch: Any
    ) -> torch.Tensor:
        """``hidden_states`` [1, tokens, hidden]; ``batch`` is the paged batch (see attention.py)."""
        x: torch.Tensor = hidden_states[0]
        asked = functional.rms_norm(x, (x.shape[-1],), self.before, self.eps)
        states = self.qkv(asked).view(x.shape[0], -1, self.width)
        turning = self.heads + self.key_heads
        turned = rotate(states[:, :turning], *_rotation(position_embeddings))
        query, key, value = turned[:, : self.heads], turned[:, self.heads :], states[:, turning:]
        seen = attention.attend(self.layer_idx, query, key, value, self.scaling, batch)
        x = self.out(seen, x)
        asked = functional.rms_norm(x, (x.shape[-1],), self.between, self.eps)
        gate_up = self.gate_up(asked)
        x = self.down(functional.silu(gate_up[:, : self.inner]).mul_(gate_up[:, self.inner :]), x)
        return x[None]


def rotate(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions (Su et al. 2021): ``states`` [tokens, heads, width]; ``sin`` has the half-turn's signs in it."""
    half = states.shape[-1] // 2
    return torch.addcmul(states * cos, torch.roll(states, half, -1), sin)


def _rotation(embeddings: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """[tokens, 1, width] cos, and sin with its first half negated; made once a step, all layers share them."""
    last = getattr(_of_thread, "rotation", None)
    if last is None or last[0] is not embeddings[0]:
        cos, sin = embeddings[0][0][:, None], embeddings[1][0][:, None]
        half = sin.shape[-1] // 2
        last = (embeddings[0], (cos, torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)))
        _of_thread.rotation = last
    rotation: tuple[torch.Tensor, torch.Tensor] = last[1]
    return rotation
