"""Prefixes: keys and values of texts that were read, found again by their content."""

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from lineament.cache import hash_parts
from lineament.serving.slots import Slots

BLOCK_TOKENS = 16


class PrefixCache:
    """Blocks of a few tokens, each named by all that stands before it.

    Texts that begin alike share their blocks: the frames of a clip are kept once for all
    questions about it, and a conversation's next turn begins where the last one ended. What was
    not used for longest goes when the limit is passed.

    Args:
        limit_bytes: Most that all blocks may take.

    Attributes:
        num_bytes: What they take.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.num_bytes = 0
        self._blocks: OrderedDict[str, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._blocks)

    def load(self, slots: Slots, row: int, root: str, token_ids: Sequence[int]) -> int:
        """Fill a new row with what is known of its text, and return how many tokens that is.

        At least one token is left to read, since only reading tells what comes next.

        Args:
            slots: Where the row is.
            row: An empty one.
            root: What the text is about: the same tokens about another clip are another text.
            token_ids: The text.
        """
        names: list[str] = []
        for name, stop in _name_blocks(root, token_ids):
            if stop >= len(token_ids) or name not in self._blocks:
                break
            names.append(name)
        if names:
            slots.write_tokens(row, 0, torch.cat([self._blocks[name] for name in names], dim=-2))
        for name in reversed(names):  # a block is of no use without those before it
            self._blocks.move_to_end(name)
        return len(names) * BLOCK_TOKENS

    def store(self, slots: Slots, row: int, root: str, token_ids: Sequence[int]) -> None:
        """Keep what a row holds of a text, as far as it fills blocks."""
        added: list[str] = []
        for name, stop in _name_blocks(root, token_ids):
            if name not in self._blocks:
                self._add(name, slots.read_tokens(row, stop - BLOCK_TOKENS, stop))
            added.append(name)
        for name in reversed(added):
            if name in self._blocks:
                self._blocks.move_to_end(name)
        self._trim()

    def clear(self) -> None:
        """Forget everything."""
        self._blocks.clear()
        self.num_bytes = 0

    def _add(self, name: str, block: Float[Tensor, "layers 2 heads tokens head_dim"]) -> None:
        if block.nbytes <= self.limit_bytes:
            self._blocks[name] = block
            self.num_bytes += block.nbytes

    def _trim(self) -> None:
        while self.num_bytes > self.limit_bytes:
            _, block = self._blocks.popitem(last=False)
            self.num_bytes -= block.nbytes


def _name_blocks(root: str, token_ids: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield the name of each whole block, and where it ends."""
    name = root
    for stop in range(BLOCK_TOKENS, len(token_ids) + 1, BLOCK_TOKENS):
        tokens = array("q", token_ids[stop - BLOCK_TOKENS : stop])
        name = hash_parts(name, tokens.tobytes())
        yield name, stop
