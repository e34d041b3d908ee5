"""Networks that read on in several texts in one pass."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from lineament.model.lean import LeanNetwork, find_lean
from lineament.model.sampling import find_context_length
from lineament.serving.slots import Slots


@runtime_checkable
class JointNetwork(Protocol):
    """Reads the next tokens of neighbouring rows."""

    def read(
        self,
        embeds: Float[Tensor, "rows queries dim"],
        *,
        first_row: int,
        starts: Sequence[int],
        num_logits: int,
    ) -> Float[Tensor, "rows logits vocab"]:
        """Read on, and return the scores after each of the last tokens.

        Args:
            embeds: Tokens, embedded.
            first_row: Of the rows in the slots.
            starts: Tokens that each row holds already.
            num_logits: How many of the last tokens are asked about.
        """
        ...


def choose_network(language_model: PreTrainedModel, slots: Slots) -> JointNetwork:
    """Return the fastest network that gives the model's own answers."""
    if find_lean(language_model) is not None:
        return LeanRows(language_model, slots)
    return PlainRows(language_model, slots)


class PlainRows:
    """Any causal language model of ``transformers``."""

    def __init__(self, language_model: Any, slots: Slots) -> None:
        self._model, self._slots = language_model, slots
        self._last_position = find_context_length(language_model) - 1
        config = language_model.config
        kinds = set(getattr(config, "layer_types", None) or ())
        self._window = getattr(config, "sliding_window", None)
        self._kinds = kinds if "sliding_attention" in kinds else set()
        if kinds and not self._kinds:
            self._window = None  # written down, but no layer uses it

    def read(
        self,
        embeds: Float[Tensor, "rows queries dim"],
        *,
        first_row: int,
        starts: Sequence[int],
        num_logits: int,
    ) -> Float[Tensor, "rows logits vocab"]:
        """Read on; see `JointNetwork`."""
        slots = self._slots
        slots.aim(first_row, starts, embeds.shape[1], device=embeds.device)
        output = self._model(
            inputs_embeds=embeds,
            # A row that waits for longer ones may be filled up beyond the last position.
            position_ids=slots.positions.clamp(max=self._last_position),
            attention_mask=self._masks(embeds.dtype),
            past_key_values=slots.cache,
            use_cache=True,
            logits_to_keep=num_logits,
        )
        return output.logits

    def _masks(self, dtype: torch.dtype) -> Any:
        if not self._kinds:
            return self._mask(dtype, self._window)
        windows = {"full_attention": None, "sliding_attention": self._window}
        return {kind: self._mask(dtype, windows.get(kind)) for kind in self._kinds}

    def _mask(self, dtype: torch.dtype, window: int | None) -> Tensor:
        mask = self._slots.attend_mask(window)
        if self._model.config._attn_implementation != "eager":
            return mask
        blocked = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
        return blocked.masked_fill(~mask, torch.finfo(dtype).min)


class LeanRows(LeanNetwork):
    """The lean network for several texts at once; made where `find_lean` finds one."""

    def __init__(self, language_model: Any, slots: Slots) -> None:
        super().__init__(language_model)
        self._slots = slots

    def read(
        self,
        embeds: Float[Tensor, "rows queries dim"],
        *,
        first_row: int,
        starts: Sequence[int],
        num_logits: int,
    ) -> Float[Tensor, "rows logits vocab"]:
        """Read on; see `JointNetwork`."""
        slots = self._slots
        slots.aim(first_row, starts, embeds.shape[1], device=embeds.device)
        positions = slots.positions.clamp(max=len(self._cos) - 1)
        turns = self._cos[positions], self._sin[positions]
        mask = slots.attend_mask().repeat(1, 1, self._num_heads // self._num_groups, 1)
        hidden = embeds
        for layer in range(len(self._blocks)):
            hidden = hidden + self._attend_rows(hidden, layer, turns, mask)
            hidden = hidden + self._think(hidden, self._blocks[layer])
        last = self._normalise(hidden[:, -num_logits:], self._norm)
        return functional.linear(last, self._head)

    def _attend_rows(
        self,
        hidden: Float[Tensor, "rows queries dim"],
        layer: int,
        turns: tuple[Tensor, Tensor],
        mask: Bool[Tensor, "rows 1 head_queries keys"],
    ) -> Float[Tensor, "rows queries dim"]:
        """Attend with all heads of a group as one, as in `LeanNetwork`."""
        block, groups, dim = self._blocks[layer], self._num_groups, self._head_dim
        rows, count = hidden.shape[:2]
        normed = self._normalise(hidden, block.input_norm)
        mixed = functional.linear(normed, block.qkv, block.qkv_bias).view(rows, count, -1, dim)
        turning, values = mixed.split([self._num_heads + groups, groups], dim=2)
        if block.head_norm is not None:
            turning = functional.rms_norm(turning, (dim,), eps=self._eps) * block.head_norm
        cos, sin = turns
        turning = torch.addcmul(turning * cos, turning.roll(dim // 2, -1), sin)
        queries, new_keys = turning.split([self._num_heads, groups], dim=2)
        keys, values = self._slots.cache.update(
            new_keys.transpose(1, 2), values.transpose(1, 2), layer
        )
        by_group = queries.view(rows, count, groups, -1, dim).permute(0, 2, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(
            by_group.reshape(rows, groups, -1, dim), keys, values, attn_mask=mask
        )
        by_token = seen.view(rows, groups, -1, count, dim).permute(0, 3, 1, 2, 4)
        joined = by_token.reshape(rows, count, -1)
        return functional.linear(joined, block.out.weight, block.out.bias)
