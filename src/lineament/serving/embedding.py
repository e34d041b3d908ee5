"""Embedding: the next tokens of several texts, visual tokens where the placeholders stand."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lineament.errors import BadInput
from lineament.model.media import MediaTokens
from lineament.serving.rows import Row


class RowEmbedder:
    """Turn tokens into what the network reads.

    Args:
        embed_tokens: The network's own embeddings.
        placeholder: Stands for visual tokens; None for a network that sees nothing.
    """

    def __init__(self, embed_tokens: Any, placeholder: int | None) -> None:
        self._embed_tokens, self._placeholder = embed_tokens, placeholder
        self._device = embed_tokens.weight.device

    def embed(
        self, rows: Sequence[Row], texts: Sequence[Sequence[int]]
    ) -> Float[Tensor, "rows queries dim"]:
        """Embed the next tokens of each row."""
        embeds = self._embed_tokens(torch.tensor(texts, device=self._device))
        for number, (row, text) in enumerate(zip(rows, texts, strict=True)):
            if row.media is None or self._placeholder is None or self._placeholder not in text:
                continue
            is_visual = torch.tensor([token == self._placeholder for token in text])
            num_wanted, real = int(is_visual.sum()), real_tokens(row.media)
            num_before = row.token_ids[: row.num_read].count(self._placeholder)
            # A placeholder that the model itself says repeats the clip's last token.
            first = min(num_before, len(real) - num_wanted)
            visual = real[first : first + num_wanted]
            embeds[number, is_visual.to(self._device)] = visual.to(embeds)
        return embeds

    def check_clip(self, prompt: Sequence[int], media: MediaTokens | None) -> None:
        """Refuse a prompt that does not fit its clip.

        Raises:
            BadInput: Placeholders and visual tokens do not match in number.
        """
        if self._placeholder is None:
            return
        num_wanted = prompt.count(self._placeholder)
        num_real = 0 if media is None else len(real_tokens(media))
        if num_wanted != num_real:
            raise BadInput(f"{num_wanted} frame placeholders, but {num_real} visual tokens")


def real_tokens(media: MediaTokens) -> Float[Tensor, "visual dim"]:
    """Return one clip's tokens without what only fills a batch."""
    assert media.visual_tokens is not None
    if media.visual_mask is None:
        return media.visual_tokens[0]
    return media.visual_tokens[0][media.visual_mask[0]]
