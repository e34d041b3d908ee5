"""Slots: keys and values of several texts side by side, one row each, without gaps."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

CAPACITY_STEP = 256  # tokens
KEPT_CAPACITY = 1024  # a longer cache is given back when no text is open


class Slots:
    """Room for texts that are read in the same passes.

    Before each pass `aim` says which rows it reads and where each goes on; the layers' caches
    then put keys and values there. What lies behind a text's end is never looked at.

    Attributes:
        cache: What a network of ``transformers`` takes as ``past_key_values``.
        num_rows: How many texts are open; their rows are the first ones.
    """

    def __init__(self) -> None:
        self.num_rows = 0
        self.cache = Cache(layer_class_to_replicate=cast(Any, partial(SlotLayer, self)))
        self.aim(0, [0], 1)

    def open_row(self) -> int:
        """Add a row and return its number."""
        self.num_rows += 1
        return self.num_rows - 1

    def close_row(self, row: int, last_length: int) -> None:
        """Remove a row; the last one, of ``last_length`` tokens, takes its place."""
        self.num_rows -= 1
        if row != self.num_rows:
            for layer in self._layers():
                layer.move(self.num_rows, row, last_length)
        if not self.num_rows:
            for layer in self._layers():
                layer.shrink()

    def aim(
        self, first_row: int, starts: Sequence[int], num_queries: int, *, device: Any = None
    ) -> None:
        """Say what the next pass reads.

        Args:
            first_row: The first of the rows that take part; they are neighbours.
            starts: Tokens that each of them holds already.
            num_queries: Tokens that each of them reads.
            device: Where the network is.
        """
        first = torch.tensor(list(starts), device=device).unsqueeze(1)
        self.first_row, self.length = first_row, max(starts) + num_queries
        self.positions: Int[Tensor, "rows queries"] = first + torch.arange(
            num_queries, device=device
        )
        rows = torch.arange(first_row, first_row + len(starts), device=device)
        self.row_ids: Int[Tensor, "rows 1"] = rows.unsqueeze(1)

    def attend_mask(self, window: int | None = None) -> Bool[Tensor, "rows 1 queries keys"]:
        """Say who sees whom in the next pass: everything up to itself, or within a window."""
        keys = torch.arange(self.length, device=self.positions.device)
        positions = self.positions.unsqueeze(-1)
        mask = keys <= positions
        if window is not None:
            mask &= keys > positions - window
        return mask.unsqueeze(1)

    def read_tokens(
        self, row: int, start: int, stop: int
    ) -> Float[Tensor, "layers 2 heads tokens head_dim"]:
        """Return a copy of what a row holds of some tokens."""
        held = [
            torch.stack([layer.keys[row, :, start:stop], layer.values[row, :, start:stop]])
            for layer in self._layers()
        ]
        return torch.stack(held)

    def write_tokens(
        self, row: int, start: int, held: Float[Tensor, "layers 2 heads tokens head_dim"]
    ) -> None:
        """Put into a row what `read_tokens` returned."""
        stop = start + held.shape[-2]
        for layer, (keys, values) in zip(self._layers(), held, strict=True):
            layer.reserve(row + 1, stop, keys)
            layer.keys[row, :, start:stop] = keys
            layer.values[row, :, start:stop] = values

    def count_bytes(self) -> int:
        """Return how much memory the rows take."""
        return sum(2 * layer.keys.nbytes for layer in self._layers() if layer.keys is not None)

    def _layers(self) -> list[Any]:
        return self.cache.layers


class SlotLayer(CacheLayerMixin):
    """One layer's keys and values of all rows."""

    is_sliding = False
    is_croppable = False

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self._slots = slots

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:  # noqa: ARG002
        """Make room for the first time."""
        slots = self._slots
        self.reserve(slots.first_row + len(key_states), slots.length, key_states[0])

    def update(
        self,
        key_states: Float[Tensor, "rows heads queries head_dim"],
        value_states: Float[Tensor, "rows heads queries head_dim"],
        *args: Any,  # noqa: ARG002 - transformers' signature
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        """Put new keys and values where `Slots.aim` said; return all of these rows."""
        slots = self._slots
        first, stop = slots.first_row, slots.first_row + len(key_states)
        self.reserve(stop, slots.length, key_states[0])
        assert self.keys is not None
        assert self.values is not None
        self.keys[slots.row_ids, :, slots.positions] = key_states.transpose(1, 2)
        self.values[slots.row_ids, :, slots.positions] = value_states.transpose(1, 2)
        return self.keys[first:stop, :, : slots.length], self.values[first:stop, :, : slots.length]

    def reserve(self, num_rows: int, length: int, like: Float[Tensor, "heads any dim"]) -> None:
        """Have room for so many rows of so many tokens, and keep what is there."""
        before = (self.keys, self.values)
        has_rows, has_length = (0, 0) if before[0] is None else before[0].shape[::2][:2]
        if has_rows >= num_rows and has_length >= length:
            return
        # Rows double and tokens grow by steps, so that little is copied.
        rows = has_rows if has_rows >= num_rows else max(num_rows, 2 * has_rows)
        capacity = max(has_length, -(-length // CAPACITY_STEP) * CAPACITY_STEP)
        # Zeros, since a masked key still enters the sum, with weight 0, which no NaN survives.
        self.keys, self.values = (
            like.new_zeros(rows, like.shape[0], capacity, like.shape[-1]) for _ in range(2)
        )
        self.is_initialized = True
        for states, kept in zip((self.keys, self.values), before, strict=True):
            if kept is not None:
                states[:has_rows, :, :has_length] = kept

    def move(self, source: int, target: int, length: int) -> None:
        """Copy one row over another."""
        for states in (self.keys, self.values):
            if states is not None and source < len(states):
                states[target, :, :length] = states[source, :, :length]

    def shrink(self) -> None:
        """Give memory back that few texts need."""
        if self.keys is not None and self.keys.shape[2] > KEPT_CAPACITY:
            self.keys = self.values = None
            self.is_initialized = False

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many keys a query sees at most, and where they begin."""
        return self._slots.length if query_length else 0, 0

    def get_seq_length(self) -> int:
        """Return how many keys there were before this pass."""
        return self._slots.length - self._slots.positions.shape[1]

    def get_max_length(self) -> int:
        """Return -1: it grows."""
        return -1
