"""Several samples in one row: who shares a row, who sees whom, and the batch as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lineament.model.processor import IGNORED_LABEL
from lineament.training.encoding import Encoded, Piece
from lineament.training.stream import Drawn

PADDING = -1


@dataclass(frozen=True, slots=True)
class AnswerCollator:
    """Lays the pieces of a batch into rows.

    Attributes:
        row_tokens: Rows hold at most so many tokens; 0 gives every piece a row of its own.
        pad_id: Fills rows up.
        tasks: Kinds that adapters have a route for; with any, every token is told its task.
    """

    row_tokens: int
    pad_id: int
    tasks: tuple[str, ...] = ()

    def __call__(self, drawn: Sequence[Drawn]) -> dict[str, Any]:
        """Make one batch.

        Clips come in the order in which rows show them, so that placing their tokens needs no
        search; ``clip_rows`` names the clip of each showing, ``clip_kinds`` the kinds of what is
        said about each clip.
        """
        samples = [sample.encoded for sample in drawn]
        pieces = [(n, piece) for n, sample in enumerate(samples) for piece in sample.pieces]
        rows = pack_rows([len(piece) for _, piece in pieces], self.row_tokens)
        first_group = _first_groups(samples)
        width = max(sum(len(pieces[i][1]) for i in row) for row in rows)
        laid = [_lay_row([pieces[i] for i in row], width, self.pad_id, first_group) for row in rows]
        batch: dict[str, Any] = {name: torch.stack([row[name] for row in laid]) for name in laid[0]}
        batch |= _stack_clips(samples, [pieces[i][0] for row in rows for i in row])
        batch["groups"] = [group for sample in samples for group in sample.groups]
        batch["skipped"] = [note for sample in drawn for note in sample.skipped]
        batch["num_samples"] = len(samples)
        if self.tasks:
            batch["task_ids"] = _find_tasks(batch, self.tasks)
        is_label = batch["labels"] != IGNORED_LABEL
        batch["num_items"] = (batch["label_weights"] * is_label).sum()
        return batch


def pack_rows(lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Share rows: as few as first fit needs, filled as evenly as their number allows.

    Rows of one batch are as wide as the fullest, so an uneven last row would be padding.
    """
    if not row_tokens:
        return [[index] for index in range(len(lengths))]
    longest_first = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    rows = _fit_first(lengths, longest_first, row_tokens)
    even: list[list[int]] = [[] for _ in rows]
    filled = [0] * len(rows)
    for index in longest_first:
        number = filled.index(min(filled))
        even[number].append(index)
        filled[number] += lengths[index]
    fits = max(filled) <= max(row_tokens, max(lengths))
    return [sorted(row) for row in (even if fits else rows)]


def _fit_first(lengths: Sequence[int], order: Sequence[int], row_tokens: int) -> list[list[int]]:
    rows: list[list[int]] = []
    room: list[int] = []
    for index in order:
        number = next((n for n, left in enumerate(room) if lengths[index] <= left), len(rows))
        if number == len(rows):
            rows.append([])
            room.append(max(row_tokens, lengths[index]))
        rows[number].append(index)
        room[number] -= lengths[index]
    return rows


def attend_mask(
    segment_ids: Int[Tensor, "rows tokens"], branch_ids: Int[Tensor, "rows tokens"]
) -> Bool[Tensor, "rows 1 tokens tokens"]:
    """Say which token (first axis) sees which (second axis).

    A token sees itself and what stands before it in its own segment, as far as that is shared
    or of its own branch. Padding is a segment of its own, so that no row of the mask is empty.
    """
    same_segment = segment_ids.unsqueeze(2) == segment_ids.unsqueeze(1)
    is_shared = (branch_ids == 0).unsqueeze(1)
    same_branch = branch_ids.unsqueeze(2) == branch_ids.unsqueeze(1)
    num_tokens = segment_ids.shape[1]
    causal = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=segment_ids.device).tril()
    return (same_segment & (is_shared | same_branch) & causal).unsqueeze(1)


def _first_groups(samples: Sequence[Encoded]) -> list[int]:
    first, total = [], 0
    for sample in samples:
        first.append(total)
        total += len(sample.groups)
    return first


def _lay_row(
    row: Sequence[tuple[int, Piece]], width: int, pad_id: int, first_group: Sequence[int]
) -> dict[str, Tensor]:
    columns = {
        "input_ids": ([piece.token_ids for _, piece in row], pad_id),
        "labels": ([piece.labels for _, piece in row], IGNORED_LABEL),
        "label_weights": ([piece.weights for _, piece in row], 0.0),
        "position_ids": ([piece.position_ids for _, piece in row], 0),
        "branch_ids": ([piece.branch_ids for _, piece in row], 0),
        "segment_ids": (
            [torch.full_like(piece.token_ids, n) for n, (_, piece) in enumerate(row)],
            PADDING,
        ),
        "group_ids": ([piece.group_ids + first_group[number] for number, piece in row], PADDING),
    }
    laid = {}
    for name, (parts, filler) in columns.items():
        values = torch.cat(parts)
        laid[name] = torch.cat([values, values.new_full((width - len(values),), filler)])
    return laid


def _find_tasks(batch: dict[str, Any], tasks: Sequence[str]) -> Int[Tensor, "rows tokens"]:
    """Return every token's task, 0 for tokens that several dialogues share and for padding."""
    known = {task: number for number, task in enumerate(tasks, start=1)}
    numbers = torch.tensor([known.get(kind, 0) for kind, _ in batch["groups"]])
    is_own = (batch["group_ids"] >= 0) & (batch["branch_ids"] > 0)
    return numbers[batch["group_ids"].clamp(min=0)] * is_own


def _stack_clips(samples: Sequence[Encoded], shown: Sequence[int]) -> dict[str, Any]:
    """Stack the clips of a batch once each, and say which is shown where."""
    order = [n for n in dict.fromkeys(shown) if samples[n].visual is not None]
    if not order:
        return {}
    clips = [samples[n].visual for n in order]
    row_of = {n: row for row, n in enumerate(order)}
    names = clips[0] or {}
    stacked: dict[str, Any] = {
        name: pad_stack([clip[name] for clip in clips if clip]) for name in names
    }
    stacked["clip_rows"] = torch.tensor([row_of[n] for n in shown if n in row_of])
    stacked["clip_kinds"] = [[kind for kind, _ in samples[n].groups] for n in order]
    return stacked


def pad_stack(values: Sequence[Tensor]) -> Tensor:
    """Stack values of different lengths, filled up with zeros."""
    longest = max(len(value) for value in values)
    return torch.stack(
        [
            torch.cat([value, value.new_zeros(longest - len(value), *value.shape[1:])])
            for value in values
        ]
    )
