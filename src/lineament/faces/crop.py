"""Cut faces out: square crops, and crops turned upright and scaled by the eyes."""

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image

from lineament.errors import EmptyTrack
from lineament.faces.finder import FoundFace
from lineament.faces.signals import EYE_INNER_LEFT, EYE_INNER_RIGHT, EYE_OUTER_LEFT, EYE_OUTER_RIGHT
from lineament.faces.track import FaceTrack

EYES_AT = 0.40  # height of the eye line in an aligned crop, as a share of its side
EYES_APART = 0.42  # distance between the eyes' middles, likewise


def crop_faces(
    pixels: UInt8[np.ndarray, "clip_frames height width 3"],
    track: FaceTrack,
    *,
    size_px: int = 112,
    margin: float = 0.25,
) -> UInt8[np.ndarray, "frames {size_px} {size_px} 3"]:
    """Cut one square crop per tracked frame.

    Args:
        pixels: Whole clip, RGB.
        track: Where the face is; may cover fewer frames than the clip.
        size_px: Side of each crop.
        margin: Extra border, as a fraction of the longer box side.

    Returns:
        Crops in the order of ``track.frame_index``; parts outside the frame are black.

    Raises:
        EmptyTrack: The track has no frames.
    """
    if not len(track):
        raise EmptyTrack(f"face {track.id} was seen in no frame")
    return np.stack(
        [
            crop_box(pixels[frame], (x0, y0, x1, y1), size_px=size_px, margin=margin)
            for frame, (x0, y0, x1, y1) in zip(
                track.frame_index, track.boxes_xyxy_px.tolist(), strict=True
            )
        ]
    )


def crop_box(
    pixels: UInt8[np.ndarray, "height width 3"],
    box_xyxy_px: tuple[float, float, float, float],
    *,
    size_px: int = 112,
    margin: float = 0.25,
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Cut one square crop around a box; parts outside the frame are black."""
    x0, y0, x1, y1 = (float(side) for side in box_xyxy_px)
    side = max(x1 - x0, y1 - y0) * (1.0 + 2.0 * margin)
    left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
    scale = side / size_px
    return _warp(pixels, np.array([[scale, 0.0, left], [0.0, scale, top]]), size_px)


def crop_aligned(
    pixels: UInt8[np.ndarray, "height width 3"], face: FoundFace, *, size_px: int = 112
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Cut a crop in which the eyes lie level and at fixed places.

    A face without landmarks is cut by its box. Parts outside the frame are black.
    """
    if face.landmarks_px is None:
        return crop_box(pixels, face.box_xyxy_px, size_px=size_px)
    return _warp(pixels, _aligning_matrix(face.landmarks_px, size_px), size_px)


def _aligning_matrix(
    landmarks: Float32[np.ndarray, "478 3"], size_px: int
) -> Float[np.ndarray, "2 3"]:
    """Return the map from crop pixels to frame pixels.

    The distance is taken in three dimensions, so that a turned head is not enlarged.
    """
    left = landmarks[[EYE_OUTER_LEFT, EYE_INNER_LEFT]].mean(axis=0)
    right = landmarks[[EYE_OUTER_RIGHT, EYE_INNER_RIGHT]].mean(axis=0)
    middle = (left + right)[:2] / 2
    across = (right - left)[:2]
    apart = float(np.linalg.norm(right - left))
    direction = across / max(float(np.linalg.norm(across)), 1e-6)
    scale = apart / (EYES_APART * size_px)
    turn = scale * np.array([[direction[0], -direction[1]], [direction[1], direction[0]]])
    at = np.array([size_px / 2, EYES_AT * size_px])
    return np.concatenate([turn, (middle - turn @ at)[:, None]], axis=1)


def _warp(pixels: np.ndarray, matrix: np.ndarray, size_px: int) -> np.ndarray:
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    image = Image.fromarray(pixels)
    if scale > 2.0:  # bilinear sampling of a much larger picture would alias
        shrink = int(scale)
        image = image.reduce(shrink)
        matrix = matrix / shrink
    warped = image.transform(
        (size_px, size_px),
        Image.Transform.AFFINE,
        tuple(matrix.ravel()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(warped)
