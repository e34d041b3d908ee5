"""What finds faces: one small protocol, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

Box = tuple[float, float, float, float]  # x0, y0, x1, y1

NUM_MESH_POINTS = 478  # 468 of the face mesh and 5 for each iris


@dataclass(frozen=True, slots=True)
class FoundFace:
    """One face in one frame.

    Attributes:
        box_xyxy_px: Box around the face itself, forehead to chin.
        landmarks_px: The 478 points of MediaPipe's face mesh: x, y in pixels of the frame and
            z in the same scale, smaller is nearer. None where the face is too small or too far
            turned for the mesh, so that only the box is known.
        score: How sure the finder is, 0 to 1.
    """

    box_xyxy_px: Box
    landmarks_px: Float32[np.ndarray, "478 3"] | None
    score: float


@runtime_checkable
class FaceFinder(Protocol):
    """Finds faces in a frame, and a face again in the next one.

    An implementation owns native memory: use it as a context manager or call `close`.
    """

    @property
    def name(self) -> str:
        """What facts give as their source."""
        ...

    def find(
        self, pixels: UInt8[np.ndarray, "height width 3"], known: Sequence[FoundFace] = ()
    ) -> list[FoundFace]:
        """Find every face of a frame but those already known in it."""
        ...

    def find_again(
        self, pixels: UInt8[np.ndarray, "height width 3"], last: FoundFace
    ) -> FoundFace | None:
        """Find one face near where it was in the frame before; None if it is gone."""
        ...

    def close(self) -> None:
        """Free what the finder holds."""
        ...


def box_of_landmarks(
    landmarks_px: Float32[np.ndarray, "points 3"],
) -> Box:
    """Return the smallest box around the landmarks."""
    low, high = landmarks_px[:, :2].min(axis=0), landmarks_px[:, :2].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def box_iou(first: Box, second: Box) -> float:
    """Return intersection over union of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / (box_area(first) + box_area(second) - overlap)


def box_area(box: Box) -> float:
    """Return the area of a box, 0 where it is turned inside out."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
