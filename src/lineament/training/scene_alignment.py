"""Alignment before any text: the tokens of a scene take the language model's words for it.

A cell that holds a red ship becomes a token near the embeddings of "red" and "ship", and from
which the sides of its box can be read. One comparison of a word with a token then serves all
names, which a language model that starts from nothing would otherwise learn name by name.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from lineament.claims.scenes_words import read_scene_words
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.records.write.scenes.phrase import say_noun
from lineament.render.scenes.kinds import KINDS
from lineament.training.scene_encoder import (
    BIN_WEIGHT,
    SIDE_BINS,
    as_values,
    draw_batches,
    name_loss,
    place_loss,
)
from lineament.training.scene_gallery import CELL_NAMES, SceneGallery

RATE, WEIGHT_DECAY, FIRST_SCALE = 2e-3, 0.01, 10.0
READ_OUT, LIKENESS = 0.05, 0.6


class WordReader(nn.Module):
    """Reads tokens by comparing them with words; a scale and a threshold for each name.

    Args:
        words: One direction a name, of length one.
    """

    words: Tensor

    def __init__(self, words: Float[Tensor, "names dim"]) -> None:
        super().__init__()
        self.register_buffer("words", words)
        self.scale = nn.Parameter(torch.full((len(words),), FIRST_SCALE))
        self.threshold = nn.Parameter(torch.full((len(words),), 3.0))
        self.norm = nn.LayerNorm(words.shape[1])
        self.read_sides = nn.Linear(words.shape[1], 4 * SIDE_BINS)

    def forward(
        self, tokens: Float[Tensor, "pictures cells dim"]
    ) -> tuple[Float[Tensor, "pictures cells names"], Float[Tensor, "pictures cells 4 bins"]]:
        """Return scores of what each token stands for, and of where the sides of its box lie."""
        likeness = functional.normalize(tokens, dim=-1) @ self.words.T
        bins = self.read_sides(self.norm(tokens)).unflatten(-1, (4, SIDE_BINS))
        return self.scale * likeness - self.threshold, bins


def align_adapter(
    model: FaVChatForConditionalGeneration,
    tokenizer: Any,
    galleries: Sequence[SceneGallery],
    *,
    num_steps: int,
    seed: int = 0,
    report: Callable[[str, int], None] | None = None,
) -> float:
    """Train the adapter alone until its tokens stand for what cells hold; return the last loss.

    Args:
        model: Of scenes, its encoder taught; encoder and language model stay as they are.
        tokenizer: The model's.
        galleries: Pictures whose cells are known.
        num_steps: Batches of 48 pictures.
        seed: Decides first thresholds and order.
        report: Told ``alignment`` and the step.
    """
    torch.manual_seed(seed)
    reader = WordReader(find_directions(model, tokenizer))
    adapter, encoder = model.media.adapter, model.media.general_encoder
    assert adapter is not None
    assert encoder is not None
    weights = [*adapter.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=max(num_steps, 20), pct_start=0.1
    )
    rng = np.random.default_rng([seed, 5])
    model.eval()
    last = 0.0
    for step, (pixels, cells, boxes) in enumerate(draw_batches(galleries, num_steps, rng)):
        with torch.no_grad():
            seen = encoder(as_values(pixels))
        tokens = adapter(seen, None, torch.zeros(len(pixels), dtype=torch.bool)).tokens
        scores, bins = reader(tokens)
        loss = name_loss(scores, cells)
        if (boxes[..., 0] > 0).any():
            loss = loss + BIN_WEIGHT * place_loss(bins, boxes)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        last = float(loss.detach())
        if report is not None:
            report("alignment", step + 1)
    return last


@torch.no_grad()
def start_with_lookups(model: FaVChatForConditionalGeneration, num_layers: int = 2) -> None:
    """Let the first layers attend by likeness, and hand on what they find, before any training.

    Queries equal keys, and what is read out is what was written in, so that the word "ship" looks
    at tokens near the embedding of "ship". From random weights, questions about single objects
    stay at chance for a thousand steps; see ``docs/experiments.md``.
    """
    decoder: Any = model.language_model
    layers = getattr(decoder, "model", decoder).layers
    for layer in layers[:num_layers]:
        attention = layer.self_attn
        if attention.k_proj.weight.shape != attention.q_proj.weight.shape:
            continue  # several queries share a key
        nn.init.orthogonal_(attention.q_proj.weight)
        attention.k_proj.weight.copy_(attention.q_proj.weight)
        nn.init.orthogonal_(attention.v_proj.weight)
        attention.o_proj.weight.copy_(attention.v_proj.weight.T * READ_OUT)
        if hasattr(attention, "q_norm"):
            attention.q_norm.weight.fill_(LIKENESS)  # or a word would see but itself


@torch.no_grad()
def find_directions(
    model: FaVChatForConditionalGeneration, tokenizer: Any
) -> Float[Tensor, "names dim"]:
    """Return the direction of each name of a cell: its word's embedding, less the mean of all."""
    embeddings: Any = model.get_input_embeddings()
    table = embeddings.weight.float()
    words = [
        table[tokenizer(f" {say_cell_name(name)}", add_special_tokens=False)["input_ids"]].mean(0)
        for name in CELL_NAMES
    ]
    directions = torch.stack(words)
    return functional.normalize(directions - directions.mean(0), dim=-1)


def say_cell_name(name: str) -> str:
    """Return the words for what a cell holds: a class of objects, a land cover, or a color."""
    if name in KINDS:
        return say_noun(name)
    return read_scene_words()["cover"].get(name, [name])[0]
