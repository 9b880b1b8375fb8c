"""Llama layers laid out for a CPU: weights packed once for oneDNN, neighbours fused, few small operations.

With one to some dozens of tokens a step, a small model on a CPU spends its time fetching weights and calling
operators. transformers' layers make about 60 operator calls and seven matrix products each, and oneDNN
reorders plain weights at every product. Here query, key and value are one product, gate and up another, the
residual is added inside the product, and the weights lie as oneDNN wants them.

Same mathematics as ``transformers.models.llama`` (its names are used); only roundings differ. Serves unquantised
llama-type models without biases; anything else keeps transformers' layers.
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from llm import attention

_of_thread = threading.local()


def can_pack(model: Any) -> bool:
    """Whether ``model`` is a llama on a CPU whose layers are plain, unquantised and have no biases."""
    if model.config.model_type != "llama" or model.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    first = model.model.layers[0]
    linears = [first.self_attn.q_proj, first.mlp.gate_proj, first.mlp.down_proj, model.lm_head]
    plain = all(type(linear) is nn.Linear and linear.bias is None for linear in linears)
    return plain and bool(model.config.hidden_act == "silu") and model.dtype in (torch.float32, torch.bfloat16)


def pack(model: Any, tokens: int) -> None:
    """Replace the layers and the output head of ``model`` in place. ``tokens`` a step is what oneDNN packs for."""
    for index, layer in enumerate(model.model.layers):
        model.model.layers[index] = PackedLayer(layer, tokens)
    # A tied embedding still needs the plain weights for look-up; the head gets a packed copy.
    model.lm_head = PackedLinear([model.lm_head.weight], tokens)


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


class PackedLayer(nn.Module):
    """One decoder layer; takes the place of a ``LlamaDecoderLayer`` that is served from a paged cache."""

    def __init__(self, layer: Any, tokens: int) -> None:
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
        self.qkv = PackedLinear([mine.q_proj.weight, mine.k_proj.weight, mine.v_proj.weight], tokens)
        self.out = PackedLinear([mine.o_proj.weight], tokens)
        self.gate_up = PackedLinear([mlp.gate_proj.weight, mlp.up_proj.weight], tokens)
        self.down = PackedLinear([mlp.down_proj.weight], tokens)

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
