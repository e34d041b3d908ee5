"""Muon: the matrices inside a network move along orthogonal directions, all else as with AdamW.

Jordan et al., 2024; rates as Liu et al., "Muon is scalable for LLM training", 2025, scale them, so
that they are of AdamW's size. ``torch.optim.Muon`` takes matrices alone, in an optimiser of their
own; here stacks of matrices (`ExpertBank`) move each by itself, filters of convolutions as one
matrix with a row for each channel that comes out, and one optimiser holds all.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from lineament.errors import BadInput
from lineament.training.recipe import Recipe

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NUM_ITERATIONS = 5
MOST_COLORS = 4  # filters of so many channels read a picture, or paint one
_AT_EDGES = ("embed", "position")  # what lies at a network's edges moves as with AdamW,
_EDGES = frozenset(("head", "lm_head", "router", "gate", "gates", "queries"))  # and what chooses


class Muon(Optimizer):
    """Muon for groups that say ``is_matrix``, AdamW for the others.

    Args:
        groups: Weights with ``lr``, ``weight_decay`` and ``is_matrix``; see `split_matrices`.
        betas: Of AdamW.
        eps: Of AdamW.
        momentum: Of Muon.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        momentum: float = MOMENTUM,
    ) -> None:
        defaults = {
            "lr": 1e-3, "weight_decay": 0.0, "betas": betas, "eps": eps, "momentum": momentum,
            "is_matrix": False, "fused": True,
        }  # fmt: skip
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Move every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights and group["is_matrix"]:
                self._turn(weights, group)
            elif weights:
                self._scale(weights, group)
        return loss

    def _turn(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Move matrices by their orthogonalised momentum."""
        rate = group["lr"]
        for weight in weights:
            grad, state = weight.grad, self.state[weight]
            assert grad is not None
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            state["momentum"].lerp_(grad, 1 - group["momentum"])
            update = as_matrices(grad.lerp(state["momentum"], group["momentum"]))
            scale = 0.2 * math.sqrt(max(update.shape[-2:]))
            weight.mul_(1 - rate * group["weight_decay"])
            weight.add_(orthogonalise(update).view_as(weight), alpha=-rate * scale)

    def _scale(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Move everything else as ``torch.optim.AdamW`` does."""
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] |= {
                    "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        states = [self.state[weight] for weight in weights]
        adamw(
            weights,
            [weight.grad for weight in weights],  # type: ignore[misc]
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


@torch.no_grad()
def orthogonalise(
    matrices: Float[Tensor, "*stack rows columns"],
) -> Float[Tensor, "*stack rows columns"]:
    """Bring all singular values near 1, from 0.7 to 1.2, by Newton and Schulz's iteration.

    In 16 bits, as ``torch.optim.Muon`` does.
    """
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    turned = matrices.bfloat16()
    turned = turned.mT if is_tall else turned
    turned = turned / turned.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    one, three, five = NEWTON_SCHULZ
    for _ in range(NUM_ITERATIONS):
        gram = turned @ turned.mT
        turned = one * turned + (three * gram + five * gram @ gram) @ turned
    return (turned.mT if is_tall else turned).to(matrices.dtype)


def as_matrices(weight: Tensor) -> Tensor:
    """Lay filters of a convolution out as a matrix; what is one, or a stack of them, stays."""
    return weight.flatten(1) if weight.ndim == 4 else weight


def is_inner_matrix(name: str, weight: Tensor) -> bool:
    """Say whether a weight maps features to features: a matrix, a stack of them, filters."""
    channels = weight.shape[:2] if weight.ndim == 4 else weight.shape[-2:]
    if weight.ndim not in (2, 3, 4) or min(channels) <= (MOST_COLORS if weight.ndim == 4 else 1):
        return False
    parts = name.lower().split(".")
    if parts[-1].endswith("bias"):  # those of a stack of experts
        return False
    is_edge = any(part in _EDGES or any(word in part for word in _AT_EDGES) for part in parts)
    return not is_edge


def refuse_shards(recipe: Recipe) -> None:
    """Refuse stages with Muon where weights are sharded: it needs matrices whole.

    Raises:
        BadInput: Naming the stage.
    """
    for stage in recipe.stages:
        if stage.optimizer == "muon":
            raise BadInput(
                f"stages.{stage.name}.optimizer: muon needs whole matrices, not shards of FSDP2",
                hint=f"--set stages.{stage.name}.optimizer=adamw, or launch without FSDP2",
            )


def split_matrices(groups: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Split the groups of `parameter_groups` into those of matrices and those of all else."""
    split = []
    for group in groups:
        pairs = list(zip(group["names"], group["params"], strict=True))
        for is_matrix in (True, False):
            chosen = [(n, w) for n, w in pairs if is_inner_matrix(n, w) == is_matrix]
            if chosen:
                names, weights = (list(values) for values in zip(*chosen, strict=True))
                split.append({**group, "names": names, "params": weights, "is_matrix": is_matrix})
    return split
