"""When each timed name holds: signals judged by the rules."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from lineament.faces import rules
from lineament.faces.head_motion import (
    find_looking_around,
    find_nods,
    find_shakes,
    find_swaying,
    find_turns,
    line_of_sight,
)
from lineament.faces.rules import Rule
from lineament.faces.signals import FaceSignals
from lineament.faces.spans import (
    Span,
    drop_overlapping,
    find_runs,
    find_swings,
    join_spans,
    keep_spans,
    rolling_percentile,
    runs_of,
    smooth,
    spans_from_runs,
)

SHUT_RATIO = 0.12  # lid gap over eye width of shut eyes, whoever's
MIN_OPEN_RATIO = 0.2  # an "open" level below this is an eye that was never open
FAR_EYE_YAW_DEGREES = 30.0  # turned so far, the eye behind the nose no longer counts
MAX_GAZE_YAW_DEGREES = 25.0  # further turned, one iris is all but hidden
MIN_SIZE_PX = 14.0  # outer eye corners closer than this: lids and lips are a guess


def find_events(signals: FaceSignals) -> dict[str, list[Span]]:
    """Find when each timed name holds.

    A name whose signals could not be measured at all (face too small) is absent from the
    result; one that was measured and not found has an empty list.
    """
    if len(signals) == 0 or np.all(np.isnan(signals.eye_left)):
        return {}
    finders: dict[Rule, Callable[[FaceSignals], list[Span]]] = {
        rules.BLINK: _find_blinks,
        rules.CLOSE_EYES: _find_closed_eyes,
        rules.WINK: _find_winks,
        rules.OPEN_MOUTH: _find_open_mouth,
        rules.TALK: _find_talk,
        rules.YAWN: lambda s: rules.YAWN.find_spans(s.mouth_gap, s.times_seconds, s.frame_seconds),
        rules.SMILE: _find_smiles,
        rules.FROWN: _find_frowns,
        rules.NOD: find_nods,
        rules.SHAKE_HEAD: find_shakes,
        rules.HEAD_WAGGING: lambda s: find_swaying(rules.HEAD_WAGGING, s.roll_degrees, s),
        rules.TURN: find_turns,
        rules.GAZE_AWAY: _find_gaze_away,
        rules.GAZE: _find_gaze,
        rules.LOOK_AROUND: find_looking_around,
    }
    needs_detail = {"blink", "close_eyes", "wink", "gaze_away", "gaze", "frown"}
    is_small = float(np.nanmedian(signals.size_px)) < MIN_SIZE_PX
    is_still = len(signals) < 2
    if is_still:
        finders = {
            rule: find for rule, find in finders.items() if rule.name in ("smile", "open_mouth")
        }
    return {
        rule.name: find(signals)
        for rule, find in finders.items()
        if not (is_small and rule.name in needs_detail)
    }


def _find_blinks(signals: FaceSignals) -> list[Span]:
    rule, times = rules.BLINK, signals.times_seconds
    left, right = (_lid_fall(lids, times) for lids in (signals.eye_left, signals.eye_right))
    # Turned to the picture's right, a face shows its left eye in full and the other from the side.
    side = np.clip(signals.yaw_degrees / FAR_EYE_YAW_DEGREES, -1.0, 1.0)
    weight_left, weight_right = 1.0 + np.minimum(side, 0.0), 1.0 - np.maximum(side, 0.0)
    fall = (weight_left * left + weight_right * right) / (weight_left + weight_right)
    is_one_sided = (np.minimum(left, right) < rules.BLINK_BALANCE * np.maximum(left, right)) & (
        np.abs(side) < 0.5
    )
    runs = find_runs(np.where(is_one_sided, 0.0, fall), on=1.0 - rule.on, off=1.0 - rule.off)
    spans = spans_from_runs(runs, times, signals.frame_seconds)
    kept = keep_spans(spans, min_seconds=0.0, max_seconds=rule.max_seconds)
    return drop_overlapping(kept, _find_closed_eyes(signals))


def _lid_fall(
    lids: Float[np.ndarray, " frames"], times: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Return how far a lid has fallen from its opening around that moment; jitter counts as 0."""
    around = rolling_percentile(lids, times, seconds=1.2, percentile=70)
    level = np.maximum(around, MIN_OPEN_RATIO * 0.75)
    jitter = lids - rolling_percentile(lids, times, seconds=0.2, percentile=50)
    noise = 1.4826 * float(np.nanmedian(np.abs(jitter))) / float(np.nanmedian(level))
    fall = 1.0 - lids / level
    return np.where(fall < rules.BLINK_NOISES * noise, np.minimum(fall, 0.0), fall)


def _find_closed_eyes(signals: FaceSignals) -> list[Span]:
    openness = _openness(signals).max(axis=0)
    lids = np.maximum(signals.eye_left, signals.eye_right)
    shut = np.where(lids < SHUT_RATIO, 1.0, 1.0 - openness)
    rule = rules.CLOSE_EYES
    runs = find_runs(shut, on=1.0 - rule.on, off=1.0 - rule.off)
    return keep_spans(
        spans_from_runs(runs, signals.times_seconds, signals.frame_seconds),
        min_seconds=rule.min_seconds,
    )


