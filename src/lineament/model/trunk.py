"""The trunk: causal or full attention by one mask, with experts where the configuration asks.

Phi with normed queries and keys (Show-o), or any trunk of the Llama and Qwen 3 kind.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from lineament.model.sequence_experts import Guides, SequenceExperts
from lineament.model.token_experts import FeedForward, TokenExperts, TokenUse
from lineament.model.unif2ace_config import UniF2aceConfig


class KeyValues(Protocol):
    """What was read before: adds a layer's keys and values, and returns all there are."""

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int
    ) -> tuple[Tensor, Tensor]:
        """Append to one layer."""
        ...


@dataclass(slots=True)
class Reading:
    """All that the blocks share while one batch passes them.

    Attributes:
        cos: Of the rotation, for the tokens of this call.
        sin: The same.
        attend_mask: True, or 0 where additive, where a query may look; None for everywhere.
        cache: What was read before.
        is_drawing: Which rows draw; the others understand.
        valid_mask: False for padding.
        image_rows: Rows that hold an image.
        code_places: Where its codes stand.
        guides: What sequence-level experts mix in.
    """

    cos: Float[Tensor, "batch 1 tokens rotated"]
    sin: Float[Tensor, "batch 1 tokens rotated"]
    attend_mask: Tensor | None
    cache: Any
    is_drawing: Bool[Tensor, " batch"]
    valid_mask: Bool[Tensor, "batch tokens"]
    image_rows: Int[Tensor, " images"]
    code_places: Int[Tensor, "images codes"]
    guides: Guides = field(default_factory=Guides)


class Trunk(nn.Module):
    """Blocks and the last norm."""

    def __init__(self, config: UniF2aceConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(config, index) for index in range(config.num_hidden_layers)
        )
        self.norm = make_norm(config, config.hidden_size)
        self.rotated = int((config.head_dim or 0) * config.rotary_fraction)
        self.theta = config.rope_theta

    def forward(
        self, hidden: Float[Tensor, "batch tokens dim"], reading: Reading
    ) -> tuple[Float[Tensor, "batch tokens dim"], list[TokenUse], list[Tensor]]:
        """Return the last states, each layer's use of token experts, and its sequence gates."""
        uses: list[TokenUse] = []
        gates: list[Tensor] = []
        for block in self.blocks:
            hidden, use, gate = block(hidden, reading)
            uses += [] if use is None else [use]
            gates += [] if gate is None else [gate]
        return self.norm(hidden), uses, gates

    def rotate_at(
        self, position_ids: Int[Tensor, "batch tokens"], dtype: torch.dtype
    ) -> tuple[Float[Tensor, "batch 1 tokens rotated"], Float[Tensor, "batch 1 tokens rotated"]]:
        """Return cosines and sines of the rotation at these positions."""
        exact = torch.promote_types(dtype, torch.float32)  # never fewer than 32 bits
        steps = torch.arange(0, self.rotated, 2, device=position_ids.device, dtype=exact)
        frequencies = 1.0 / (self.theta ** (steps / max(1, self.rotated)))
        angles = position_ids.unsqueeze(-1).to(exact) * frequencies
        angles = torch.cat([angles, angles], dim=-1).unsqueeze(1)
        return angles.cos().to(dtype), angles.sin().to(dtype)


class Block(GradientCheckpointingLayer):
    """Attention, feed-forward or token-level experts, then sequence-level experts."""

    def __init__(self, config: UniF2aceConfig, index: int) -> None:
        super().__init__()
        self.is_parallel = config.is_parallel
        self.norm = make_norm(config, config.hidden_size)
        self.attention = Attention(config, index)
        self.norm_feed = None if self.is_parallel else make_norm(config, config.hidden_size)
        self.feed: FeedForward | TokenExperts = (
            TokenExperts(config)
            if config.use_token_experts
            else FeedForward(config, config.intermediate_size)
        )
        self.sequence = SequenceExperts(config) if config.use_sequence_experts else None

    def forward(
        self, hidden: Float[Tensor, "batch tokens dim"], reading: Reading
    ) -> tuple[Float[Tensor, "batch tokens dim"], TokenUse | None, Tensor | None]:
        """Update every token."""
        normed = self.norm(hidden)
        attended = hidden + self.attention(normed, reading)
        if self.norm_feed is not None:
            normed = self.norm_feed(attended)
        use = None
        if isinstance(self.feed, TokenExperts):
            fed, use = self.feed(normed, reading.is_drawing, reading.valid_mask)
        else:
            fed = self.feed(normed)
        hidden, gates = attended + fed, None
        if self.sequence is not None and len(reading.image_rows):
            hidden, gates = self._pass_images(self.sequence, hidden, reading)
        return hidden, use, gates

    def _pass_images(
        self, sequence: SequenceExperts, hidden: Tensor, reading: Reading
    ) -> tuple[Tensor, Tensor]:
        rows, places = reading.image_rows.unsqueeze(1), reading.code_places
        images, gates = sequence(
            hidden[rows, places], reading.is_drawing[reading.image_rows], reading.guides
        )
        return hidden.index_put((rows, places), images), gates


