"""One face's signals to facts, and which names they close."""

import numpy as np

from lineament.annotation import Fact
from lineament.faces import rules
from lineament.faces.events import find_events
from lineament.faces.signals import FaceSignals
from lineament.faces.spans import keep_spans, runs_of, smooth, spans_from_runs
from lineament.faces.validation import validated_by_measurement

SOURCE = "landmarks"


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
    return facts + _head_pose_facts(signals, subject)


def _head_pose_facts(signals: FaceSignals, subject: str) -> list[Fact]:
    """Return when the face points to which side of the picture."""
    rule, times, step = rules.HEAD_POSE, signals.times_seconds, signals.frame_seconds
    yaw = smooth(signals.yaw_degrees, times, 0.12)
    tilt = smooth(signals.pitch_degrees, times, 0.12) / rules.TILT_SHARE
    if np.all(np.isnan(yaw)):
        return []
    ways = {"left": -yaw, "right": yaw, "up": tilt, "down": -tilt}
    spans = {way: rule.find_spans(level, times, step) for way, level in ways.items()}
    elsewhere = [span for found in spans.values() for span in found]
    middles = times + step / 2
    is_frontal = ~np.isnan(yaw)
    for start, stop in elsewhere:
        is_frontal &= (middles < start) | (middles >= stop)
    spans["frontal"] = keep_spans(
        spans_from_runs(runs_of(is_frontal), times, step),
        min_seconds=0.0 if len(signals) == 1 else rule.min_seconds,
    )
    return [
        Fact(
            name="head_pose",
            value=way,
            subject=subject,
            span_seconds=(round(start, 3), round(stop, 3)) if len(signals) > 1 else None,
            confidence=0.9,
            source=SOURCE,
            validated=validated_by_measurement("head_yaw_degrees"),
        )
        for way, found in spans.items()
        for start, stop in found
    ]
