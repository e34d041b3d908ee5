"""Portraits: upright crops with room for hair and hats, in which the eyes lie at one place."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from lineament.faces.landmarks import POINTS

PORTRAIT_PX = 96
EYES_APART, EYES_AT = 0.31, 0.46  # of the side: distance of the eyes, height of their line
_EYES = [POINTS.index(point) for point in (33, 133, 362, 263)]  # corners, the left one's first
_MARGIN = 0.4  # of a picture's side, mirrored around it where a portrait reaches beyond


def find_eyes(
    row: Float[np.ndarray, "rows 3"], height: int, width: int
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Return both eyes in pixels, the one on the left of the picture first.

    Args:
        row: Landmark rows of one moment, as `describe_landmarks` gives them.
        height: Of the picture.
        width: Likewise.
    """
    nose = (row[-1, :2] + 1) / 2 * np.array([width, height])
    corners = row[_EYES] @ row[-4:-1] * float(np.exp(row[-1, 2])) * width
    left, right = corners[:2].mean(axis=0)[:2] + nose, corners[2:].mean(axis=0)[:2] + nose
    return (left, right) if left[0] <= right[0] else (right, left)


def crop_portrait(
    frame: UInt8[np.ndarray, "height width 3"],
    eyes: tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]],
    *,
    size_px: int = PORTRAIT_PX,
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Turn a head upright and cut it out; what lies beyond the picture is its mirror image."""
    left, right = (np.asarray(eye, np.float64) for eye in eyes)
    across = right - left
    length = max(float(np.linalg.norm(across)), 1e-6)
    scale = length / (EYES_APART * size_px)
    frame, left, right, scale = _shrink(frame, left, right, scale)
    pad = int(_MARGIN * min(frame.shape[:2]))
    padded = np.pad(frame, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    along = across / length
    turn = scale * np.array([[along[0], -along[1]], [along[1], along[0]]])
    at = np.array([size_px / 2, EYES_AT * size_px])
    offset = (left + right) / 2 + pad - turn @ at
    matrix = np.concatenate([turn, offset[:, None]], axis=1)
    image = Image.fromarray(padded).transform(
        (size_px, size_px),
        Image.Transform.AFFINE,
        tuple(matrix.ravel().tolist()),
        resample=Image.Resampling.BICUBIC,
    )
    return np.asarray(image)


def _shrink(
    frame: np.ndarray, left: np.ndarray, right: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Bring large pictures down first, so that no pixel is passed over."""
    if scale < 1.5:
        return frame, left, right, scale
    height, width = frame.shape[:2]
    size = (max(8, round(width / scale)), max(8, round(height / scale)))
    small = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
    change = np.array([size[0] / width, size[1] / height])
    return small, left * change, right * change, scale * float(change.mean())
