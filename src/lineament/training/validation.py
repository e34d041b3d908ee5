"""Losses on held-out examples, by kind and level, and which experts their clips use."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from lineament.model.experts import ExpertUse
from lineament.training.journal import EXPERTS, OTHER, LossTable
from lineament.training.stage_run import inner_model
from lineament.training.stream import Stream


@torch.no_grad()
def validate(
    learner: nn.Module,
    objective: Any,
    stream: Stream,
    *,
    batch_size: int,
    skipped: list[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """Return mean losses as `LossTable.means` does; the learner is left as it was.

    What could not be used is added to ``skipped``, id and reason. Where clips pass experts, the
    share of each comes along, by the kinds of what is said about the clips. A clip counts once
    for each of its dialogues.
    """
    device = next(learner.parameters()).device
    was_training = learner.training
    learner.eval()
    table = LossTable()
    use: ExpertUse | None = None
    for start in range(0, len(stream), batch_size):
        stop = min(start + batch_size, len(stream))
        batch = objective.collate([stream[position] for position in range(start, stop)])
        groups = batch["groups"]
        if skipped is not None:
            skipped += batch["skipped"]
        tensors = {
            name: value.to(device)
            for name, value in batch.items()
            if isinstance(value, torch.Tensor) and name != "num_items"
        }
        outputs = learner(**tensors)
        table.add(outputs["losses"], outputs["group_ids"], groups)
        if outputs["expert_ids"] is not None and "clip_kinds" in batch:
            use = use or ExpertUse(int(inner_model(learner).config.num_experts))
            add_clips(use, outputs["expert_ids"], batch["clip_kinds"])
    learner.train(was_training)
    return table.means() | ({} if use is None else {EXPERTS: use.shares()})


def add_clips(
    use: ExpertUse,
    expert_ids: Int[Tensor, "clips tokens top_k"],
    clip_kinds: Sequence[Sequence[str]],
) -> None:
    """Count the experts of every clip for the kinds of what is said about it."""
    for row, kinds in zip(expert_ids, clip_kinds, strict=True):
        for kind in kinds:
            use.add(row, kind or OTHER)
