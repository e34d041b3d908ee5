"""Spans of time: how well what is said to happen when fits what happens when."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Span = tuple[float, float]


def span_iou(first: Span, second: Span) -> float:
    """Return the shared length over the joint one; two equal moments share all."""
    union = max(first[1], second[1]) - min(first[0], second[0])
    if union <= 0:
        return 1.0 if first == second else 0.0
    return max(0.0, min(first[1], second[1]) - max(first[0], second[0])) / union


def match_spans(
    predicted: Sequence[Span], truth: Sequence[Span], *, min_iou: float = 0.5
) -> list[tuple[int, int]]:
    """Pair predicted with true spans, each at most once, as many as fit.

    Args:
        predicted: Spans said.
        truth: Spans that are.
        min_iou: What a pair must share at least.

    Returns:
        Pairs of positions. Their number is the largest possible; among those the sum of IoUs is.
    """
    if not predicted or not truth:
        return []
    ious: Float[np.ndarray, "predicted truth"] = np.array(
        [[span_iou(one, other) for other in truth] for one in predicted]
    )
    # A fitting pair is worth more than any sum of overlaps, so the count comes first.
    worth = np.where(ious >= min_iou, ious + min(len(predicted), len(truth)) + 1, 0.0)
    return [(i, j) for i, j in assign(worth) if ious[i, j] >= min_iou]


def count_spans(
    predicted: Sequence[Span], truth: Sequence[Span], *, min_iou: float = 0.5
) -> tuple[int, int, int]:
    """Count hits, false alarms and misses."""
    hits = len(match_spans(predicted, truth, min_iou=min_iou))
    return hits, len(predicted) - hits, len(truth) - hits


def assign(worth: Float[np.ndarray, "rows columns"]) -> list[tuple[int, int]]:
    """Pair rows with columns, each at most once, for the largest sum.

    Exact: shortest augmenting paths (Jonker and Volgenant 1987), cubic in the smaller side.
    """
    if worth.shape[0] > worth.shape[1]:
        return sorted((i, j) for j, i in assign(worth.T))
    num_rows, num_columns = worth.shape
    if num_columns == 1:
        return [(0, 0)] * num_rows
    cost = -worth
    row_price, column_price = np.zeros(num_rows + 1), np.zeros(num_columns + 1)
    row_at = np.zeros(num_columns + 1, np.int64)  # rows from 1; column 0 is where a search starts
    for row in range(1, num_rows + 1):
        row_at[0] = row
        column, before = 0, np.zeros(num_columns + 1, np.int64)
        slack = np.full(num_columns + 1, np.inf)
        is_done = np.zeros(num_columns + 1, bool)
        while row_at[column]:
            is_done[column] = True
            current = row_at[column]
            reduced = cost[current - 1] - row_price[current] - column_price[1:]
            better = (reduced < slack[1:]) & ~is_done[1:]
            slack[1:][better] = reduced[better]
            before[1:][better] = column
            open_slack = np.where(is_done, np.inf, slack)
            nearest = int(np.argmin(open_slack[1:])) + 1
            step = open_slack[nearest]
            row_price[row_at[is_done]] += step
            column_price[is_done] -= step
            slack[~is_done] -= step
            column = nearest
        while column:
            row_at[column] = row_at[before[column]]
            column = before[column]
    return sorted((int(row_at[c]) - 1, c - 1) for c in range(1, num_columns + 1) if row_at[c])


def order_agreement(predicted: Sequence[str], truth: Sequence[str]) -> float:
    """Return the longest common subsequence over the longer of two orders; both empty: 1."""
    longest = max(len(predicted), len(truth))
    return longest_common(predicted, truth) / longest if longest else 1.0


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    lengths = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for place, other in enumerate(second, start=1):
            above = lengths[place]
            lengths[place] = diagonal + 1 if word == other else max(above, lengths[place - 1])
            diagonal = above
    return lengths[-1]
