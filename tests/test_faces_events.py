from dataclasses import replace

import numpy as np
import pytest

from lineament.faces import rules
from lineament.faces.events import find_events
from lineament.faces.facts import SOURCE, facts_from_signals
from lineament.faces.rules import RULES, describe_rule
from lineament.faces.signals import FaceSignals
from lineament.faces.validation import read_measurements, validated_by_measurement
from lineament.vocabulary import read_vocabulary

FPS = 25
TIMES = np.arange(4 * FPS) / FPS
STILL = {"eye_left": 0.3, "eye_right": 0.3, "mouth_gap": 0.02, "mouth_width": 0.5,
         "corner_lift": 0.02, "brow_height": 0.25, "brow_gap": 0.3, "gaze_across": 0.0,
         "gaze_down": rules.GAZE_DOWN_AT_LEVEL, "yaw_degrees": 0.0, "pitch_degrees": 0.0,
         "roll_degrees": 0.0, "size_px": 60.0}  # fmt: skip


def face(times=TIMES, **moving):
    """Return a still face's signals with some of them replaced."""
    values = {key: np.full(len(times), value) for key, value in STILL.items()} | moving
    return FaceSignals(times_seconds=times, **values)


def during(start, stop, value, usual, times=TIMES):
    return np.where((times >= start - 1e-9) & (times < stop - 1e-9), value, usual)


def only(span, wave, times=TIMES):
    """Return a wave inside a span and zero outside; it is given the seconds since its start."""
    inside = (times >= span[0]) & (times <= span[1])
    return np.where(inside, wave(times - span[0]), 0.0)


def hump(span, height):
    length = span[1] - span[0]
    return only(span, lambda t: height * np.sin(np.pi * t / length) ** 2)


def sway(span, height, cycles):
    length = span[1] - span[0]
    return only(span, lambda t: height * np.sin(2 * np.pi * cycles * t / length))


def ramp(start, stop, height, times=TIMES):
    return height * np.clip((times - start) / (stop - start), 0, 1)


SHUT = 0.05
EXAMPLES = {
    "blink": (face(eye_left=during(1, 1.2, SHUT, 0.3), eye_right=during(1, 1.2, SHUT, 0.3)),
              (1.0, 1.2)),
    "close_eyes": (face(eye_left=during(1, 2, SHUT, 0.3), eye_right=during(1, 2, SHUT, 0.3)),
                   (1.0, 2.0)),
    "wink": (face(eye_left=during(1, 1.4, SHUT, 0.3)), (1.0, 1.4)),
    "open_mouth": (face(mouth_gap=during(1, 2, 0.3, 0.02)), (1.0, 2.0)),
    "talk": (face(mouth_gap=0.02 + np.abs(sway((1, 3), 0.2, 6))), (1.0, 3.0)),
    "yawn": (face(mouth_gap=0.02 + np.minimum(1.5 * hump((0.5, 3.0), 0.8), 0.8)), (0.9, 2.6)),
    "smile": (face(mouth_width=during(1, 2, 0.62, 0.5), corner_lift=during(1, 2, 0.08, 0.02)),
              (1.0, 2.0)),
    "frown": (face(brow_height=during(1, 2, 0.2, 0.25)), (1.0, 2.0)),
    "nod": (face(pitch_degrees=-hump((1.0, 1.9), 12)), (1.1, 1.8)),
    "shake_head": (face(yaw_degrees=sway((1, 2.5), 10, 3)), (1.0, 2.5)),
    "head_wagging": (face(roll_degrees=sway((1, 3), 10, 2)), (1.0, 3.0)),
    "turn": (face(yaw_degrees=ramp(1, 1.6, 30)), (1.05, 1.55)),
    "gaze_away": (face(gaze_across=during(1, 2, 0.5, 0.0)), (1.0, 2.0)),
    "gaze": (face(), (0.0, 4.0)),
    "look_around": (face(yaw_degrees=sway((0.2, 3.8), 30, 1.5)), (0.8, 3.2)),
}  # fmt: skip


