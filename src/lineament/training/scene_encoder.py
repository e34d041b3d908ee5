"""The encoder of scenes, taught before any text: what each cell of a picture holds, and where."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from lineament.model.convnet import ConvVisionConfig, ConvVisionModel
from lineament.training.scene_gallery import CELL_NAMES, SceneGallery

BATCH, RATE, WEIGHT_DECAY = 48, 3e-3, 0.05
BOX_WEIGHT = 4.0
MAX_POSITIVE_WEIGHT = 8.0
UNKNOWN = 255


class CellReader(nn.Module):
    """A tower and a linear reading of each of its cells; the reading is thrown away later."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.tower = ConvVisionModel(ConvVisionConfig(**settings))
        dim = self.tower.config.hidden_size
        self.norm = nn.LayerNorm(dim)
        self.read = nn.Linear(dim, len(CELL_NAMES) + 4)

    def forward(
        self, pixel_values: Float[Tensor, "pictures 3 height width"]
    ) -> tuple[Float[Tensor, "pictures cells names"], Float[Tensor, "pictures cells 4"]]:
        """Return scores of what each cell holds, and the box of what is centred in it."""
        states = self.tower(pixel_values).last_hidden_state
        found = self.read(self.norm(states))
        return found[..., : len(CELL_NAMES)], found[..., len(CELL_NAMES) :].sigmoid()


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
        optimizer, RATE, total_steps=max(num_steps, 2), pct_start=0.1
    )
    rng = np.random.default_rng([seed, 3])
    places = [(g, i) for g in galleries for i in range(len(g)) if g.cells[i, 0, 0, 0] != UNKNOWN]
    last = 0.0
    reader.train()
    for step in range(num_steps):
        chosen = rng.integers(0, len(places), min(BATCH, len(places)))
        pixels = np.stack([places[i][0].pixels[places[i][1]] for i in chosen])
        cells = np.stack([places[i][0].cells[places[i][1]] for i in chosen])
        boxes = np.stack([places[i][0].boxes[places[i][1]] for i in chosen])
        loss = cell_loss(reader, pixels, cells, boxes)
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


def cell_loss(
    reader: CellReader, pixels: np.ndarray, cells: np.ndarray, boxes: np.ndarray
) -> Float[Tensor, ""]:
    """Return the loss of names by cell, rare ones counting more, and of the boxes' sides."""
    values = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1.0)
    scores, sides = reader(values)
    truth = torch.from_numpy(cells.reshape(*cells.shape[:2], -1).astype(np.float32))
    truth = truth.transpose(1, 2)
    share = truth.mean((0, 1)).clamp(1e-3, 1)
    weight = ((1 - share) / share).sqrt().clamp(1.0, MAX_POSITIVE_WEIGHT)
    names = functional.binary_cross_entropy_with_logits(scores, truth, pos_weight=weight)
    wanted = torch.from_numpy(boxes.reshape(len(boxes), -1, 5).astype(np.float32))
    has_box = wanted[..., 0] > 0
    if not has_box.any():
        return names
    return names + BOX_WEIGHT * functional.smooth_l1_loss(
        sides[has_box], wanted[..., 1:][has_box], beta=0.05
    )
