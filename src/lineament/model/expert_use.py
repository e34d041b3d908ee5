"""Which experts drawing and understanding use: counted by layer, as a table and a picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from lineament.model.experts import ExpertUse
from lineament.model.sequence_experts import EXPERTS
from lineament.model.token_experts import TASKS
from lineament.model.unif2ace import UniF2aceForFaces, UniF2aceOutput

_CELL_PX, _LEFT_PX, _TOP_PX = 22, 64, 40


@dataclass
class TaskUse:
    """Counts of both levels of experts, for both tasks.

    Attributes:
        num_experts: Routed experts of each task.
        token: By layer; sources are the tasks.
        sequence: Summed gates by layer and task, in the order of `EXPERTS`.
        num_images: Images of each task.
    """

    num_experts: int
    token: list[ExpertUse] = field(default_factory=list)
    sequence: list[dict[str, Tensor]] = field(default_factory=list)
    num_images: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TASKS, 0))

    def add(self, output: UniF2aceOutput, is_drawing: Tensor, has_image: Tensor) -> None:
        """Add one batch.

        Args:
            output: Of the network.
            is_drawing: Which rows draw.
            has_image: Which rows hold an image.
        """
        names = [TASKS[0] if draws else TASKS[1] for draws in is_drawing.tolist()]
        for layer, expert_ids in enumerate(output.expert_ids or ()):
            if len(self.token) <= layer:
                self.token.append(ExpertUse(self.num_experts))
            self.token[layer].add_rows(expert_ids, names)
        drawn = is_drawing[has_image].cpu()
        for task, rows in zip(TASKS, (drawn, ~drawn), strict=True):
            self.num_images[task] += int(rows.sum())
        for layer, gates in enumerate(output.sequence_gates or ()):
            if len(self.sequence) <= layer:
                self.sequence.append({task: torch.zeros(4) for task in TASKS})
            for task, rows in zip(TASKS, (drawn, ~drawn), strict=True):
                self.sequence[layer][task] += gates.detach().float().cpu()[rows].sum(dim=0)

    def token_shares(self, task: str) -> list[list[float]]:
        """Return each layer's use of the routed experts by a task; rows sum to 1."""
        return [use.shares().get(task, []) for use in self.token]

    def sequence_shares(self, task: str) -> list[dict[str, float]]:
        """Return each layer's mean gates by a task, by name of the expert."""
        count = max(1, self.num_images[task])
        return [
            dict(zip(EXPERTS[task], (sums[task] / count).tolist(), strict=True))
            for sums in self.sequence
        ]

    def to_dict(self) -> dict[str, dict[str, object]]:
        """Return everything as plain values, by task."""
        return {
            task: {
                "images": self.num_images[task],
                "token": self.token_shares(task),
                "sequence": self.sequence_shares(task),
            }
            for task in TASKS
        }


@torch.no_grad()
def count_expert_use(model: UniF2aceForFaces, batches: Iterable[Mapping[str, Tensor]]) -> TaskUse:
    """Run batches, as the model takes them, and count which experts they use."""
    config = model.config
    use = TaskUse(config.num_experts)
    for batch in batches:
        output = model(**{name: value for name, value in batch.items() if name != "labels"})
        ids = batch["input_ids"]
        is_drawing = (ids == config.special_id("t2i")).any(dim=1)
        has_image = (ids >= config.first_code_id).sum(dim=1) == config.num_codes
        use.add(output, is_drawing, has_image)
    return use


def draw_expert_use(use: TaskUse) -> UInt8[np.ndarray, "height width 3"]:
    """Draw one map for each task and level: layers down, experts across, darker is more."""
    from PIL import Image, ImageDraw, ImageFont

    maps = [(f"{task}, tokens", use.token_shares(task)) for task in TASKS]
    maps += [
        (f"{task}, images", [list(row.values()) for row in use.sequence_shares(task)])
        for task in TASKS
    ]
    maps = [(title, rows) for title, rows in maps if rows and rows[0]]
    widths = [max(_CELL_PX * len(rows[0]), 150) + _LEFT_PX for _, rows in maps]
    height = _TOP_PX + _CELL_PX * max((len(rows) for _, rows in maps), default=1) + 12
    image = Image.new("RGB", (sum(widths) or 200, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    left = 0
    for (title, rows), width in zip(maps, widths, strict=True):
        draw.text((left + _LEFT_PX, 8), title, fill="black", font=font)
        strongest = max(max(row, default=0.0) for row in rows) or 1.0
        for layer, row in enumerate(rows):
            y = _TOP_PX + layer * _CELL_PX
            draw.text((left + 12, y + 4), f"layer {layer}", fill="black", font=font)
            for number, share in enumerate(row):
                x = left + _LEFT_PX + number * _CELL_PX
                shade = round(255 * (1 - share / strongest))
                box = (x, y, x + _CELL_PX - 2, y + _CELL_PX - 2)
                draw.rectangle(box, fill=(shade, shade, 255 - (255 - shade) // 3))
        left += width
    return np.asarray(image).copy()


def write_expert_use(use: TaskUse, path: Path) -> Path:
    """Write the picture of `draw_expert_use`."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_expert_use(use)).save(path)
    return path
