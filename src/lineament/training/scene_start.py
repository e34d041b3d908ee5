"""First weights with which a language model looks before it can speak.

From chance alone, a small model learns which words follow which long before it learns to look, and
what it had been given to look with is lost on the way. So three layers are laid by hand:

- the first *gathers*: at the end of "where is the red ship?" it puts the words that cells can hold;
- the next two *look* at tokens of the picture that are like what was gathered, and hand on what
  these hold. All of it is linear, so that a head over the last layer can read places at once.

Directions set apart what must not be confused: *text* from tokens of the picture (a word is most
like itself), and *names*, words that cells can hold, from the rest. Rotary positions turn most of
a query's channels away over a hundred tokens, so only slow ones compare. Everything that this
lays is large beside what training adds at first, and norms take the size away again.

What comes of it is in ``docs/experiments.md``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.training.scene_alignment import say_cell_name
from lineament.training.scene_encoder import as_values
from lineament.training.scene_gallery import CELL_NAMES, SceneGallery

SIZE = 12.0  # of embeddings, over what chance gives
PICTURE_SIZE = 8.0  # of the picture's tokens, over embeddings: what layers add must not drown them
MARK = 0.58  # of an embedding's length, along the direction that sets text apart
SLOW = 0.004  # radians a token: channels that turn faster compare nothing
FIRST_STD = 0.02  # of what is left to chance
NUM_SAMPLED = 200


class Lookup(NamedTuple):
    """One layer's attention.

    Attributes:
        read_out: How much of what is attended to is handed on.
        sharpness: Of attention.
        looks: At the picture; otherwise it gathers words.
    """

    read_out: float
    sharpness: float
    looks: bool = True


LAYERS = (Lookup(0.03, 4.0, looks=False), Lookup(0.05, 12.0), Lookup(0.3, 12.0))
LOOK_MARK, NAME_MARK, TEXT_MARK = 2.0, 1.0, 0.25  # of keys, along their directions
GATHER_MARK = 0.5  # of the gathering layer's queries


class Marks(NamedTuple):
    """Directions of length one, at right angles: all text, and words that cells can hold."""

    text: Float[Tensor, " dim"]
    names: Float[Tensor, " dim"]


@torch.no_grad()
def start_looking(
    model: FaVChatForConditionalGeneration,
    tokenizer: Any,
    galleries: Sequence[SceneGallery],
    *,
    seed: int = 0,
) -> None:
    """Lay the first layers of a model whose adapter has been aligned.

    Args:
        model: Of scenes; its language model has a head of its own, norms of queries and keys, and
            as many keys as queries.
        tokenizer: The model's.
        galleries: Pictures by which the adapter's tokens are centred.
        seed: Decides directions and what is left to chance.

    Raises:
        BadInput: The language model is of another kind.
    """
    torch.manual_seed(seed)
    decoder: Any = model.language_model
    layers = getattr(decoder, "model", decoder).layers
    for layer in layers[: len(LAYERS)]:
        _require_fit(layer.self_attn, is_tied=model.config.text_config.tie_word_embeddings)
    table: Any = model.get_input_embeddings().weight
    length = float(table.norm(dim=1).mean())
    marks = _draw_marks(table.shape[1])
    _centre_picture(model, galleries, length, marks)
    _mark_words(table, marks, _name_ids(tokenizer), length)
    head: Any = model.get_output_embeddings()
    head.weight.copy_(table - table.mean(0))
    table.mul_(SIZE)
    slow = slow_channels(model.config.text_config)
    for layer, lookup in zip(layers, LAYERS, strict=False):
        _lay(layer.self_attn, lookup, marks, slow)


def slow_channels(config: Any) -> list[int]:
    """Return the pairs of a head's channels that rotary positions hardly turn, slowest last."""
    half = config.head_dim // 2
    base = float(config.rope_parameters["rope_theta"])
    return [place for place in range(half) if base ** (-place / half) < SLOW]


