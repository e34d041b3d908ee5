"""Alignment before any text: the tokens of a scene take the language model's words for it.

A cell that holds a red ship becomes a token near the embeddings of "red" and "ship", and of the
words for where in the picture it lies; the sides of its box stand in directions of their own, digit
by digit as boxes are written. One comparison of a word with a token then serves all names, which a
language model that starts from nothing would otherwise learn name by name. What is faint in a token
is learned late or never: places took 3 % of what tokens differ by before they were aligned, and no
model found one.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.claims.scenes_words import read_scene_words
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.records.write.scenes.phrase import say_noun
from lineament.render.scenes.kinds import KINDS
from lineament.training.scene_encoder import (
    as_values,
    draw_batches,
    find_bins,
    flatten_cells,
    name_loss,
)
from lineament.training.scene_gallery import CELL_NAMES, SceneGallery

RATE, WEIGHT_DECAY, FIRST_SCALE, FIRST_THRESHOLD = 4e-3, 0.01, 10.0, 3.0
# As answers spell them: "in the top-left part".
PLACE_ROWS, PLACE_COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")
SIDES, DIGITS = 4, 10  # left, top, right, bottom: "0.47" is 4 tenths and 7 hundredths
TENTHS_WEIGHT, HUNDREDTHS_WEIGHT = 0.15, 0.4
NUM_DIRECTIONS = (
    len(CELL_NAMES),
    len(PLACE_ROWS) + len(PLACE_COLUMNS),
    SIDES * DIGITS,
    SIDES * DIGITS,
)


class Read(NamedTuple):
    """Scores of what tokens stand for.

    Attributes:
        names: What each holds.
        places: In which of three rows and of three columns it lies.
        tenths: For each side of its box, the first digit behind the point.
        hundredths: The second.
    """

    names: Float[Tensor, "*batch names"]
    places: Float[Tensor, "*batch 6"]
    tenths: Float[Tensor, "*batch 4 10"]
    hundredths: Float[Tensor, "*batch 4 10"]


class TokenReader(nn.Module):
    """Reads tokens by comparing them with directions; a scale and a threshold for each.

    Args:
        directions: Of length one: names, places, then tenths and hundredths for each side of a box.
    """

    directions: Tensor

    def __init__(self, directions: Float[Tensor, "directions dim"]) -> None:
        super().__init__()
        self.register_buffer("directions", directions)
        self.scale = nn.Parameter(torch.full((len(directions),), FIRST_SCALE))
        self.threshold = nn.Parameter(torch.full((len(directions),), FIRST_THRESHOLD))

    def forward(self, tokens: Float[Tensor, "*batch dim"]) -> Read:
        """Return scores of what each token stands for."""
        likeness = functional.normalize(tokens, dim=-1) @ self.directions.T
        scores = self.scale * likeness - self.threshold
        names, places, tenths, hundredths = scores.split(NUM_DIRECTIONS, dim=-1)
        sides = (SIDES, DIGITS)
        return Read(names, places, tenths.unflatten(-1, sides), hundredths.unflatten(-1, sides))


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
        seed: Decides the directions of sides, and the order.
        report: Told ``alignment`` and the step.
    """
    torch.manual_seed(seed)
    names = find_directions(model, tokenizer)
    places = find_places(model, tokenizer)
    digits = torch.randn(sum(NUM_DIRECTIONS[2:]), names.shape[1])
    sides = functional.normalize(digits, dim=-1)
    reader = TokenReader(torch.cat([names, places, sides]))
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
        loss = reading_loss(reader, tokens, cells, boxes)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        last = float(loss.detach())
        if report is not None:
            report("alignment", step + 1)
    return last


def reading_loss(
    reader: TokenReader,
    tokens: Float[Tensor, "pictures cells dim"],
    cells: np.ndarray,
    boxes: np.ndarray,
) -> Float[Tensor, ""]:
    """Return how badly tokens tell what cells hold, where they lie, and the sides of boxes."""
    read = reader(tokens)
    loss = name_loss(read.names, cells)
    wanted = place_targets(boxes.shape[1]).expand(len(tokens), -1, -1)
    loss = loss + functional.binary_cross_entropy_with_logits(read.places, wanted)
    has_box = flatten_cells(boxes)[..., 0] > 0
    if not has_box.any():
        return loss
    hundredths = side_hundredths(boxes)[has_box].flatten()
    for weight, scores, digit in (
        (TENTHS_WEIGHT, read.tenths, hundredths // DIGITS),
        (HUNDREDTHS_WEIGHT, read.hundredths, hundredths % DIGITS),
    ):
        loss = loss + weight * functional.cross_entropy(scores[has_box].flatten(0, 1), digit)
    return loss


def place_targets(grid: int) -> Float[Tensor, "cells 6"]:
    """Return in which third of the picture each cell lies: three rows, then three columns."""
    cells = torch.arange(grid * grid)
    thirds = [
        torch.div(3 * part, grid, rounding_mode="floor") for part in (cells // grid, cells % grid)
    ]
    return torch.cat([functional.one_hot(part, 3) for part in thirds], dim=1).float()


def side_hundredths(boxes: np.ndarray) -> Int[Tensor, "pictures cells 4"]:
    """Return where left, top, right and bottom of each box lie, in hundredths of the picture."""
    return find_bins(flatten_cells(boxes), boxes.shape[1], DIGITS**2)


@torch.no_grad()
def find_directions(
    model: FaVChatForConditionalGeneration, tokenizer: Any
) -> Float[Tensor, "names dim"]:
    """Return the direction of each name of a cell: its word's embedding, less the mean of all."""
    table = _table(model)
    words = [
        table[tokenizer(f" {say_cell_name(name)}", add_special_tokens=False)["input_ids"]].mean(0)
        for name in CELL_NAMES
    ]
    directions = torch.stack(words)
    return functional.normalize(directions - directions.mean(0), dim=-1)


@torch.no_grad()
def find_places(model: FaVChatForConditionalGeneration, tokenizer: Any) -> Float[Tensor, "6 dim"]:
    """Return the directions of the words for rows and columns, as answers spell them."""
    table = _table(model)

    def ids(row: str, column: str) -> list[int]:
        return tokenizer(f" {row}-{column}", add_special_tokens=False)["input_ids"]

    rows = [table[ids(row, "left")[0]] for row in PLACE_ROWS]
    columns = [table[ids("top", column)[-1]] for column in PLACE_COLUMNS]
    return functional.normalize(torch.stack([*rows, *columns]) - table.mean(0), dim=-1)


def _table(model: FaVChatForConditionalGeneration) -> Float[Tensor, "vocab dim"]:
    embeddings: Any = model.get_input_embeddings()
    return embeddings.weight.float()


def say_cell_name(name: str) -> str:
    """Return the words for what a cell holds: a class of objects, a land cover, or a color."""
    if name in KINDS:
        return say_noun(name)
    return read_scene_words()["cover"].get(name, [name])[0]
