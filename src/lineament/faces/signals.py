"""Landmarks to signals: how open the eyes and mouth are, where head and gaze point, per frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from lineament.faces.track import FaceTrack

# Points of the 478-point mesh, as seen in the picture: left is the picture's left.
EYE_OUTER_LEFT, EYE_INNER_LEFT = 33, 133
EYE_OUTER_RIGHT, EYE_INNER_RIGHT = 263, 362
LIDS_LEFT = ((160, 144), (159, 145), (158, 153))  # upper and lower lid, three places
LIDS_RIGHT = ((385, 380), (386, 374), (387, 373))
IRIS_LEFT, IRIS_RIGHT = 468, 473
INNER_LIP_TOP, INNER_LIP_BOTTOM = 13, 14
INNER_LIPS = ((82, 87), (13, 14), (312, 317))
MOUTH_LEFT, MOUTH_RIGHT = 61, 291
LIP_TOP, LIP_BOTTOM = 0, 17
NOSE_TIP, NOSE_BASE, FOREHEAD, CHIN = 1, 2, 10, 152
FACE_LEFT, FACE_RIGHT = 234, 454
BROW_INNER_LEFT, BROW_INNER_RIGHT = 55, 285
BROW_MIDDLE_LEFT, BROW_MIDDLE_RIGHT = 105, 334
JAW_CORNER_LEFT, JAW_CORNER_RIGHT = 172, 397

# Mean over portraits that look straight ahead (467 FFHQ pictures; 102 London ones agree to 0.1).
PITCH_OF_A_STRAIGHT_FACE_DEGREES = -7.0


@dataclass(frozen=True)
class FaceSignals:
    """What moves in a face, one value per frame of its track; NaN where the mesh is missing.

    Lengths are shares of the distance between the outer eye corners in three dimensions, so
    that neither size nor turn of the head changes them. Sides are those of the picture.

    Attributes:
        times_seconds: Presentation times.
        eye_left: Height of the lid gap over the eye's width: about 0.3 open, 0.1 shut.
        eye_right: The same, right.
        mouth_gap: Height of the gap between the inner lips over the mouth's width.
        mouth_width: Width of the mouth.
        corner_lift: How far the mouth's corners lie above the middle of the lips.
        brow_height: Height of the brows over the eyes.
        brow_gap: Distance between the inner ends of the brows.
        gaze_across: Place of the irises between the eyes' corners; 0 is the middle, positive
            right, 1 would be the corner itself.
        gaze_down: Place of the irises below the line between the eyes' corners, in eye widths.
        yaw_degrees: Turn of the head, positive to the picture's right.
        pitch_degrees: Positive up.
        roll_degrees: Positive clockwise.
        size_px: Distance between the outer eye corners.
    """

    times_seconds: Float[np.ndarray, " frames"]
    eye_left: Float[np.ndarray, " frames"]
    eye_right: Float[np.ndarray, " frames"]
    mouth_gap: Float[np.ndarray, " frames"]
    mouth_width: Float[np.ndarray, " frames"]
    corner_lift: Float[np.ndarray, " frames"]
    brow_height: Float[np.ndarray, " frames"]
    brow_gap: Float[np.ndarray, " frames"]
    gaze_across: Float[np.ndarray, " frames"]
    gaze_down: Float[np.ndarray, " frames"]
    yaw_degrees: Float[np.ndarray, " frames"]
    pitch_degrees: Float[np.ndarray, " frames"]
    roll_degrees: Float[np.ndarray, " frames"]
    size_px: Float[np.ndarray, " frames"]

    def __len__(self) -> int:
        return len(self.times_seconds)

    @property
    def frame_seconds(self) -> float:
        """Return the usual time between two frames; 0 for a picture."""
        if len(self) < 2:
            return 0.0
        return float(np.median(np.diff(self.times_seconds)))


def measure_signals(track: FaceTrack) -> FaceSignals:
    """Measure every signal of a track."""
    return signals_from_landmarks(track.landmarks_px, track.times_seconds)


def signals_from_landmarks(
    landmarks_px: Float32[np.ndarray, "frames 478 3"],
    times_seconds: Float[np.ndarray, " frames"],
) -> FaceSignals:
    """Measure every signal of a run of mesh landmarks."""
    axes = find_head_axes(landmarks_px)
    yaw, pitch, roll = _angles_of_axes(axes)
    # Turn every frame upright and frontal: rows of `axes` are the head's right, down, inward.
    centred = landmarks_px - landmarks_px[:, [NOSE_TIP]]
    upright = np.einsum("fpc,fac->fpa", centred, axes)
    size = _distance(upright, EYE_OUTER_LEFT, EYE_OUTER_RIGHT)
    unit = upright / size[:, None, None]
    mouth_width = _distance(unit, MOUTH_LEFT, MOUTH_RIGHT)
    gaps = np.mean([_drop(unit, top, bottom) for top, bottom in INNER_LIPS], axis=0)
    eye_line = unit[:, [EYE_OUTER_LEFT, EYE_INNER_LEFT, EYE_INNER_RIGHT, EYE_OUTER_RIGHT], 1]
    brows = unit[:, [BROW_MIDDLE_LEFT, BROW_MIDDLE_RIGHT], 1]
    corners = unit[:, [MOUTH_LEFT, MOUTH_RIGHT], 1].mean(axis=1)
    lips = unit[:, [INNER_LIP_TOP, INNER_LIP_BOTTOM, LIP_TOP, LIP_BOTTOM], 1].mean(axis=1)
    gaze_across, gaze_down = _gaze(unit)
    return FaceSignals(
        times_seconds=np.asarray(times_seconds, np.float64),
        eye_left=_lid_gap(unit, LIDS_LEFT, EYE_OUTER_LEFT, EYE_INNER_LEFT),
        eye_right=_lid_gap(unit, LIDS_RIGHT, EYE_OUTER_RIGHT, EYE_INNER_RIGHT),
        mouth_gap=np.maximum(gaps, 0.0) / mouth_width,
        mouth_width=mouth_width,
        corner_lift=lips - corners,
        brow_height=eye_line.mean(axis=1) - brows.mean(axis=1),
        brow_gap=_distance(unit, BROW_INNER_LEFT, BROW_INNER_RIGHT),
        gaze_across=gaze_across,
        gaze_down=gaze_down,
        yaw_degrees=yaw,
        pitch_degrees=pitch,
        roll_degrees=roll,
        size_px=size,
    )


def find_head_axes(
    landmarks: Float32[np.ndarray, "frames 478 3"],
) -> Float[np.ndarray, "frames 3 3"]:
    """Return the head's own right, down and inward directions as rows."""
    across = (
        (landmarks[:, EYE_OUTER_RIGHT] - landmarks[:, EYE_OUTER_LEFT])
        + (landmarks[:, EYE_INNER_RIGHT] - landmarks[:, EYE_INNER_LEFT])
        + 0.5 * (landmarks[:, FACE_RIGHT] - landmarks[:, FACE_LEFT])
    )
    # Chin and lips move with speech: the nose and forehead give the vertical, the jaw corners
    # steady it.
    eyes = landmarks[:, [EYE_OUTER_LEFT, EYE_OUTER_RIGHT]].mean(axis=1)
    jaw = landmarks[:, [JAW_CORNER_LEFT, JAW_CORNER_RIGHT]].mean(axis=1)
    down = (landmarks[:, NOSE_BASE] - landmarks[:, FOREHEAD]) + (jaw - eyes)
    right = across / np.linalg.norm(across, axis=1, keepdims=True)
    down = down - right * np.sum(down * right, axis=1, keepdims=True)
    down = down / np.linalg.norm(down, axis=1, keepdims=True)
    inward = np.cross(right, down)
    return np.stack([right, down, inward], axis=1)


