import numpy as np
import pytest

from lineament.errors import EmptyTrack
from lineament.faces.finder import box_area, box_iou, box_of_landmarks
from lineament.faces.signals import FaceSignals, measure_signals, signals_from_landmarks
from lineament.faces.track import FaceTrack

SHAPE = ("eye_left", "eye_right", "mouth_gap", "mouth_width", "corner_lift", "brow_height",
         "brow_gap", "gaze_across", "gaze_down")  # fmt: skip


def turned(face, *, yaw=0.0, pitch=0.0, roll=0.0):
    """Turn a face about its middle: right, up and clockwise, as the picture shows it."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    middle = face.mean(axis=0)
    return ((face - middle) @ (about_z @ about_y @ about_x).T + middle).astype(np.float32)


def measure(*faces):
    return signals_from_landmarks(np.stack(faces), np.arange(len(faces)) / 25)


@pytest.mark.parametrize("turn", [
    {"yaw": 25}, {"yaw": -40}, {"pitch": 15}, {"pitch": -20}, {"roll": 30}, {"roll": -60},
    {"yaw": 20, "pitch": -10}, {"yaw": -15, "pitch": 10, "roll": 20},
])  # fmt: skip
def test_turning_the_head_changes_no_feature_of_the_face(make_face, turn):
    signals = measure(make_face(), turned(make_face(), **turn))
    for name in SHAPE:
        straight, after = getattr(signals, name)
        assert after == pytest.approx(straight, abs=0.004), name
    assert signals.size_px[1] == pytest.approx(signals.size_px[0], rel=1e-3)


@pytest.mark.parametrize("degrees", [-35.0, -10.0, 5.0, 20.0, 45.0])
@pytest.mark.parametrize("axis", ["yaw", "pitch", "roll"])
def test_the_angle_of_the_head_is_recovered(make_face, axis, degrees):
    signals = measure(make_face(), turned(make_face(), **{axis: degrees}))
    for name in ("yaw", "pitch", "roll"):
        straight, after = getattr(signals, f"{name}_degrees")
        assert after - straight == pytest.approx(degrees if name == axis else 0.0, abs=0.3), name


def test_the_signs_of_the_angles_are_those_of_the_picture(make_face):
    nose, chin = 1, 152
    face = make_face()
    assert turned(face, yaw=20)[nose, 0] > face[nose, 0]  # to the picture's right
    assert turned(face, pitch=20)[nose, 1] < face[nose, 1]  # up
    assert turned(face, roll=20)[chin, 0] < face[chin, 0]  # clockwise


def test_size_and_place_change_nothing(make_face):
    signals = measure(make_face((200, 150), 90), make_face((600, 40), 30))
    for name in SHAPE:
        assert getattr(signals, name)[1] == pytest.approx(getattr(signals, name)[0], abs=0.002)
    assert signals.size_px == pytest.approx([90, 30], rel=0.02)


def moved(face, points, x=0.0, y=0.0):
    face = face.copy()
    face[list(points), 0] += x
    face[list(points), 1] += y
    return face


@pytest.mark.parametrize(("name", "points", "x", "y", "sign"), [
    ("mouth_gap", (14, 87, 317), 0, 20, 1), ("mouth_width", (291,), 15, 0, 1),
    ("corner_lift", (61, 291), 0, -9, 1), ("eye_left", (160, 159, 158), 0, 4, -1),
    ("eye_right", (385, 386, 387), 0, 4, -1), ("brow_height", (105, 334), 0, 6, -1),
    ("brow_gap", (55,), 5, 0, -1), ("gaze_across", (468, 473), 4, 0, 1),
    ("gaze_down", (468, 473), 0, 4, 1),
])  # fmt: skip
def test_each_signal_follows_its_own_points(make_face, name, points, x, y, sign):
    signals = measure(make_face(), moved(make_face(), points, x, y))
    change = np.diff(getattr(signals, name))[0]
    assert change * sign > 0.03
    for other in set(SHAPE) - {name, "mouth_gap", "corner_lift", "mouth_width"}:
        assert np.diff(getattr(signals, other))[0] == pytest.approx(0, abs=0.002), other


def test_irises_at_the_corners_are_one_eye_half_away(make_face):
    face = make_face()
    face[468], face[473] = face[133], face[263]
    assert measure(face).gaze_across[0] == pytest.approx(1.0, abs=0.01)


def test_frames_without_a_mesh_are_unknown_and_the_others_are_not(make_face):
    blank = np.full((478, 3), np.nan, np.float32)
    signals = measure(make_face(), blank, make_face())
    for name in FaceSignals.__dataclass_fields__:
        if name != "times_seconds":
            assert np.isnan(getattr(signals, name)).tolist() == [False, True, False], name


def test_a_track_is_measured_frame_by_frame(make_face):
    faces = np.stack([make_face(), make_face((210, 150))])
    boxes = np.array([box_of_landmarks(face) for face in faces], np.float32)
    times = np.array([0.0, 0.04])
    scores = np.ones(2, np.float32)
    track = FaceTrack(0, np.arange(2), times, boxes, faces, scores)
    assert len(measure_signals(track)) == len(track) == 2
    assert track.has_landmarks.tolist() == [True, True]
    assert (track.start_seconds, track.stop_seconds) == (0.0, pytest.approx(0.08))


def test_an_empty_track_says_so():
    none = np.zeros(0)
    track = FaceTrack(3, none.astype(np.int64), none, np.zeros((0, 4), np.float32),
                      np.zeros((0, 478, 3), np.float32), none.astype(np.float32))  # fmt: skip
    assert len(track) == 0
    with pytest.raises(EmptyTrack, match="face 3"):
        track.start_seconds  # noqa: B018


def test_boxes_overlap_as_they_should(make_face):
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 2, 2), (2, 0, 3, 2)) == 0
    assert box_iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert box_area((3, 3, 1, 1)) == 0
    x0, y0, x1, y1 = box_of_landmarks(make_face())
    assert np.all((make_face()[:, :2] >= [x0, y0]) & (make_face()[:, :2] <= [x1, y1]))
