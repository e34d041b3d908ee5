import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.faces.spans import (
    find_runs,
    find_swings,
    join_spans,
    keep_spans,
    runs_of,
    smooth,
    spans_from_runs,
    trim_swing,
)

quick = settings(max_examples=80, deadline=None)
LEVELS = st.floats(0, 1).map(lambda x: round(x, 2))
SIGNALS = st.lists(LEVELS | st.just(float("nan")), max_size=40).map(np.array)
SPANS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 20)).map(lambda s: (s[0] / 4, (s[0] + s[1]) / 4)),
    max_size=10,
)


@quick
@given(SIGNALS)
def test_runs_begin_and_end_at_off_and_reach_on(signal):
    signal = signal.astype(float)
    runs = find_runs(signal, on=0.7, off=0.4)
    for start, stop in runs:
        inside = signal[start:stop]
        assert np.all(inside >= 0.4)
        assert inside.max() >= 0.7
        assert start == 0 or not signal[start - 1] >= 0.4
        assert stop == len(signal) or not signal[stop] >= 0.4
    covered = {frame for start, stop in runs for frame in range(start, stop)}
    assert covered >= set(np.flatnonzero(signal >= 0.7).tolist())


@quick
@given(st.lists(st.booleans(), max_size=30))
def test_runs_of_true_are_exactly_the_true_frames(mask):
    runs = runs_of(np.array(mask, bool))
    frames = [frame for start, stop in runs for frame in range(start, stop)]
    assert frames == np.flatnonzero(mask).tolist()
    assert all(b > a for (_, a), (b, _) in zip(runs, runs[1:], strict=False))


def test_a_frame_lasts_until_the_next_one():
    times = np.array([0.0, 0.1, 0.2, 0.5])
    assert spans_from_runs([(0, 2), (3, 4)], times, 0.1) == [(0.0, 0.2), (0.5, 0.6)]


@quick
@given(SPANS, st.sampled_from([0.0, 0.25, 1.0]))
def test_joined_spans_are_apart_and_lose_nothing(spans, gap):
    joined = join_spans(spans, gap)
    assert all(b - a >= gap and b >= a for (_, a), (b, _) in zip(joined, joined[1:], strict=False))
    assert join_spans(joined, gap) == joined
    for start, stop in spans:
        assert any(a <= start and stop <= b for a, b in joined)


@quick
@given(SPANS)
def test_kept_spans_have_the_length_asked_for(spans):
    kept = keep_spans(spans, min_seconds=0.5, max_seconds=2.0)
    assert kept == [s for s in spans if 0.5 <= s[1] - s[0] <= 2.0]


def test_rounding_does_not_cost_a_span():
    assert keep_spans([(0.1, 0.1 + 0.3 - 1e-9)], min_seconds=0.3)


@quick
@given(SIGNALS, st.sampled_from([0.0, 0.05, 0.12, 3.0]))
def test_smoothing_stays_within_bounds_and_keeps_gaps(signal, seconds):
    signal = signal.astype(float)
    smoothed = smooth(signal, np.arange(len(signal)) / 25, seconds)
    assert len(smoothed) == len(signal)
    assert np.array_equal(np.isnan(smoothed), np.isnan(signal))
    known = ~np.isnan(signal)
    if known.any():
        assert smoothed[known].min() >= signal[known].min() - 1e-9
        assert smoothed[known].max() <= signal[known].max() + 1e-9


def test_a_steady_signal_stays_steady_to_its_ends():
    assert smooth(np.full(20, 3.0), np.arange(20) / 25, 0.2) == pytest.approx(3.0)


@quick
@given(SIGNALS, st.sampled_from([0.1, 0.3]))
def test_swings_alternate_meet_and_are_large_enough(signal, least):
    signal = signal.astype(float)
    swings = find_swings(signal, least=least)
    for first, last, change in swings:
        assert first < last
        assert abs(change) >= least - 1e-9
        assert change == pytest.approx(signal[last] - signal[first])
    for (_, a, down), (b, _, up) in zip(swings, swings[1:], strict=False):
        assert a == b
        assert down * up < 0
    known = signal[~np.isnan(signal)]
    if len(known) and not swings:
        assert np.abs(known - known[0]).max() < least


def test_a_wave_has_a_swing_for_each_half():
    wave = np.cos(np.linspace(0, 4 * np.pi, 201))
    changes = [round(change, 2) for _, _, change in find_swings(wave, least=0.5)]
    assert changes == [-2.0, 2.0, -2.0, 2.0]


def test_a_trimmed_swing_holds_the_movement_alone():
    signal = np.concatenate([np.zeros(30), np.linspace(0, 1, 11), np.ones(30)])
    begin, end = trim_swing(signal, 0, 70)
    assert 29 <= begin <= 31
    assert 38 <= end <= 40
