"""Runs of a signal: where it is on, with hysteresis, and where it swings to and fro."""

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

Span = tuple[float, float]  # half-open, seconds


def find_runs(
    signal: Float[np.ndarray, " frames"], *, on: float, off: float
) -> list[tuple[int, int]]:
    """Find half-open runs of frames that reach `on` and stay at `off` or more.

    A run begins at the first frame of at least `off` from which `on` is reached without a fall
    below it. NaN ends a run.
    """
    above = np.nan_to_num(signal, nan=-np.inf) >= off
    runs = runs_of(above)
    return [(start, stop) for start, stop in runs if np.nanmax(signal[start:stop]) >= on]


def runs_of(mask: Bool[np.ndarray, " frames"]) -> list[tuple[int, int]]:
    """Return the half-open runs of True."""
    padded = np.concatenate([[False], mask, [False]]).astype(np.int8)
    edges = np.diff(padded)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def spans_from_runs(
    runs: Sequence[tuple[int, int]],
    times_seconds: Float[np.ndarray, " frames"],
    frame_seconds: float,
) -> list[Span]:
    """Turn runs of frames into spans of seconds; a frame lasts until the next one."""
    return [
        (float(times_seconds[start]), float(times_seconds[stop - 1]) + frame_seconds)
        for start, stop in runs
    ]


def join_spans(spans: Sequence[Span], gap_seconds: float) -> list[Span]:
    """Join spans that lie closer together than `gap_seconds`."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] < gap_seconds:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def keep_spans(
    spans: Sequence[Span], *, min_seconds: float, max_seconds: float = float("inf")
) -> list[Span]:
    """Drop spans that are too short or too long; a microsecond of rounding is forgiven."""
    return [s for s in spans if min_seconds - 1e-6 <= s[1] - s[0] <= max_seconds + 1e-6]


def drop_overlapping(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Drop spans that share any moment with one of the others."""
    return [s for s in spans if not any(min(s[1], o[1]) > max(s[0], o[0]) for o in others)]


def smooth(
    signal: Float[np.ndarray, " frames"],
    times_seconds: Float[np.ndarray, " frames"],
    seconds: float,
) -> Float[np.ndarray, " frames"]:
    """Average over a centred window of about `seconds`; NaN frames are left out of it."""
    if len(signal) < 3:
        return signal.copy()
    step = max(float(np.median(np.diff(times_seconds))), 1e-3)
    half = max(round(seconds / step / 2), 0)
    if half == 0:
        return signal.copy()
    kernel = np.ones(2 * half + 1)
    known = ~np.isnan(signal)
    # Not mode="same": that gives as many values as the longer of the two has.
    here = slice(half, half + len(signal))
    total = np.convolve(np.where(known, signal, 0.0), kernel)[here]
    count = np.convolve(known.astype(float), kernel)[here]
    return np.where(known, total / np.maximum(count, 1.0), np.nan)


def find_swings(
    signal: Float[np.ndarray, " frames"], *, least: float
) -> list[tuple[int, int, float]]:
    """Find monotone movements between turning points, ignoring wobbles smaller than `least`.

    Returns:
        ``(first frame, last frame, change)`` of each swing, in order; neighbours alternate in
        sign and share a turning point.
    """
    known = np.flatnonzero(~np.isnan(signal))
    if len(known) < 2:
        return []
    turns = [int(known[0])]
    extreme = int(known[0])
    direction = 0
    for frame in known[1:]:
        frame = int(frame)
        change = signal[frame] - signal[extreme]
        if direction == 0:
            if abs(signal[frame] - signal[turns[0]]) >= least:
                direction = 1 if signal[frame] > signal[turns[0]] else -1
                extreme = frame
        elif change * direction >= 0:
            extreme = frame
        elif abs(change) >= least:
            turns.append(extreme)
            direction, extreme = -direction, frame
    if direction:
        turns.append(extreme)
    return [
        (first, last, float(signal[last] - signal[first]))
        for first, last in zip(turns, turns[1:], strict=False)
    ]


def trim_swing(
    signal: Float[np.ndarray, " frames"], first: int, last: int, *, share: float = 0.1
) -> tuple[int, int]:
    """Narrow a swing to where it really moves: from `share` to 1 - `share` of its change."""
    change = signal[last] - signal[first]
    progress = (signal[first : last + 1] - signal[first]) / change
    started = np.flatnonzero(progress <= share)
    ended = np.flatnonzero(progress >= 1.0 - share)
    begin = first + (int(started[-1]) if len(started) else 0)
    end = first + (int(ended[0]) if len(ended) else last - first)
    return begin, max(end, begin + 1)


def rolling_percentile(
    signal: Float[np.ndarray, " frames"],
    times_seconds: Float[np.ndarray, " frames"],
    *,
    seconds: float,
    percentile: float,
) -> Float[np.ndarray, " frames"]:
    """Return a percentile of the signal in a centred window of about `seconds`."""
    if len(signal) < 3:
        return signal.copy()
    step = max(float(np.median(np.diff(times_seconds))), 1e-3)
    half = max(round(seconds / step / 2), 1)
    padded = np.pad(signal.astype(np.float64), half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a window of NaN alone gives NaN
        return np.nanpercentile(windows, percentile, axis=1)
