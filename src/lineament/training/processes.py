"""Several processes of one run: what all of them know, and what none decides alone."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def is_shared() -> bool:
    """Say whether other processes work on the same run, and can be asked."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather_objects(value: Any) -> list[Any]:
    """Return what every process brings, in their order; all of them must call this."""
    if not is_shared():
        return [value]
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, value)
    return gathered


def any_process(flags: Sequence[bool]) -> list[bool]:
    """Say for each flag whether any process has raised it; all of them must call this."""
    if not is_shared():
        return list(flags)
    return [value > 0 for value in _reduce([float(flag) for flag in flags], dist.ReduceOp.MAX)]


def largest(value: float) -> float:
    """Return the largest of all processes' numbers; all of them must call this."""
    return _reduce([value], dist.ReduceOp.MAX)[0] if is_shared() else value


def mean_of(value: float) -> float:
    """Return the mean of all processes' numbers; one that is not finite makes it so."""
    if not is_shared():
        return value
    return _reduce([value], dist.ReduceOp.SUM)[0] / dist.get_world_size()


def _reduce(values: Sequence[float], operation: Any) -> list[float]:
    device = "cuda" if "nccl" in dist.get_backend() else "cpu"
    shared: Tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(shared, operation)
    return shared.tolist()
