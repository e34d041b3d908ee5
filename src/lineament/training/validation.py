"""Losses on held-out examples, by kind and level."""

from typing import Any

import torch
from torch import nn

from lineament.training.journal import LossTable
from lineament.training.stream import Stream


@torch.no_grad()
def validate(
    learner: nn.Module, objective: Any, stream: Stream, *, batch_size: int
) -> dict[str, Any]:
    """Return mean losses as `LossTable.means` does; the learner is left as it was."""
    device = next(learner.parameters()).device
    was_training = learner.training
    learner.eval()
    table = LossTable()
    for start in range(0, len(stream), batch_size):
        stop = min(start + batch_size, len(stream))
        batch = objective.collate([stream[position] for position in range(start, stop)])
        groups = batch["groups"]
        tensors = {
            name: value.to(device)
            for name, value in batch.items()
            if isinstance(value, torch.Tensor) and name != "num_items"
        }
        outputs = learner(**tensors)
        table.add(outputs["losses"], outputs["group_ids"], groups)
    learner.train(was_training)
    return table.means()
