"""Measures: per-item summands of a figure, so that it can be resampled and compared in pairs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.errors import BadInput
from lineament.evaluation.result import Figure, figure_from_interval
from lineament.metrics.intervals import Difference, bootstrap_interval, compare_paired


@dataclass(frozen=True)
class Measure:
    """One figure before it is computed.

    Attributes:
        ids: The items it rests on.
        subjects: Whom they are about; resampled together.
        stats: Summands, a row per item.
        statistic: Sums to the figure; see `bootstrap_interval`.
        scale: 100 for percent.
        prior: What the best constant answer would give.
        num_positives: How many items are true, for yes/no.
        extra: Further entries of the figure.
        num_items: How many items it rests on, where a row of `stats` is more than one.
    """

    ids: Sequence[str]
    subjects: Sequence[str]
    stats: Float[np.ndarray, "items stats"]
    statistic: Callable[[Any], Any]
    scale: float = 1.0
    prior: float | None = None
    num_positives: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    num_items: int = 0

    @property
    def value(self) -> float:
        """The figure alone, unscaled and without an interval; nan where there is no item."""
        if not len(self.ids):
            return math.nan
        return float(self.statistic(np.asarray(self.stats, np.float64).sum(0, keepdims=True))[0])

    def figure(self) -> Figure:
        """Compute the figure and its interval."""
        interval = bootstrap_interval(self.stats, self.statistic, subjects=self.subjects)
        return figure_from_interval(
            interval, num_items=self.num_items or len(self.ids), num_positives=self.num_positives,
            prior=self.prior, scale=self.scale, extra=self.extra,
        )  # fmt: skip

    def minus(self, other: "Measure") -> Difference:
        """Compare with another system's measure of the same items.

        Raises:
            BadInput: They do not rest on the same items.
        """
        if list(self.ids) != list(other.ids):
            raise BadInput("the two sides do not rest on the same items")
        found = compare_paired(self.stats, other.stats, self.statistic, subjects=self.subjects)
        value, low, high = (part * self.scale for part in found[:3])
        return Difference(value, low, high, found.p_value)
