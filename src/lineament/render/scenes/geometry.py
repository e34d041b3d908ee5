"""Rectangles on the ground: corners, overlap, cutting at the border of the picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, "... 2"]


@dataclass(frozen=True, slots=True)
class Rect:
    """A turned rectangle; `degrees` is where its front looks, clockwise from the right."""

    x: float
    y: float
    length: float
    width: float
    degrees: float = 0.0

    @property
    def corners(self) -> Points:
        """Front left, front right, back right, back left, seen along its front."""
        return self.place(((0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)))

    def place(self, shares: Sequence[tuple[float, float]]) -> Points:
        """Return points given by their shares of length and width, from the centre."""
        turn = math.radians(self.degrees)
        cosine, sine = math.cos(turn), math.sin(turn)
        along = np.array([along * self.length for along, _ in shares])
        across = np.array([across * self.width for _, across in shares])
        return np.stack(
            [self.x + along * cosine - across * sine, self.y + along * sine + across * cosine], -1
        )

    def grown(self, gap: float) -> "Rect":
        """Return the rectangle with a margin all around."""
        return Rect(self.x, self.y, self.length + 2 * gap, self.width + 2 * gap, self.degrees)


def rect_from_region(region: Sequence[float], scale: float) -> Rect:
    """Return the rectangle of a region of four corners, or of an upright box, scaled."""
    if len(region) == 4:
        x0, y0, x1, y1 = (scale * part for part in region)
        degrees = 0.0 if x1 - x0 >= y1 - y0 else 90.0
        sides = sorted((x1 - x0, y1 - y0))
        return Rect((x0 + x1) / 2, (y0 + y1) / 2, sides[1], sides[0], degrees)
    points = np.asarray(region, np.float64).reshape(-1, 2) * scale
    if len(points) != 4:
        return rect_from_region((*points.min(0), *points.max(0)), 1.0)
    x, y = points.mean(0)
    front = (points[0] + points[1] - points[2] - points[3]) / 2
    length, width = math.hypot(*front), math.hypot(*(points[1] - points[0]))
    return Rect(x, y, length, width, math.degrees(math.atan2(front[1], front[0])))


def is_apart(first: Points, second: Points) -> bool:
    """Say whether two convex shapes do not touch: some side of one parts them."""
    for shape in (first, second):
        edges = np.roll(shape, -1, axis=0) - shape
        normals = np.stack([-edges[:, 1], edges[:, 0]], -1)
        one, other = first @ normals.T, second @ normals.T
        if np.any((one.max(0) < other.min(0)) | (other.max(0) < one.min(0))):
            return True
    return False


def is_within(points: Points, area: Points) -> bool:
    """Say whether all points lie in a convex area with clockwise corners (y down)."""
    edges = np.roll(area, -1, axis=0) - area
    offsets = points[:, None] - area[None]
    return bool(np.all(edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0] >= -1e-6))


def clip_to_square(points: Points, side: float) -> Points:
    """Cut a convex shape at the borders of the square from 0 to `side`."""
    for axis in (0, 1):
        for sign, limit in ((1.0, 0.0), (-1.0, -side)):
            points = _clip_half(points, axis, sign, limit)
            if not len(points):
                return points
    return points


def _clip_half(points: Points, axis: int, sign: float, limit: float) -> Points:
    kept: list[np.ndarray] = []
    for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
        depth, other = sign * here[axis] - limit, sign * there[axis] - limit
        if depth >= 0:
            kept.append(here)
        if (depth >= 0) != (other >= 0):
            kept.append(here + (there - here) * (depth / (depth - other)))
    return np.array(kept).reshape(-1, 2)
