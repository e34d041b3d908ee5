"""Movements of the whole head: nods, shakes, tilts, turns, looking around."""

import numpy as np
from jaxtyping import Float

from lineament.faces import rules
from lineament.faces.rules import Rule
from lineament.faces.signals import FaceSignals
from lineament.faces.spans import (
    Span,
    drop_overlapping,
    find_swings,
    join_spans,
    keep_spans,
    smooth,
    trim_swing,
)

MIN_POSE_CHANGE_PX = 3.0  # a pose change smaller than this many pixels is noise


def find_nods(signals: FaceSignals) -> list[Span]:
    """Find nods: down and back."""
    rule = rules.NOD
    pitch = smooth(signals.pitch_degrees, signals.times_seconds, 0.12)
    if not _is_visible_change(signals, rule.on):
        return []
    swings = find_swings(pitch, least=rule.off)
    times = signals.times_seconds
    spans = []
    for (first, turn, there), (_, last, back) in zip(swings, swings[1:], strict=False):
        begin, _ = trim_swing(pitch, first, turn)
        _, end = trim_swing(pitch, turn, last)
        is_nod = max(abs(there), abs(back)) >= rule.on and min(abs(there), abs(back)) >= rule.off
        turned = float(np.ptp(signals.yaw_degrees[begin : end + 1]))
        if is_nod and there < 0 and turned < max(abs(there), abs(back)):
            spans.append((float(times[begin]), float(times[end]) + signals.frame_seconds))
    kept = keep_spans(spans, min_seconds=rule.min_seconds, max_seconds=rule.max_seconds)
    return join_spans(kept, rule.join_seconds)


def find_swaying(
    rule: Rule, signal: Float[np.ndarray, " frames"], signals: FaceSignals
) -> list[Span]:
    """Find at least three alternating swings, each large and quick enough."""
    times = signals.times_seconds
    smoothed = smooth(signal, times, 0.12)
    if not _is_visible_change(signals, rule.on):
        return []
    swings = find_swings(smoothed, least=rule.on / 2)
    spans: list[Span] = []
    chain: list[tuple[int, int]] = []
    for first, last, change in [*swings, (0, 0, 0.0)]:
        begin, end = trim_swing(smoothed, first, last) if change else (first, last)
        is_part = abs(change) >= rule.on and times[end] - times[begin] <= rule.max_seconds
        if is_part:
            chain.append((begin, end))
            continue
        if len(chain) >= 3:
            spans.append(
                (float(times[chain[0][0]]), float(times[chain[-1][1]]) + signals.frame_seconds)
            )
        chain = []
    return spans


def find_turns(signals: FaceSignals) -> list[Span]:
    """Find single turns to a side."""
    rule = rules.TURN
    times = signals.times_seconds
    yaw = smooth(signals.yaw_degrees, times, 0.12)
    spans = []
    for first, last, change in find_swings(yaw, least=rule.on / 3):
        if abs(change) < rule.on:
            continue
        begin, end = trim_swing(yaw, first, last)
        spans.append((float(times[begin]), float(times[end]) + signals.frame_seconds))
    kept = keep_spans(spans, min_seconds=rule.min_seconds, max_seconds=rule.max_seconds)
    return drop_overlapping(kept, find_shakes(signals) + find_looking_around(signals))


def find_shakes(signals: FaceSignals) -> list[Span]:
    """Find shakes: the head turns to and fro."""
    return find_swaying(rules.SHAKE_HEAD, signals.yaw_degrees, signals)


def find_looking_around(signals: FaceSignals) -> list[Span]:
    """Find when head and eyes visit both sides."""
    rule = rules.LOOK_AROUND
    times = signals.times_seconds
    sight = smooth(line_of_sight(signals), times, 0.2)
    swings = [s for s in find_swings(sight, least=rule.on / 3) if abs(s[2]) >= rule.on]
    spans = []
    for (first, _, _), (_, last, _) in zip(swings, swings[1:], strict=False):
        visited = sight[first : last + 1]
        has_both_sides = min(np.nanmax(visited), -np.nanmin(visited)) >= rule.on / 4
        if has_both_sides and times[last] - times[first] <= rule.max_seconds:
            spans.append((float(times[first]), float(times[last]) + signals.frame_seconds))
    return drop_overlapping(join_spans(spans, 0.5), find_shakes(signals))


def line_of_sight(signals: FaceSignals) -> Float[np.ndarray, " frames"]:
    """Return where head and eyes together point across, in degrees."""
    return signals.yaw_degrees - signals.gaze_across / rules.GAZE_ACROSS_PER_YAW_DEGREE


def _is_visible_change(signals: FaceSignals, degrees: float) -> bool:
    """Say whether a turn of so many degrees moves anything by a pixel on so small a face."""
    return bool(np.nanmedian(signals.size_px) * np.radians(degrees) >= MIN_POSE_CHANGE_PX)