def _find_winks(signals: FaceSignals) -> list[Span]:
    left, right = _openness(signals)
    rule = rules.WINK
    # Far turned, one eye is seen edge-on and looks shut.
    frontal = np.abs(signals.yaw_degrees) < 20.0
    one_shut = (np.minimum(left, right) < rule.on) & (np.maximum(left, right) > rule.off) & frontal
    spans = spans_from_runs(runs_of(one_shut), signals.times_seconds, signals.frame_seconds)
    return keep_spans(spans, min_seconds=rule.min_seconds, max_seconds=rule.max_seconds)


def _find_open_mouth(signals: FaceSignals) -> list[Span]:
    return rules.OPEN_MOUTH.find_spans(
        signals.mouth_gap, signals.times_seconds, signals.frame_seconds
    )


def _find_smiles(signals: FaceSignals) -> list[Span]:
    level = smooth(signals.mouth_width + signals.corner_lift, signals.times_seconds, 0.2)
    # Wide open, a mouth widens without smiling.
    wide_open = np.clip(signals.mouth_gap - 0.45, 0.0, None)
    return rules.SMILE.find_spans(level - wide_open, signals.times_seconds, signals.frame_seconds)


def _find_frowns(signals: FaceSignals) -> list[Span]:
    sunk = float(np.nanmedian(signals.brow_height)) - signals.brow_height
    return rules.FROWN.find_spans(
        smooth(sunk, signals.times_seconds, 0.15), signals.times_seconds, signals.frame_seconds
    )


def _find_talk(signals: FaceSignals) -> list[Span]:
    """Find speech: the mouth's shape keeps changing at the pace of syllables."""
    if len(signals) < 5:
        return []
    step = signals.frame_seconds
    speed = _mouth_speed(signals)
    window = 0.4
    activity = smooth(speed, signals.times_seconds, window)
    rule = rules.TALK
    spans = spans_from_runs(
        find_runs(activity, on=rule.on, off=rule.off), signals.times_seconds, step
    )
    joined = join_spans(spans, rule.join_seconds)
    kept = []
    for start, stop in keep_spans(joined, min_seconds=rule.min_seconds):
        inside = (signals.times_seconds >= start) & (signals.times_seconds < stop)
        # One smile or yawn moves the mouth once; speech turns it round again and again.
        swings = find_swings(signals.mouth_gap[inside] + signals.mouth_width[inside], least=0.03)
        if len(swings) >= 3:
            kept.append((start, stop))
    return kept


def _mouth_speed(signals: FaceSignals) -> Float[np.ndarray, " frames"]:
    """Return how fast the mouth's shape changes, in mouth widths a second."""
    times = signals.times_seconds
    gap = smooth(signals.mouth_gap, times, 0.06)
    width = smooth(signals.mouth_width, times, 0.06)
    return np.hypot(np.gradient(gap, times), np.gradient(width, times))


def _find_gaze_away(signals: FaceSignals) -> list[Span]:
    across, down = (_from_rest(offset) for offset in _gaze_offsets(signals))
    away = np.hypot(across, down)
    shut = _openness(signals).min(axis=0) < 0.6
    turned = np.abs(signals.yaw_degrees) >= MAX_GAZE_YAW_DEGREES
    level = smooth(np.where(shut | turned, np.nan, away), signals.times_seconds, 0.08)
    return rules.GAZE_AWAY.find_spans(level, signals.times_seconds, signals.frame_seconds)


def _from_rest(offset: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Take the usual offset away, as far as it may be this face's own eye contact."""
    reach = rules.GAZE_REST_REACH
    return offset - np.clip(np.nanmedian(offset), -reach, reach)


def _gaze_offsets(signals: FaceSignals) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the irises lie from eye contact, in halves of an eye's width."""
    across = signals.gaze_across - rules.GAZE_ACROSS_PER_YAW_DEGREE * signals.yaw_degrees
    level = rules.GAZE_DOWN_AT_LEVEL + rules.GAZE_DOWN_PER_PITCH_DEGREE * signals.pitch_degrees
    return across, (signals.gaze_down - level) * rules.GAZE_DOWN_SCALE


def _find_gaze(signals: FaceSignals) -> list[Span]:
    rule = rules.GAZE
    sight = smooth(line_of_sight(signals), signals.times_seconds, 0.2)
    reach = rule.on / abs(rules.GAZE_ACROSS_PER_YAW_DEGREE)
    spans, start = [], 0
    low = high = sight[0]
    for frame, value in enumerate([*sight[1:], np.nan], start=1):
        low, high = np.fmin(low, value), np.fmax(high, value)
        if np.isnan(value) or high - low > reach:
            stop = float(signals.times_seconds[frame - 1]) + signals.frame_seconds
            if start < frame:
                spans.append((float(signals.times_seconds[start]), stop))
            start, low, high = frame + int(np.isnan(value)), value, value
    return keep_spans(spans, min_seconds=rule.min_seconds)


def _openness(signals: FaceSignals) -> Float[np.ndarray, "2 frames"]:
    """Return each eye's opening as a share of that eye's usual one."""
    rows = []
    for lids in (signals.eye_left, signals.eye_right):
        usual = max(float(np.nanpercentile(lids, 70)), MIN_OPEN_RATIO)
        rows.append(lids / usual)
    return np.stack(rows)
