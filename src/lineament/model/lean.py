"""The network of Qwen3, Qwen2 and Llama without overhead, for the steps between two tokens.

The same weights and formulas as in ``transformers``, in a quarter of the calls: queries, keys
and values in one product, gate and up in another, tables for the rotary embedding.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM, Qwen3ForCausalLM
from transformers.cache_utils import Cache

SUPPORTED = (LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
MAX_WEIGHTS = 200_000_000  # of a network whose weights are copied once more


@dataclass(frozen=True, slots=True)
class _Block:
    """One layer's weights, joined where they are used together."""

    input_norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    head_norm: Tensor | None
    out: nn.Linear
    mlp_norm: Tensor
    gate_up: Tensor
    down: nn.Linear


class LeanNetwork:
    """A causal language model that reads a few tokens of one text at a time.

    The weights are copied when it is made: make it anew after they change. `find_lean` says
    for which models it can be made.
    """

    def __init__(self, language_model: Any) -> None:
        config = language_model.config
        network = language_model.model
        self._num_heads = config.num_attention_heads
        self._num_groups = config.num_key_value_heads
        self._head_dim = network.layers[0].self_attn.head_dim
        self._eps = config.rms_norm_eps
        self._embed = network.embed_tokens.weight.detach()
        self._norm = network.norm.weight.detach()
        self._head = language_model.lm_head.weight.detach()
        with torch.no_grad():
            self._blocks = [self._join(layer) for layer in network.layers]
            self._cos, self._sin = self._rotary_tables(network, config.max_position_embeddings)

    def __call__(
        self, token_ids: Int[Tensor, " tokens"], cache: Cache, num_logits: int
    ) -> Float[Tensor, "logits vocab"]:
        """Read on from what the cache holds, and return the scores after the last tokens."""
        start = cache.get_seq_length()
        stop = start + len(token_ids)
        cos, sin = self._cos[start:stop], self._sin[start:stop]
        mask = None
        if len(token_ids) > 1:
            every = torch.ones(len(token_ids), stop, dtype=torch.bool, device=token_ids.device)
            mask = every.tril(start).repeat(self._num_heads // self._num_groups, 1)
        hidden = functional.embedding(token_ids, self._embed)
        for layer, block in enumerate(self._blocks):
            hidden = hidden + self._attend(hidden, block, cache, layer, cos, sin, mask)
            hidden = hidden + self._think(hidden, block)
        last = self._normalise(hidden[-num_logits:], self._norm)
        return functional.linear(last, self._head)

    def _attend(
        self,
        hidden: Float[Tensor, "tokens dim"],
        block: _Block,
        cache: Cache,
        layer: int,
        cos: Float[Tensor, "tokens 1 head_dim"],
        sin: Float[Tensor, "tokens 1 head_dim"],
        mask: Tensor | None,
    ) -> Float[Tensor, "tokens dim"]:
        """Attend with all heads of a group as one: keys and values are never repeated."""
        count, groups, dim = len(hidden), self._num_groups, self._head_dim
        normed = self._normalise(hidden, block.input_norm)
        mixed = functional.linear(normed, block.qkv, block.qkv_bias).view(count, -1, dim)
        turning, values = mixed.split([self._num_heads + groups, groups], dim=1)
        if block.head_norm is not None:
            turning = functional.rms_norm(turning, (dim,), eps=self._eps) * block.head_norm
        turning = torch.addcmul(turning * cos, turning.roll(dim // 2, -1), sin)
        queries, new_keys = turning.split([self._num_heads, groups], dim=1)
        keys, values = cache.update(
            new_keys.transpose(0, 1)[None], values.transpose(0, 1)[None], layer
        )
        by_group = queries.view(count, groups, -1, dim).permute(1, 2, 0, 3)
        seen = functional.scaled_dot_product_attention(
            by_group.reshape(1, groups, -1, dim), keys, values, attn_mask=mask
        )
        by_token = seen.view(groups, -1, count, dim).permute(2, 0, 1, 3).reshape(count, -1)
        return functional.linear(by_token, block.out.weight, block.out.bias)

    def _think(self, hidden: Tensor, block: _Block) -> Tensor:
        normed = self._normalise(hidden, block.mlp_norm)
        gate, up = functional.linear(normed, block.gate_up).chunk(2, dim=-1)
        return functional.linear(functional.silu(gate) * up, block.down.weight)

    def _normalise(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(hidden, weight.shape, weight, self._eps)

    def _join(self, layer: Any) -> _Block:
        attention, mlp = layer.self_attn, layer.mlp
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        head_norm = None
        if hasattr(attention, "q_norm"):
            head_norm = torch.cat(
                [
                    attention.q_norm.weight.expand(self._num_heads, -1),
                    attention.k_norm.weight.expand(self._num_groups, -1),
                ]
            )
        return _Block(
            input_norm=layer.input_layernorm.weight.detach(),
            qkv=torch.cat([part.weight for part in parts]),
            qkv_bias=None if parts[0].bias is None else torch.cat([part.bias for part in parts]),
            head_norm=head_norm,
            out=attention.o_proj,
            mlp_norm=layer.post_attention_layernorm.weight.detach(),
            gate_up=torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
            down=mlp.down_proj,
        )

    def _rotary_tables(self, network: Any, num_positions: int) -> tuple[Tensor, Tensor]:
        """Return cosines and sines; the sines of the first half carry its minus sign."""
        positions = torch.arange(num_positions, device=self._embed.device)[None]
        cos, sin = network.rotary_emb(self._embed, positions)
        half = sin.shape[-1] // 2
        signed = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        return cos[0].unsqueeze(1), signed[0].unsqueeze(1)


def find_lean(language_model: PreTrainedModel) -> LeanNetwork | None:
    """Make the lean network of a language model; None where it would not be the same.

    That is: another architecture, adapters or hooks on its layers, sliding windows, positions
    that depend on the text's length, half precision, or too many weights to copy.
    """
    if type(language_model) not in SUPPORTED or not _is_plain(language_model):
        return None
    config: Any = language_model.config
    rope = getattr(config, "rope_parameters", None) or {}
    is_usual = (
        rope.get("rope_type", "default") == "default"
        and "sliding_attention" not in (getattr(config, "layer_types", None) or ())
        and config.hidden_act == "silu"
        and not getattr(config, "mlp_bias", False)
        and language_model.dtype == torch.float32
        and language_model.num_parameters() <= MAX_WEIGHTS
    )
    return LeanNetwork(language_model) if is_usual else None


def _is_plain(model: nn.Module) -> bool:
    """Say whether every weight sits in a layer of its usual kind, with no hook on it."""
    for module in model.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            return False
        if isinstance(module, nn.Linear | nn.Embedding) and type(module) not in (
            nn.Linear,
            nn.Embedding,
        ):
            return False
        own = module.__class__.__module__
        if not own.startswith(("torch.nn.", "transformers.")):
            return False
    return True