def _require_fit(attention: Any, *, is_tied: bool) -> None:
    has_norms = hasattr(attention, "q_norm") and hasattr(attention, "k_norm")
    is_square = attention.k_proj.weight.shape == attention.q_proj.weight.shape
    if is_tied or not has_norms or not is_square:
        raise BadInput(
            "lookups need a language model with norms of queries and keys, and a head of its own",
            hint="Qwen3's shape, tie_word_embeddings false, num_key_value_heads as many as heads",
        )


def _draw_marks(dim: int) -> Marks:
    both, _ = torch.linalg.qr(torch.randn(dim, 2))
    return Marks(both[:, 0].contiguous(), both[:, 1].contiguous())


def _centre_picture(
    model: Any, galleries: Sequence[SceneGallery], length: float, marks: Marks
) -> None:
    """Give the adapter's tokens their size, and as their mean what sets them apart from text."""
    adapter, encoder = model.media.adapter, model.media.general_encoder
    gallery = galleries[0]
    pixels = np.array(gallery.pixels[: min(NUM_SAMPLED, len(gallery))])
    model.eval()
    nobody = torch.zeros(len(pixels), dtype=torch.bool)
    tokens = adapter(encoder(as_values(pixels)), None, nobody).tokens
    mean = tokens.mean((0, 1))
    size = SIZE * PICTURE_SIZE * length
    scale = size / float((tokens - mean).norm(dim=-1).mean())
    last: nn.Linear = adapter.mlp.down
    last.weight.mul_(scale)
    last.bias.copy_(scale * (last.bias - mean) - MARK * size * marks.text)


def _mark_words(table: Tensor, marks: Marks, names: Sequence[int], length: float) -> None:
    for mark in marks:
        table.sub_((table @ mark)[:, None] * mark)
    table.add_(MARK * length * marks.text)
    table[list(names)] += MARK * length * marks.names


def _name_ids(tokenizer: Any) -> list[int]:
    """Return the tokens of which the names of cells are made, one of them or many."""
    words = [say_cell_name(name) for name in CELL_NAMES]
    texts = [f" {word}{ending}" for word in words for ending in ("", "s")]
    return sorted(
        {i for text in texts for i in tokenizer(text, add_special_tokens=False)["input_ids"]}
    )


def _lay(attention: Any, lookup: Lookup, marks: Marks, slow: Sequence[int]) -> None:
    query, key = attention.q_proj.weight, attention.k_proj.weight
    dim, width = query.shape[1], attention.head_dim
    heads = query.shape[0] // width
    nn.init.normal_(query, std=FIRST_STD)
    nn.init.normal_(key, std=FIRST_STD)
    content = torch.eye(dim) - torch.outer(marks.text, marks.text)
    content -= torch.outer(marks.names, marks.names)
    # Of the slowest pair the first channel compares marks, and all others what stands in tokens.
    channels = torch.tensor([*slow[:-1], *(place + width // 2 for place in slow)])
    shared = torch.empty(heads * len(channels), dim)
    nn.init.orthogonal_(shared)
    shared = (shared @ content).unflatten(0, (heads, -1))
    for head in range(heads):
        first = head * width
        if lookup.looks:
            query[first + channels] = shared[head]
            key[first + channels] = shared[head]
            query[first + slow[-1]] = -LOOK_MARK * marks.text
            key[first + slow[-1]] = LOOK_MARK * marks.text
        else:
            query[first + slow[-1]] = GATHER_MARK * marks.text
            key[first + slow[-1]] = NAME_MARK * marks.names + TEXT_MARK * marks.text
    value = torch.empty(dim, dim)
    nn.init.orthogonal_(value)
    value = value @ content
    attention.v_proj.weight.copy_(value)
    attention.o_proj.weight.copy_(SIZE * lookup.read_out * value.T)
    attention.q_norm.weight.fill_(lookup.sharpness)
    attention.k_norm.weight.fill_(1.0)