class Attention(nn.Module):
    """Many-headed attention with rotated, possibly normed queries and keys."""

    def __init__(self, config: UniF2aceConfig, index: int) -> None:
        super().__init__()
        dim, head_dim = config.hidden_size, config.head_dim
        assert head_dim is not None
        assert config.num_key_value_heads is not None
        self.index, self.head_dim = index, head_dim
        self.is_grouped = config.num_key_value_heads != config.num_attention_heads
        bias = config.use_bias
        self.query = nn.Linear(dim, config.num_attention_heads * head_dim, bias=bias)
        self.key = nn.Linear(dim, config.num_key_value_heads * head_dim, bias=bias)
        self.value = nn.Linear(dim, config.num_key_value_heads * head_dim, bias=bias)
        self.merge = nn.Linear(config.num_attention_heads * head_dim, dim, bias=bias)
        self.query_norm = make_norm(config, head_dim) if config.qk_norm else None
        self.key_norm = make_norm(config, head_dim) if config.qk_norm else None

    def forward(
        self, hidden: Float[Tensor, "batch tokens dim"], reading: Reading
    ) -> Float[Tensor, "batch tokens dim"]:
        """Let every token look where the mask allows."""
        query, key, value = (
            layer(hidden).unflatten(-1, (-1, self.head_dim))
            for layer in (self.query, self.key, self.value)
        )
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        query = rotate(query, reading.cos, reading.sin)
        key = rotate(key, reading.cos, reading.sin)
        if reading.cache is not None:
            key, value = reading.cache.update(key, value, self.index)
        mask = reading.attend_mask
        if torch.is_grad_enabled() and query.device.type == "cpu" and not self.is_grouped:
            mixed = attend_plainly(query, key, value, mask)
        else:
            if mask is not None and mask.dtype != torch.bool:
                mask = mask.to(query.dtype)
            mixed = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, enable_gqa=self.is_grouped
            )
        return self.merge(mixed.transpose(1, 2).flatten(2))


def attend_plainly(
    query: Float[Tensor, "batch heads tokens head_dim"],
    key: Float[Tensor, "batch heads seen head_dim"],
    value: Float[Tensor, "batch heads seen head_dim"],
    mask: Tensor | None,
) -> Float[Tensor, "batch heads tokens head_dim"]:
    """Attend by two products and a softmax; `scaled_dot_product_attention` for short rows.

    Its backward pass on CPUs takes three times as long as this for rows of 169 tokens.

    Args:
        query: Rotated.
        key: Rotated.
        value: Mixed by the weights.
        mask: True, or 0 where additive, where a query may look; None for everywhere.
    """
    query, key = (query * query.shape[-1] ** -0.5).to(value.dtype), key.to(value.dtype)
    scores = torch.matmul(query, key.transpose(-1, -2))
    if mask is None:
        scores = scores.float()
    else:
        # Not infinite: a row that sees nothing stays a number, and is padding.
        bias = mask.float() if mask.dtype != torch.bool else (~mask).float() * -1e30
        scores = scores + bias
    return torch.matmul(scores.softmax(dim=-1).to(value.dtype), value)


def rotate(
    heads: Float[Tensor, "batch heads tokens head_dim"],
    cos: Float[Tensor, "batch 1 tokens rotated"],
    sin: Float[Tensor, "batch 1 tokens rotated"],
) -> Float[Tensor, "batch heads tokens head_dim"]:
    """Rotate the first part of each head by its position; the rest stays."""
    rotated = cos.shape[-1]
    turned, rest = heads[..., :rotated], heads[..., rotated:]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat([-second, first], dim=-1) * sin
    return turned if not rest.shape[-1] else torch.cat([turned, rest], dim=-1)


def make_norm(config: UniF2aceConfig, width: int) -> nn.Module:
    """Return a norm of the configured kind."""
    kind = nn.LayerNorm if config.norm == "layer" else nn.RMSNorm
    return kind(width, eps=config.norm_eps)
