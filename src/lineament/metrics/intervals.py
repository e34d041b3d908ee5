"""Intervals: bootstrap over subjects, and the paired difference of two systems."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

NUM_RESAMPLES = 1000
LEVEL = 0.95
MAX_WEIGHTS = 4_000_000  # resamples are drawn in blocks, so that the memory stays small

Sums = Float[np.ndarray, "resamples stats"]
Statistic = Callable[[Any], Any]


class Interval(NamedTuple):
    """A figure and the ends of its interval.

    All are nan where there is nothing to measure, the ends where all is about one subject, of
    whose like nothing is known.
    """

    value: float
    low: float
    high: float


class Difference(NamedTuple):
    """A paired difference of two systems on the same items.

    Attributes:
        value: First minus second.
        low: Lower end of the interval.
        high: Upper end.
        p_value: Two-sided: how often resampling gives the other sign or nothing.

    Of one subject nothing but the value is known; the rest is nan.
    """

    value: float
    low: float
    high: float
    p_value: float


def bootstrap_interval(
    stats: Float[np.ndarray, "items stats"],
    statistic: Statistic,
    *,
    subjects: Sequence[Hashable] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Return a figure with its percentile interval.

    Whatever is a function of sums over items can be resampled quickly: accuracy from hits and
    counts, F1 from three counts, corpus BLEU from n-gram counts, a mean from values and ones.

    Args:
        stats: One row of summands per item.
        statistic: Summed rows, ``resamples x stats``, to one figure each.
        subjects: Whom each item is about; items of one subject are drawn together. Each item is
            its own subject when left out.
        num_resamples: How many times.
        seed: Equal seeds give equal intervals.
        level: Share of resamples inside.
    """
    sums = _sums_by_subject(stats, subjects)
    if len(sums) == 0:
        return Interval(np.nan, np.nan, np.nan)
    value = float(statistic(sums.sum(0, keepdims=True))[0])
    if len(sums) == 1:
        return Interval(value, np.nan, np.nan)
    drawn = _draw(sums, statistic, num_resamples, seed)
    low, high = _percentiles(drawn, level)
    return Interval(value, low, high)


def compare_paired(
    first: Float[np.ndarray, "items stats"],
    second: Float[np.ndarray, "items stats"],
    statistic: Statistic,
    *,
    subjects: Sequence[Hashable] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Difference:
    """Compare two systems that answered the same items, by resampling the same subjects.

    Args:
        first: Summands of one system, as in `bootstrap_interval`.
        second: Those of the other, in the same order.
        statistic: As in `bootstrap_interval`.
        subjects: As in `bootstrap_interval`.
        num_resamples: How many times.
        seed: Equal seeds give equal intervals.
        level: Share of resamples inside.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected the same items, got {first.shape} and {second.shape}")
    width = first.shape[1]
    sums = _sums_by_subject(np.concatenate([first, second], axis=1), subjects)
    if len(sums) == 0:
        return Difference(np.nan, np.nan, np.nan, np.nan)

    def differ(rows: Sums) -> Float[np.ndarray, " resamples"]:
        return np.asarray(statistic(rows[:, :width]) - statistic(rows[:, width:]))

    value = float(differ(sums.sum(0, keepdims=True))[0])
    if len(sums) == 1:
        return Difference(value, np.nan, np.nan, np.nan)
    drawn = _draw(sums, differ, num_resamples, seed)
    low, high = _percentiles(drawn, level)
    known = drawn[~np.isnan(drawn)]
    if len(known) == 0:
        return Difference(value, low, high, float("nan"))
    # One is added to both counts, so that no finite resampling claims certainty.
    below, above = int((known <= 0).sum()), int((known >= 0).sum())
    p_value = min(1.0, 2 * (min(below, above) + 1) / (len(known) + 1))
    return Difference(value, low, high, p_value)


def mean_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the mean, from columns of values and counts."""
    return divide(sums[:, 0], sums[:, 1])


def mean_stats(values: Float[np.ndarray, " items"]) -> Float[np.ndarray, "items 2"]:
    """Return the summands of `mean_of`."""
    return np.stack([np.asarray(values, np.float64), np.ones(len(values))], axis=1)


def divide(above: Float[np.ndarray, "*shape"], below: Float[np.ndarray, "*shape"]) -> Any:
    """Divide, with nan where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)


def _sums_by_subject(
    stats: Float[np.ndarray, "items stats"], subjects: Sequence[Hashable] | None
) -> Float[np.ndarray, "subjects stats"]:
    if subjects is None:
        return np.asarray(stats, np.float64)
    if len(subjects) != len(stats):
        raise ValueError(f"expected {len(stats)} subjects, got {len(subjects)}")
    places: dict[Hashable, int] = {}
    rows: Int[np.ndarray, " items"] = np.array(
        [places.setdefault(subject, len(places)) for subject in subjects], np.int64
    )
    sums = np.zeros((len(places), stats.shape[1]))
    np.add.at(sums, rows, stats)
    return sums


def _draw(
    sums: Float[np.ndarray, "subjects stats"], statistic: Statistic, num_resamples: int, seed: int
) -> Float[np.ndarray, " resamples"]:
    rng = np.random.default_rng(seed)
    num = len(sums)
    block = max(1, MAX_WEIGHTS // num)
    drawn: list[np.ndarray] = []
    for start in range(0, num_resamples, block):
        count = min(block, num_resamples - start)
        weights = np.empty((count, num))
        for row in weights:
            row[:] = np.bincount(rng.integers(0, num, num), minlength=num)
        drawn.append(np.asarray(statistic(weights @ sums), np.float64))
    return np.concatenate(drawn)


def _percentiles(drawn: Float[np.ndarray, " resamples"], level: float) -> tuple[float, float]:
    # A resample without any item of a class has no figure, and says nothing of its spread.
    known = drawn[~np.isnan(drawn)]
    if len(known) == 0:
        return float("nan"), float("nan")
    edge = (1 - level) / 2
    low, high = np.quantile(known, [edge, 1 - edge])
    return float(low), float(high)
