"""What a drawing model reads, as ids: pictures with prompts, and pictures with questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lineament.errors import BadInput
from lineament.model.layout import IGNORED_LABEL, understanding_ids
from lineament.training.unified_examples import AskingExample


@dataclass(frozen=True, slots=True)
class EncodedDrawing:
    """Codes, and both of their texts as ids; the long one is read when a batch wants it."""

    id: str
    codes: Int[Tensor, " codes"]
    prompt: list[int]
    read_caption: Callable[[], list[int]]


@dataclass(frozen=True, slots=True)
class EncodedAsking:
    """A row of codes with questions behind them, each a branch of its own.

    Attributes:
        id: The example's.
        input_ids: [mmu soi codes eoi] and then sot question answer eot, several times.
        labels: Of answers.
        weights: How much each label counts.
        branch_ids: 0 for what all questions see.
        position_ids: Start again behind the picture in every branch.
        whole: What the CLIP expert looks at.
        face: What the face expert looks at.
    """

    id: str
    input_ids: Int[Tensor, " tokens"]
    labels: Int[Tensor, " tokens"]
    weights: Float[Tensor, " tokens"]
    branch_ids: Int[Tensor, " tokens"]
    position_ids: Int[Tensor, " tokens"]
    whole: Float[Tensor, "cells dim"] | None
    face: Float[Tensor, " face_dim"] | None


@dataclass(frozen=True, slots=True)
class Branch:
    """One question behind a picture."""

    token_ids: list[int]
    num_asked: int
    start_weight: float


def join_branches(
    example: AskingExample, branches: Sequence[Branch], config: Any, row_tokens: int
) -> EncodedAsking:
    """Write a picture once and as many questions behind it as fit.

    Raises:
        BadInput: Not one fits.
    """
    codes = torch.from_numpy(example.codes.astype(np.int64))
    shared = understanding_ids(codes, [], config)[:-1]  # without the sot that each branch has
    ids, labels, weights = list(shared), [IGNORED_LABEL] * len(shared), [0.0] * len(shared)
    numbers, positions = [0] * len(shared), list(range(len(shared)))
    num_kept = 0
    for branch in branches:
        size = len(branch.token_ids)
        if len(ids) + size > row_tokens:
            continue
        num_kept += 1
        said = branch.token_ids[branch.num_asked :]
        ids += branch.token_ids
        labels += [IGNORED_LABEL] * branch.num_asked + said
        weights += [0.0] * branch.num_asked + [branch.start_weight] + [1.0] * (len(said) - 1)
        numbers += [num_kept] * size
        positions += range(len(shared), len(shared) + size)
    if not num_kept:
        raise BadInput(f"{example.id}: no question fits {row_tokens} tokens")
    return EncodedAsking(
        example.id,
        torch.tensor(ids),
        torch.tensor(labels),
        torch.tensor(weights),
        torch.tensor(numbers),
        torch.tensor(positions),
        None if example.whole is None else torch.from_numpy(example.whole.astype(np.float32)),
        None if example.face is None else torch.from_numpy(example.face.astype(np.float32)),
    )