def iou(first, second):
    overlap = min(first[1], second[1]) - max(first[0], second[0])
    return max(overlap, 0) / (max(first[1], second[1]) - min(first[0], second[0]))


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_each_event_is_found_where_it_happens(name):
    signals, marked = EXAMPLES[name]
    [found] = find_events(signals)[name]
    assert iou(found, marked) > 0.6, found


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_one_event_is_not_taken_for_another(name):
    may_come_along = {
        "talk": {"open_mouth"}, "yawn": {"open_mouth", "talk"}, "turn": {"gaze_away"},
        "look_around": {"turn", "gaze_away"},
    }  # fmt: skip
    found = {key for key, spans in find_events(EXAMPLES[name][0]).items() if spans}
    assert found - {name} <= may_come_along.get(name, set()) | {"gaze"}


# The direction of the face is a fact of its own, with a value, and no event.
EVENT_NAMES = {rule.name for rule in RULES} - {"head_pose"}


def test_every_rule_has_an_example_here_and_a_name_that_means_something():
    assert set(EXAMPLES) == EVENT_NAMES
    for rule in RULES:
        assert rule.name in read_vocabulary()
        assert read_vocabulary().names[rule.name].is_timed
        assert "{" not in describe_rule(rule)
        assert rule.off <= rule.on or rule.name in ("blink", "close_eyes", "wink")


def test_a_face_that_does_nothing_only_gazes():
    events = find_events(face())
    assert {name for name, spans in events.items() if spans} == {"gaze"}
    assert set(events) == EVENT_NAMES


def test_eyes_shut_too_long_for_a_blink_are_closed_eyes():
    for seconds, name in ((0.36, "blink"), (0.48, "close_eyes")):
        lids = during(1, 1 + seconds, SHUT, 0.3)
        events = find_events(face(eye_left=lids, eye_right=lids))
        assert {n for n in ("blink", "close_eyes", "wink") if events[n]} == {name}


def test_narrow_eyes_blink_too():
    lids = during(1, 1.2, 0.08, 0.21)
    assert len(find_events(face(eye_left=lids, eye_right=lids))["blink"]) == 1


def test_a_slow_turn_is_no_turn():
    assert not find_events(face(yaw_degrees=ramp(0.2, 3.8, 30)))["turn"]


def test_one_turn_there_and_back_is_no_shake():
    assert not find_events(face(yaw_degrees=hump((1, 2), 20)))["shake_head"]


def test_a_nod_upwards_first_is_no_nod():
    assert not find_events(face(pitch_degrees=hump((1.0, 1.9), 12)))["nod"]


def test_a_mouth_that_opens_once_does_not_talk():
    assert not find_events(face(mouth_gap=0.02 + hump((1, 2), 0.5)))["talk"]


def test_two_sentences_with_a_breath_between_are_one_talk():
    words = np.abs(sway((0.5, 1.5), 0.2, 3)) + np.abs(sway((1.7, 2.7), 0.2, 3))
    assert len(find_events(face(mouth_gap=0.02 + words))["talk"]) == 1


def test_in_profile_one_eye_looks_shut_and_is_no_wink():
    signals = face(eye_left=during(1, 1.4, SHUT, 0.3), yaw_degrees=np.full(100, 35.0))
    assert not find_events(signals)["wink"]


def test_a_turned_head_with_eyes_on_the_camera_does_not_look_away():
    yaw = ramp(1, 2, 20)
    contact = rules.GAZE_ACROSS_PER_YAW_DEGREE * yaw
    assert not find_events(face(yaw_degrees=yaw, gaze_across=contact))["gaze_away"]
    aside = during(3, 3.6, -0.5, 0.0)
    [found] = find_events(face(yaw_degrees=yaw, gaze_across=contact + aside))["gaze_away"]
    assert iou(found, (3.0, 3.6)) > 0.6


def test_a_small_face_says_nothing_about_its_eyes():
    tiny = replace(EXAMPLES["blink"][0], size_px=np.full(len(TIMES), 10.0))
    events = find_events(tiny)
    assert not {"blink", "close_eyes", "wink", "gaze_away", "gaze", "frown"} & set(events)
    assert "turn" in events


