"""Sharding over processes with FSDP2, by hand: works on GPUs and, for tests, on CPUs.

accelerate configures it on a cluster (``scripts/launch``); without a GPU it falls back to
copies of the whole model without saying so, which this does not.
"""

from typing import Any

from torch import nn
from torch.distributed.fsdp import fully_shard


def shard_learner(learner: nn.Module, mesh: Any = None) -> nn.Module:
    """Shard a learner in place: every block on its own, what is left as one group.

    A block is a member of a list of layers; it is gathered when it runs and let go behind it.
    """
    for block in find_blocks(learner):
        fully_shard(block, mesh=mesh)
    fully_shard(learner, mesh=mesh, reshard_after_forward=False)
    return learner


def find_blocks(model: nn.Module) -> list[nn.Module]:
    """Return the repeated blocks of language model and encoders, outermost ones only."""
    blocks: list[nn.Module] = []
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) > 1:
            kinds = {type(child) for child in module}
            is_block = all(len(list(child.children())) > 1 for child in module)
            if len(kinds) == 1 and is_block:
                blocks += list(module)
    inner = {id(child) for block in blocks for child in block.modules() if child is not block}
    return [block for block in blocks if id(block) not in inner]
