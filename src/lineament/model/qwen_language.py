"""Qwen's language models on wide tokens, which bring all that a picture's tokens need.

A visual token is wide: what the language model reads, what it adds behind its first layers, and
the token's row and column in its frame, counted from 1; text has zeros there. So whatever places
tokens among text, packs them or keeps them needs to know nothing of Qwen, and the language model
finds its positions by itself, whoever sees whom.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from lineament.model.favchat import AttentionMask

PLACE = 2  # row and column


class WideEmbedding(nn.Embedding):
    """Text as wide tokens."""

    num_more: int = 0

    def forward(self, input: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch wide"]:
        """Look tokens up; behind them are zeros."""
        return functional.pad(super().forward(input), (0, self.num_more))


class QwenDecoder(nn.Module):
    """Qwen's text model, reading wide tokens.

    Args:
        text_config: Its configuration.
        num_depths: Depths of the vision encoder that are added behind the first layers.
        token_grid: Rows and columns of a frame.
    """

    def __init__(self, text_config: Any, num_depths: int, token_grid: tuple[int, int]) -> None:
        super().__init__()
        self.text = AutoModel.from_config(text_config)
        self.dim, self.num_depths, self.token_grid = text_config.hidden_size, num_depths, token_grid
        old = self.text.embed_tokens
        embedding = WideEmbedding(old.num_embeddings, self.dim, old.padding_idx, device="meta")
        embedding.weight = old.weight
        embedding.num_more = num_depths * self.dim + PLACE
        self.text.embed_tokens = embedding

    def forward(
        self,
        inputs_embeds: Float[Tensor, "batch tokens wide"],
        attention_mask: AttentionMask = None,
        position_ids: Int[Tensor, "batch tokens"] | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Read wide tokens; ``position_ids`` count the tokens that each one sees before it."""
        words, more, places = inputs_embeds.split(
            [self.dim, self.num_depths * self.dim, PLACE], dim=-1
        )
        is_visual = places[..., 0] > 0
        earlier = getattr(past_key_values, "num_visual_seen", None)
        if earlier is None:
            earlier = torch.zeros_like(is_visual[:, 0], dtype=torch.long)
        if position_ids is None:
            start = past_key_values.get_seq_length() if past_key_values is not None else 0
            counted: Tensor = torch.arange(words.shape[1], device=words.device) + start
            position_ids = counted.expand(len(words), -1)
        seen = count_visual(is_visual, attention_mask) + earlier.unsqueeze(1)
        positions = place_in_frames(position_ids, seen, places, self.token_grid)
        if self.num_depths and is_visual.any():
            depths = more[is_visual].unflatten(-1, (self.num_depths, self.dim)).unbind(dim=1)
            kwargs |= {"visual_pos_masks": is_visual, "deepstack_visual_embeds": list(depths)}
        kwargs.pop("return_dict", None)
        output = self.text(
            inputs_embeds=words,
            attention_mask=attention_mask,
            position_ids=positions,
            past_key_values=past_key_values,
            **kwargs,
        )
        if output.past_key_values is not None:  # later tokens have to know how many came before
            output.past_key_values.num_visual_seen = earlier + is_visual.sum(dim=1)
        return output


class QwenLanguageModel(PreTrainedModel):
    """Qwen's text model with its head, as a causal language model of wide tokens."""

    base_model_prefix = "decoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _tied_weights_keys = {"lm_head.weight": "decoder.text.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: Any, num_depths: int, token_grid: tuple[int, int]) -> None:
        super().__init__(config)
        self.decoder = QwenDecoder(config, num_depths, token_grid)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_decoder(self) -> QwenDecoder:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return what reads, without the head."""
        return self.decoder

    def get_input_embeddings(self) -> nn.Module:
        """Return the embeddings, whose outputs are wide."""
        return self.decoder.text.embed_tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embeddings' weights."""
        self.decoder.text.embed_tokens = value

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the head."""
        self.lm_head = new_embeddings

    def forward(self, logits_to_keep: int | Tensor = 0, **kwargs: Any) -> CausalLMOutputWithPast:
        """Read wide tokens and score what comes next."""
        output = self.decoder(**kwargs)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        return CausalLMOutputWithPast(
            logits=self.lm_head(output.last_hidden_state[:, kept]),  # type: ignore[arg-type]
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


def count_visual(
    is_visual: Bool[Tensor, "batch tokens"], attention_mask: AttentionMask
) -> Int[Tensor, "batch tokens"]:
    """Count the visual tokens that each token sees, itself included."""
    if not isinstance(attention_mask, Tensor) or attention_mask.ndim != 4:
        return is_visual.long().cumsum(dim=1)
    last = attention_mask[:, 0, :, -is_visual.shape[1] :]  # a cache stands in front
    sees = last if last.dtype == torch.bool else last == 0
    return (sees & is_visual.unsqueeze(1)).sum(dim=-1)


def place_in_frames(
    position_ids: Int[Tensor, "batch tokens"],
    num_seen: Int[Tensor, "batch tokens"],
    places: Float[Tensor, "batch tokens 2"],
    token_grid: tuple[int, int],
) -> Int[Tensor, "3 batch tokens"]:
    """Return Qwen's positions: moment, row and column.

    A frame takes as many positions as its longer side has tokens, not as it has tokens. Its
    tokens all stand at its first position in time, and from there down and across in the picture
    (M-RoPE, arXiv 2409.12191, section 2.1).

    Args:
        position_ids: How many tokens each token sees before it.
        num_seen: How many of them are visual, itself included.
        places: Row and column from 1; zeros for text.
        token_grid: Of every frame.
    """
    rows, columns = token_grid
    row, column = (places[..., axis].long() - 1 for axis in range(2))
    is_visual = row >= 0
    whole_frames = torch.where(is_visual, num_seen - 1, num_seen) // (rows * columns)
    text = position_ids - whole_frames * (rows * columns - max(rows, columns))
    first = text - torch.where(is_visual, row * columns + column, 0)
    return torch.stack(
        [first, *(torch.where(is_visual, first + axis, first) for axis in (row, column))]
    )