def test_a_face_that_was_never_measured_says_nothing():
    nothing = face(**{key: np.full(len(TIMES), np.nan) for key in STILL})
    assert find_events(nothing) == {}
    assert facts_from_signals(nothing, "face 0") == ([], frozenset())


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_frames_without_a_mesh_neither_break_nor_invent_anything(name):
    signals, _ = EXAMPLES[name]
    hole = (TIMES >= 1.4) & (TIMES < 1.6)
    holed = replace(
        signals, **{key: np.where(hole, np.nan, getattr(signals, key)) for key in STILL}
    )
    events = find_events(holed)
    assert events.keys() == find_events(signals).keys()
    still = face(**{key: np.where(hole, np.nan, value) for key, value in STILL.items()})
    assert {key for key, spans in find_events(still).items() if spans} <= {"gaze"}


def test_a_gaze_does_not_begin_before_the_face_is_measured():
    unseen = TIMES < 1.0
    late = face(**{key: np.where(unseen, np.nan, value) for key, value in STILL.items()})
    assert find_events(late)["gaze"] == [(pytest.approx(1.0), pytest.approx(4.0))]


def test_a_gaze_ends_where_the_face_is_lost():
    gone = TIMES >= 3.0
    early = face(**{key: np.where(gone, np.nan, value) for key, value in STILL.items()})
    assert find_events(early)["gaze"] == [(pytest.approx(0.0), pytest.approx(3.0))]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_few_frames_are_enough_to_be_asked(count):
    times = np.arange(count) / FPS
    assert not any(spans for name, spans in find_events(face(times)).items() if name != "gaze")


def test_a_picture_can_smile_but_not_blink():
    times = np.zeros(1)
    smiling = face(times, mouth_width=np.array([0.65]))
    facts, closed = facts_from_signals(smiling, "face 0")
    assert next(fact for fact in facts if fact.name == "smile").span_seconds is None
    assert closed == {"smile", "open_mouth"}


def test_frame_rate_does_not_change_what_is_found():
    for fps in (12.5, 60.0):
        times = np.arange(int(4 * fps)) / fps
        lids = during(1, 1.24, SHUT, 0.3, times)
        yaw = ramp(2, 2.6, 30, times)
        events = find_events(face(times, eye_left=lids, eye_right=lids, yaw_degrees=yaw))
        assert [len(events[name]) for name in ("blink", "turn")] == [1, 1]


def test_facts_say_who_when_and_how_they_are_known():
    facts, closed = facts_from_signals(EXAMPLES["smile"][0], "face 2")
    [smile] = [fact for fact in facts if fact.name == "smile"]
    assert (smile.subject, smile.source, smile.family) == ("face 2", SOURCE, "action")
    assert smile.span_seconds[0] == pytest.approx(1.0, abs=0.2)
    assert {"blink", "talk"} <= closed
    pose = {fact.name: fact.value for fact in facts if fact.family == "pose"}
    assert set(pose) >= {"head_yaw_degrees", "head_pitch_degrees", "head_roll_degrees"}


def test_what_was_measured_is_one_of_three_words():
    for name in [*(rule.name for rule in RULES), "num_people", "no_such_name"]:
        assert validated_by_measurement(name) in ("real", "rendered", "none")
    assert validated_by_measurement("no_such_name") == "none"
    assert set(read_measurements()) <= set(read_vocabulary().names)


def test_head_pose_says_where_the_face_points_and_frontal_between():
    facts, closed = facts_from_signals(face(yaw_degrees=during(1, 2, 30.0, 0.0)), "face 0")
    poses = [(f.value, f.span_seconds) for f in facts if f.name == "head_pose"]
    assert [value for value, _ in sorted(poses, key=lambda p: p[1])] == [
        "frontal",
        "right",
        "frontal",
    ]
    (right,) = [span for value, span in poses if value == "right"]
    assert right[0] == pytest.approx(1.0, abs=0.1)
    assert right[1] == pytest.approx(2.0, abs=0.1)
    assert "head_pose" not in closed
