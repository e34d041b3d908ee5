"""Sharding over processes with FSDP2, by hand: works on GPUs and, for tests, on CPUs.

``accelerate launch`` asks for it (``scripts/launch/fsdp2.yaml``), and the run does it: without
a GPU, accelerate falls back to copies of the whole model without saying so.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from lineament.model.lora import write_lora_settings
from lineament.training.folder import is_first_process, num_processes

ASKED_BY = "ACCELERATE_USE_FSDP"  # what ``accelerate launch`` sets
# Not every batch brings clips, or faces in them, so not every process runs these in every step.
_AT_TIMES = ("media",)


@contextmanager
def claim_shards() -> Iterator[bool]:
    """Say whether the launcher asks for shards, and keep that from accelerate meanwhile.

    It would shard a second time, and load weights in a way that a run does not.
    """
    asked = os.environ.pop(ASKED_BY, None)
    try:
        yield (asked or "").lower() in ("true", "1", "yes") and num_processes() > 1
    finally:
        if asked is not None:
            os.environ[ASKED_BY] = asked


def open_mesh() -> Any:
    """Return all processes in a row, as a mesh to shard over."""
    return init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (num_processes(),))


def shard_learner(learner: nn.Module, mesh: Any = None) -> nn.Module:
    """Shard a learner in place: blocks on their own, what is left as one group.

    A block is a member of a list of layers that every step runs; it is gathered when it runs and
    let go behind it. What is left is gathered by every process in every step, and every weight
    in it has a gradient, zero where the batch had no use for it: processes whose batches differ
    still wait for each other at the same places.
    """
    blocks = find_blocks(learner)
    inside = {id(module) for block in blocks for module in block.modules()}
    rest = [module for module in learner.modules() if id(module) not in inside]
    learner.register_forward_hook(_Touch(rest))
    for block in blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(learner, mesh=mesh, reshard_after_forward=False)
    return learner


def find_blocks(model: nn.Module) -> list[nn.Module]:
    """Return the repeated blocks that every step runs, outermost ones only."""
    blocks: list[nn.Module] = []
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) > 1:
            kinds = {type(child) for child in module}
            is_block = all(len(list(child.children())) > 1 for child in module)
            if len(kinds) == 1 and is_block and not set(_AT_TIMES) & set(name.split(".")):
                blocks += list(module)
    inner = {id(child) for block in blocks for child in block.modules() if child is not block}
    return [block for block in blocks if id(block) not in inner]


class _Touch:
    """Adds nothing to a loss, from every weight that trains."""

    def __init__(self, modules: list[nn.Module]) -> None:
        self.places = [
            (module, name) for module in modules for name, _ in module.named_parameters("", False)
        ]

    def __call__(self, learner: nn.Module, inputs: Any, outputs: dict[str, Any]) -> None:
        del learner, inputs
        if not torch.is_grad_enabled():
            return
        # Looked up at every step: the gathered weights are other tensors than the shards.
        weights = [getattr(module, name) for module, name in self.places]
        firsts = [weight.reshape(-1)[0].float() for weight in weights if weight.requires_grad]
        if firsts:
            outputs["loss_sum"] = outputs["loss_sum"] + 0.0 * torch.stack(firsts).sum()


def is_sharded(module: nn.Module) -> bool:
    """Say whether a network's weights are spread over processes."""
    return any(isinstance(weight, DTensor) for weight in module.parameters())


def reshard(learner: nn.Module) -> None:
    """Let go what a forward pass without a backward one has left gathered."""
    for module in learner.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def gather_full(value: Any) -> Any:
    """Return a nested value with whole tensors in place of shards; all processes must call this.

    Only the first process gets them; the others get None in their place.
    """
    if isinstance(value, DTensor):
        whole = value.full_tensor()
        return whole.cpu() if is_first_process() else None
    if isinstance(value, Mapping):
        return {key: gather_full(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(gather_full(part) for part in value)
    return value


def shard_like(whole: Tensor, like: Tensor) -> Tensor:
    """Return this process's shard of a whole tensor, where the other tensor is sharded."""
    if not isinstance(like, DTensor):
        return whole
    mesh = like.device_mesh
    placed = whole.to(mesh.device_type)
    return distribute_tensor(placed, mesh, like.placements, src_data_rank=None)


def save_whole(model: Any, processor: Any, folder: Path) -> None:
    """Write a model, sharded or not, in one piece; all processes must call this, one writes."""
    state = _gather_state(model) if is_sharded(model) else None
    if not is_first_process():
        return
    model.save_pretrained(folder, state_dict=state)
    write_lora_settings(model, folder)
    if processor is not None:
        processor.save_pretrained(folder)


def _gather_state(model: nn.Module) -> dict[str, Any]:
    """Return a model's whole weights; one with several names stays one tensor."""
    wholes: dict[int, Any] = {}
    state: dict[str, Any] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in wholes:
            wholes[id(value)] = gather_full(value.detach())
        state[name] = wholes[id(value)]
    return state
