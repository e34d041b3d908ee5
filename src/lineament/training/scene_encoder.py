"""The encoder of scenes, taught before any text: what each cell of a picture holds, and where."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from lineament.model.convnet import ConvVisionConfig, ConvVisionModel
from lineament.training.scene_gallery import CELL_NAMES, SceneGallery

BATCH, RATE, WEIGHT_DECAY = 48, 3e-3, 0.05
BOX_WEIGHT = 4.0
SIDE_BINS, BIN_WEIGHT = 48, 0.1  # where in the picture the sides of a box are, coarsely
MAX_POSITIVE_WEIGHT = 8.0
UNKNOWN = 255


class CellReader(nn.Module):
    """A tower and a linear reading of each of its cells; the reading is thrown away later."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.tower = ConvVisionModel(ConvVisionConfig(**settings))
        dim = self.tower.config.hidden_size
        self.norm = nn.LayerNorm(dim)
        self.read = nn.Linear(dim, len(CELL_NAMES) + 4 + 4 * SIDE_BINS)

    def forward(
        self, pixel_values: Float[Tensor, "pictures 3 height width"]
    ) -> tuple[
        Float[Tensor, "pictures cells names"],
        Float[Tensor, "pictures cells 4"],
        Float[Tensor, "pictures cells 4 bins"],
    ]:
        """Return scores of what each cell holds, and the box of what is centred in it.

        The box comes twice: finely, about the cell, and as scores of where in the picture its left,
        top, right and bottom lie, coarsely.
        """
        states = self.tower(pixel_values).last_hidden_state
        names, box, bins = self.read(self.norm(states)).split(
            (len(CELL_NAMES), 4, 4 * SIDE_BINS), dim=-1
        )
        return names, box.sigmoid(), bins.unflatten(-1, (4, SIDE_BINS))


def train_scene_encoder(
    galleries: Sequence[SceneGallery],
    settings: Mapping[str, Any],
    out: Path,
    *,
    num_steps: int,
    seed: int = 0,
    report: Callable[[str, int], None] | None = None,
) -> float:
    """Teach a tower what cells hold, write it, and return the last loss.

    Args:
        galleries: Pictures whose cells are known.
        settings: Of `ConvVisionConfig`.
        out: Folder of the tower.
        num_steps: Batches of 48 pictures.
        seed: Decides first weights and order.
        report: Told ``encoder`` and the step.
    """
    torch.manual_seed(seed)
    reader = CellReader(settings)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=max(num_steps, 20), pct_start=0.1
    )
    rng = np.random.default_rng([seed, 3])
    last = 0.0
    reader.train()
    for step, batch in enumerate(draw_batches(galleries, num_steps, rng)):
        loss = cell_loss(reader, *batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        last = float(loss.detach())
        if report is not None:
            report("encoder", step + 1)
    reader.tower.eval().save_pretrained(out)
    return last


def draw_batches(
    galleries: Sequence[SceneGallery], count: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield pictures, what their cells hold, and boxes, of pictures whose cells are known."""
    places = [(g, i) for g in galleries for i in range(len(g)) if g.cells[i, 0, 0, 0] != UNKNOWN]
    for _ in range(count):
        chosen = [places[i] for i in rng.integers(0, len(places), min(BATCH, len(places)))]
        yield (
            np.stack([gallery.pixels[place] for gallery, place in chosen]),
            np.stack([gallery.cells[place] for gallery, place in chosen]),
            np.stack([gallery.boxes[place] for gallery, place in chosen]),
        )


def cell_loss(
    reader: CellReader, pixels: np.ndarray, cells: np.ndarray, boxes: np.ndarray
) -> Float[Tensor, ""]:
    """Return the loss of names by cell, rare ones counting more, and of the boxes' sides."""
    scores, sides, bins = reader(as_values(pixels))
    names = name_loss(scores, cells)
    wanted = flatten_cells(boxes)
    has_box = wanted[..., 0] > 0
    if not has_box.any():
        return names
    about = functional.smooth_l1_loss(sides[has_box], wanted[..., 1:][has_box], beta=0.05)
    return names + BOX_WEIGHT * about + BIN_WEIGHT * place_loss(bins, boxes)


def as_values(pixels: UInt8[np.ndarray, "pictures height width 3"]) -> Tensor:
    """Return pictures as the tower takes them: channels first, from -1 to 1."""
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1.0)


def flatten_cells(boxes: np.ndarray) -> Float[Tensor, "pictures cells 5"]:
    """Return the boxes of a grid in the order of tokens."""
    return torch.from_numpy(boxes.reshape(len(boxes), -1, 5).astype(np.float32))


def name_loss(
    scores: Float[Tensor, "pictures cells names"], cells: UInt8[np.ndarray, "pictures names r c"]
) -> Float[Tensor, ""]:
    """Return the loss of what cells hold; what is rare counts more."""
    truth = torch.from_numpy(cells.reshape(*cells.shape[:2], -1).astype(np.float32))
    truth = truth.transpose(1, 2)
    share = truth.mean((0, 1)).clamp(1e-3, 1)
    weight = ((1 - share) / share).sqrt().clamp(1.0, MAX_POSITIVE_WEIGHT)
    return functional.binary_cross_entropy_with_logits(scores, truth, pos_weight=weight)


def place_loss(
    bins: Float[Tensor, "pictures cells 4 bins"], boxes: np.ndarray
) -> Float[Tensor, ""]:
    """Return the loss of where sides are told to lie, over cells that have a box."""
    wanted = flatten_cells(boxes)
    has_box = wanted[..., 0] > 0
    places = find_bins(wanted, boxes.shape[1])[has_box]
    return functional.cross_entropy(bins[has_box].flatten(0, 1), places.flatten())


def find_bins(
    boxes: Float[Tensor, "pictures cells 5"], grid: int, num_bins: int = SIDE_BINS
) -> Int[Tensor, "pictures cells 4"]:
    """Return in which part of the picture the left, top, right and bottom of each box lie."""
    cells = torch.arange(grid * grid)
    corner = torch.stack([cells % grid, cells // grid], dim=1)
    middle, half = (corner + boxes[..., 1:3]) / grid, boxes[..., 3:5] / 2
    sides = torch.cat([middle - half, middle + half], dim=-1)
    return (sides * num_bins).long().clamp(0, num_bins - 1)
