"""Signals to timed facts, by the rules in `rules`."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from lineament.annotation import Fact
from lineament.faces import rules
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
    trim_swing,
)
from lineament.faces.validation import validated_by_measurement

SOURCE = "landmarks"
SHUT_RATIO = 0.12  # lid gap over eye width of shut eyes, whoever's
MIN_OPEN_RATIO = 0.2  # an "open" level below this is an eye that was never open
FAR_EYE_YAW_DEGREES = 30.0  # turned so far, the eye behind the nose no longer counts
MAX_GAZE_YAW_DEGREES = 25.0  # further turned, one iris is all but hidden
MIN_SIZE_PX = 14.0  # outer eye corners closer than this: lids and lips are a guess
MIN_POSE_CHANGE_PX = 3.0  # a pose change smaller than this many pixels is noise


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
        rules.YAWN: lambda s: _find_by_level(rules.YAWN, s.mouth_gap, s),
        rules.SMILE: _find_smiles,
        rules.FROWN: _find_frowns,
        rules.NOD: _find_nods,
        rules.SHAKE_HEAD: _find_shakes,
        rules.HEAD_WAGGING: lambda s: _find_swaying(rules.HEAD_WAGGING, s.roll_degrees, s),
        rules.TURN: _find_turns,
        rules.GAZE_AWAY: _find_gaze_away,
        rules.GAZE: _find_gaze,
        rules.LOOK_AROUND: _find_looking_around,
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


def facts_from_signals(signals: FaceSignals, subject: str) -> tuple[list[Fact], frozenset[str]]:
    """Turn one face's signals into facts, and tell which names are closed by them.

    Args:
        signals: One face's signals.
        subject: The subject's id in the annotation, such as ``face 0``.

    Returns:
        Timed facts and head pose, and the names for which absence means that it did not happen.
    """
    events = find_events(signals)
    facts = [
        Fact(
            name=name,
            value=True,
            subject=subject,
            span_seconds=(round(start, 3), round(stop, 3)) if len(signals) > 1 else None,
            confidence=0.9,
            source=SOURCE,
            validated=validated_by_measurement(name),
        )
        for name, spans in events.items()
        for start, stop in spans
    ]
    facts += _pose_facts(signals, subject)
    return facts, frozenset(events)


def _pose_facts(signals: FaceSignals, subject: str) -> list[Fact]:
    facts = []
    for name in ("head_yaw_degrees", "head_pitch_degrees", "head_roll_degrees"):
        values = getattr(signals, name.removeprefix("head_"))
        if np.all(np.isnan(values)):
            continue
        facts.append(
            Fact(
                name=name,
                value=round(float(np.nanmedian(values)), 1),
                subject=subject,
                source=SOURCE,
                validated=validated_by_measurement(name),
            )
        )
    return facts


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
    spans = spans_from_runs(runs, times, _step(signals))
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
        spans_from_runs(runs, signals.times_seconds, _step(signals)), min_seconds=rule.min_seconds
    )


def _find_winks(signals: FaceSignals) -> list[Span]:
    left, right = _openness(signals)
    rule = rules.WINK
    # Far turned, one eye is seen edge-on and looks shut.
    frontal = np.abs(signals.yaw_degrees) < 20.0
    one_shut = (np.minimum(left, right) < rule.on) & (np.maximum(left, right) > rule.off) & frontal
    spans = spans_from_runs(runs_of(one_shut), signals.times_seconds, _step(signals))
    return keep_spans(spans, min_seconds=rule.min_seconds, max_seconds=rule.max_seconds)


def _find_open_mouth(signals: FaceSignals) -> list[Span]:
    return _find_by_level(rules.OPEN_MOUTH, signals.mouth_gap, signals)


def _find_smiles(signals: FaceSignals) -> list[Span]:
    level = smooth(signals.mouth_width + signals.corner_lift, signals.times_seconds, 0.2)
    # Wide open, a mouth widens without smiling.
    wide_open = np.clip(signals.mouth_gap - 0.45, 0.0, None)
    return _find_by_level(rules.SMILE, level - wide_open, signals)


def _find_frowns(signals: FaceSignals) -> list[Span]:
    sunk = float(np.nanmedian(signals.brow_height)) - signals.brow_height
    return _find_by_level(rules.FROWN, smooth(sunk, signals.times_seconds, 0.15), signals)


def _find_talk(signals: FaceSignals) -> list[Span]:
    """Find speech: the mouth's shape keeps changing at the pace of syllables."""
    if len(signals) < 5:
        return []
    step = _step(signals)
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


def _find_nods(signals: FaceSignals) -> list[Span]:
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
            spans.append((float(times[begin]), float(times[end]) + _step(signals)))
    kept = keep_spans(spans, min_seconds=rule.min_seconds, max_seconds=rule.max_seconds)
    return join_spans(kept, rule.join_seconds)


