"""Mesh landmarks to the rows that a model's landmark stream reads: expression, pose, place."""

import numpy as np
from jaxtyping import Bool, Float, Float32

from lineament.faces.signals import (
    EYE_OUTER_LEFT,
    EYE_OUTER_RIGHT,
    NOSE_TIP,
    find_head_axes,
)

# Points of the 478-point mesh that move: lids, irises, brows, lips, nose, jaw.
_EYE_LEFT = (33, 133, 160, 159, 158, 144, 145, 153, 161, 163)
_EYE_RIGHT = (263, 362, 385, 386, 387, 380, 374, 373, 388, 390)
_IRISES = (468, 473)
_BROWS = (70, 63, 105, 66, 55, 300, 293, 334, 296, 285, 9)
_LIPS_OUTER = (61, 40, 37, 0, 267, 270, 291, 91, 84, 17, 314, 321)
_LIPS_INNER = (78, 82, 13, 312, 308, 87, 14, 317)
_NOSE = (1, 2, 48, 278)
_OUTLINE = (10, 152, 172, 397, 234, 454, 18)
POINTS = (*_EYE_LEFT, *_EYE_RIGHT, *_IRISES, *_BROWS, *_LIPS_OUTER, *_LIPS_INNER, *_NOSE, *_OUTLINE)
NUM_ROWS = len(POINTS) + 4
# What each row becomes when the picture is mirrored: sides change places.
_MIRRORED = {
    33: 263, 133: 362, 160: 387, 159: 386, 158: 385, 144: 373, 145: 374, 153: 380, 161: 388,
    163: 390, 468: 473, 70: 300, 63: 293, 105: 334, 66: 296, 55: 285, 61: 291, 40: 270, 37: 267,
    91: 321, 84: 314, 78: 308, 82: 312, 87: 317, 48: 278, 172: 397, 234: 454,
}  # fmt: skip


def describe_landmarks(
    landmarks_px: Float32[np.ndarray, "frames 478 3"], height_px: int, width_px: int
) -> Float32[np.ndarray, "frames rows 3"]:
    """Turn landmarks into rows that neither the size nor the place of a face changes.

    The first rows are points of the face turned upright and frontal, from the tip of the nose,
    in distances between the outer eye corners. Then come the head's right, down and inward
    axes, and last the place of the nose in the frame (-1..1) with the logarithm of the face's
    size in frame widths. Frames without a mesh stay NaN.
    """
    axes = find_head_axes(landmarks_px)
    centred = landmarks_px - landmarks_px[:, [NOSE_TIP]]
    upright = np.einsum("fpc,fac->fpa", centred[:, POINTS], axes)
    across = landmarks_px[:, EYE_OUTER_RIGHT] - landmarks_px[:, EYE_OUTER_LEFT]
    size = np.maximum(np.linalg.norm(across, axis=1), 1e-3)
    place = np.stack(
        [
            2 * landmarks_px[:, NOSE_TIP, 0] / width_px - 1,
            2 * landmarks_px[:, NOSE_TIP, 1] / height_px - 1,
            np.log(size / width_px),
        ],
        axis=1,
    )
    rows = [upright / size[:, None, None], axes, place[:, None]]
    return np.concatenate(rows, axis=1).astype(np.float32)


def mirror_rows(
    rows: Float32[np.ndarray, "*frames rows 3"],
) -> Float32[np.ndarray, "*frames rows 3"]:
    """Return the rows of the mirrored picture."""
    order = list(range(NUM_ROWS))
    for left, right in _MIRRORED.items():
        if left in POINTS and right in POINTS:
            first, second = POINTS.index(left), POINTS.index(right)
            order[first], order[second] = second, first
    mirrored = rows[..., order, :] * np.array([-1, 1, 1], np.float32)
    # The axes are vectors of the head: "right" points to the other side of the picture.
    right, down, inward = (NUM_ROWS - 4 + step for step in range(3))
    mirrored[..., right, :] = rows[..., right, :] * np.array([1, -1, -1], np.float32)
    for axis in (down, inward):
        mirrored[..., axis, :] = rows[..., axis, :] * np.array([-1, 1, 1], np.float32)
    return mirrored


def sample_rows(
    rows: Float32[np.ndarray, "seen rows 3"],
    times_seconds: Float[np.ndarray, " seen"],
    bins_seconds: Float[np.ndarray, "frames 2"],
    *,
    num_samples: int,
) -> tuple[
    Float32[np.ndarray, "frames {num_samples} rows 3"],
    Bool[np.ndarray, "frames {num_samples}"],
]:
    """Spread samples evenly over each frame's share of the clip.

    Args:
        rows: From `describe_landmarks`; NaN rows are not used.
        times_seconds: When each row was seen, rising.
        bins_seconds: From when to when each frame's share lasts.
        num_samples: How many samples in each.

    Returns:
        The rows seen nearest to each sample's time, zero where the face was not seen about
        then, and where they are valid.
    """
    starts, stops = bins_seconds[:, :1], bins_seconds[:, 1:]
    shares = (np.arange(num_samples) + 0.5) / num_samples
    wanted = starts + (stops - starts) * shares
    sampled = np.zeros((*wanted.shape, *rows.shape[1:]), np.float32)
    is_whole = ~np.isnan(rows[:, 0, 0])
    rows, times = rows[is_whole], np.asarray(times_seconds, np.float64)[is_whole]
    if not len(rows):
        return sampled, np.zeros(wanted.shape, bool)
    after = np.searchsorted(times, wanted).clip(0, len(times) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(wanted - times[before] <= times[after] - wanted, before, after)
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    step = (stops - starts) / num_samples
    mask = np.abs(times[nearest] - wanted) <= np.maximum(step, max(1.5 * usual, 0.05))
    sampled[mask] = rows[nearest[mask]]
    return sampled, mask