def _angles_of_axes(
    axes: Float[np.ndarray, "frames 3 3"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    right, down, inward = axes[:, 0], axes[:, 1], axes[:, 2]
    # The face looks along minus inward; z grows away from the camera.
    yaw = np.degrees(np.arctan2(-inward[:, 0], inward[:, 2]))
    pitch = np.degrees(np.arctan2(inward[:, 1], np.hypot(inward[:, 0], inward[:, 2])))
    roll = np.degrees(np.arctan2(right[:, 1], right[:, 0]))
    del down
    return yaw, pitch - PITCH_OF_A_STRAIGHT_FACE_DEGREES, roll


def _gaze(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    across, down = [], []
    for iris, left, right in (
        (IRIS_LEFT, EYE_OUTER_LEFT, EYE_INNER_LEFT),
        (IRIS_RIGHT, EYE_INNER_RIGHT, EYE_OUTER_RIGHT),
    ):
        middle = (unit[:, left, :2] + unit[:, right, :2]) / 2
        width = np.linalg.norm(unit[:, right, :2] - unit[:, left, :2], axis=1)
        offset = (unit[:, iris, :2] - middle) / width[:, None]
        across.append(2 * offset[:, 0])
        down.append(offset[:, 1])
    return np.mean(across, axis=0), np.mean(down, axis=0)


def _lid_gap(
    unit: np.ndarray, lids: tuple[tuple[int, int], ...], outer: int, inner: int
) -> np.ndarray:
    width = np.linalg.norm(unit[:, outer, :2] - unit[:, inner, :2], axis=1)
    gaps = [np.linalg.norm(unit[:, top, :2] - unit[:, bottom, :2], axis=1) for top, bottom in lids]
    return np.mean(gaps, axis=0) / width


def _distance(points: np.ndarray, first: int, second: int) -> np.ndarray:
    return np.linalg.norm(points[:, first] - points[:, second], axis=1)


def _drop(points: np.ndarray, top: int, bottom: int) -> np.ndarray:
    return points[:, bottom, 1] - points[:, top, 1]