def _find_swaying(
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
            spans.append((float(times[chain[0][0]]), float(times[chain[-1][1]]) + _step(signals)))
        chain = []
    return spans


def _find_turns(signals: FaceSignals) -> list[Span]:
    rule = rules.TURN
    times = signals.times_seconds
    yaw = smooth(signals.yaw_degrees, times, 0.12)
    spans = []
    for first, last, change in find_swings(yaw, least=rule.on / 3):
        if abs(change) < rule.on:
            continue
        begin, end = trim_swing(yaw, first, last)
        spans.append((float(times[begin]), float(times[end]) + _step(signals)))
    kept = keep_spans(spans, min_seconds=rule.min_seconds, max_seconds=rule.max_seconds)
    return drop_overlapping(kept, _find_shakes(signals) + _find_looking_around(signals))


def _find_shakes(signals: FaceSignals) -> list[Span]:
    return _find_swaying(rules.SHAKE_HEAD, signals.yaw_degrees, signals)


def _find_gaze_away(signals: FaceSignals) -> list[Span]:
    across, down = (_from_rest(offset) for offset in _gaze_offsets(signals))
    away = np.hypot(across, down)
    shut = _openness(signals).min(axis=0) < 0.6
    turned = np.abs(signals.yaw_degrees) >= MAX_GAZE_YAW_DEGREES
    level = smooth(np.where(shut | turned, np.nan, away), signals.times_seconds, 0.08)
    return _find_by_level(rules.GAZE_AWAY, level, signals)


def _from_rest(offset: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Take the usual offset away, as far as it may be this face's own eye contact."""
    reach = rules.GAZE_REST_REACH
    return offset - np.clip(np.nanmedian(offset), -reach, reach)


def _gaze_offsets(signals: FaceSignals) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the irises lie from eye contact, in halves of an eye's width."""
    across = signals.gaze_across - rules.GAZE_ACROSS_PER_YAW_DEGREE * signals.yaw_degrees
    level = rules.GAZE_DOWN_AT_LEVEL + rules.GAZE_DOWN_PER_PITCH_DEGREE * signals.pitch_degrees
    return across, (signals.gaze_down - level) * rules.GAZE_DOWN_SCALE


def _line_of_sight(signals: FaceSignals) -> Float[np.ndarray, " frames"]:
    """Return where head and eyes together point across, in degrees."""
    return signals.yaw_degrees - signals.gaze_across / rules.GAZE_ACROSS_PER_YAW_DEGREE


def _find_gaze(signals: FaceSignals) -> list[Span]:
    rule = rules.GAZE
    sight = smooth(_line_of_sight(signals), signals.times_seconds, 0.2)
    reach = rule.on / abs(rules.GAZE_ACROSS_PER_YAW_DEGREE)
    spans, start = [], 0
    low = high = sight[0]
    for frame, value in enumerate([*sight[1:], np.nan], start=1):
        low, high = np.fmin(low, value), np.fmax(high, value)
        if np.isnan(value) or high - low > reach:
            stop = float(signals.times_seconds[frame - 1]) + _step(signals)
            if start < frame:
                spans.append((float(signals.times_seconds[start]), stop))
            start, low, high = frame + int(np.isnan(value)), value, value
    return keep_spans(spans, min_seconds=rule.min_seconds)


def _find_looking_around(signals: FaceSignals) -> list[Span]:
    rule = rules.LOOK_AROUND
    times = signals.times_seconds
    sight = smooth(_line_of_sight(signals), times, 0.2)
    swings = [s for s in find_swings(sight, least=rule.on / 3) if abs(s[2]) >= rule.on]
    spans = []
    for (first, _, _), (_, last, _) in zip(swings, swings[1:], strict=False):
        visited = sight[first : last + 1]
        has_both_sides = min(np.nanmax(visited), -np.nanmin(visited)) >= rule.on / 4
        if has_both_sides and times[last] - times[first] <= rule.max_seconds:
            spans.append((float(times[first]), float(times[last]) + _step(signals)))
    return drop_overlapping(join_spans(spans, 0.5), _find_shakes(signals))


def _find_by_level(
    rule: Rule, level: Float[np.ndarray, " frames"], signals: FaceSignals
) -> list[Span]:
    runs = find_runs(level, on=rule.on, off=rule.off)
    spans = spans_from_runs(runs, signals.times_seconds, _step(signals))
    if len(signals) == 1:
        return spans
    return keep_spans(
        join_spans(spans, rule.join_seconds),
        min_seconds=rule.min_seconds,
        max_seconds=rule.max_seconds,
    )


def _openness(signals: FaceSignals) -> Float[np.ndarray, "2 frames"]:
    """Return each eye's opening as a share of that eye's usual one."""
    rows = []
    for lids in (signals.eye_left, signals.eye_right):
        usual = max(float(np.nanpercentile(lids, 70)), MIN_OPEN_RATIO)
        rows.append(lids / usual)
    return np.stack(rows)


def _is_visible_change(signals: FaceSignals, degrees: float) -> bool:
    """Say whether a turn of so many degrees moves anything by a pixel on so small a face."""
    return bool(np.nanmedian(signals.size_px) * np.radians(degrees) >= MIN_POSE_CHANGE_PX)


def _step(signals: FaceSignals) -> float:
    if len(signals) < 2:
        return 0.0
    return float(np.median(np.diff(signals.times_seconds)))
