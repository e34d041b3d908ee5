"""Boxes: IoU of upright and rotated boxes, and how well sets of them fit."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from lineament.metrics.spans import assign

Point = tuple[float, float]
Polygon = Sequence[Point]


class Overlap(NamedTuple):
    """Areas that two shapes share and cover together."""

    intersection: float
    union: float

    @property
    def iou(self) -> float:
        """Shared over joint area; 0 where there is none."""
        return self.intersection / self.union if self.union > 0 else 0.0


def polygon_from_box(box: Sequence[float]) -> list[Point]:
    """Return the corners of a box.

    Args:
        box: ``x0 y0 x1 y1``; with a fifth number, turned by so many degrees about its centre,
            clockwise as y points down; or the corners ``x y x y ...`` themselves.

    Raises:
        ValueError: There are neither four, five, nor at least three pairs of numbers.
    """
    if len(box) == 4 or len(box) == 5:
        x0, y0, x1, y1 = box[:4]
        x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        if len(box) == 4 or box[4] % 180 == 0:
            return corners
        return _turn(corners, ((x0 + x1) / 2, (y0 + y1) / 2), math.radians(box[4]))
    if len(box) < 6 or len(box) % 2:
        raise ValueError(f"expected 4, 5 or at least 6 numbers in pairs, got {len(box)}")
    return [(box[i], box[i + 1]) for i in range(0, len(box), 2)]


def _turn(corners: Polygon, centre: Point, radians: float) -> list[Point]:
    cos, sin = math.cos(radians), math.sin(radians)
    cx, cy = centre
    return [
        (cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos)
        for x, y in corners
    ]


def overlap_boxes(first: Sequence[float], second: Sequence[float]) -> Overlap:
    """Return the areas of two boxes; rotated ones are cut exactly."""
    if len(first) == 4 and len(second) == 4:
        one, other = polygon_from_box(first), polygon_from_box(second)
        width = min(one[2][0], other[2][0]) - max(one[0][0], other[0][0])
        height = min(one[2][1], other[2][1]) - max(one[0][1], other[0][1])
        shared = max(width, 0.0) * max(height, 0.0)
        return Overlap(shared, _area(one) + _area(other) - shared)
    return overlap_polygons(polygon_from_box(first), polygon_from_box(second))


def overlap_polygons(first: Polygon, second: Polygon) -> Overlap:
    """Return the areas of two convex polygons, in either order of their corners."""
    areas = _area(first), _area(second)
    shared = _area(_clip(_counterclockwise(first), _counterclockwise(second)))
    return Overlap(shared, areas[0] + areas[1] - shared)


def box_iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the shared over the joint area of two boxes, upright or rotated."""
    return overlap_boxes(first, second).iou


def _area(polygon: Polygon) -> float:
    return abs(_signed_area(polygon))


def _signed_area(polygon: Polygon) -> float:
    total = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
        total += x0 * y1 - x1 * y0
    return total / 2


def _counterclockwise(polygon: Polygon) -> list[Point]:
    return list(polygon) if _signed_area(polygon) >= 0 else list(reversed(polygon))


def _clip(subject: list[Point], window: list[Point]) -> list[Point]:
    """Cut a polygon by each side of a convex window (Sutherland and Hodgman 1974)."""
    for start, stop in zip(window, [*window[1:], *window[:1]], strict=True):
        if not subject:
            return []
        kept: list[Point] = []
        sides = [_side(start, stop, point) for point in subject]
        for place, point in enumerate(subject):
            before, was = subject[place - 1], sides[place - 1]
            now = sides[place]
            if (was < 0) != (now < 0):
                share = was / (was - now)
                kept.append(
                    (before[0] + share * (point[0] - before[0]),
                     before[1] + share * (point[1] - before[1]))
                )  # fmt: skip
            if now >= 0:
                kept.append(point)
        subject = kept
    return subject


def _side(start: Point, stop: Point, point: Point) -> float:
    return (stop[0] - start[0]) * (point[1] - start[1]) - (stop[1] - start[1]) * (
        point[0] - start[0]
    )


def match_boxes(
    predicted: Sequence[Sequence[float]], truth: Sequence[Sequence[float]]
) -> list[tuple[int, int, Overlap]]:
    """Pair boxes one to one for the largest sum of IoUs; pairs that share nothing are left out."""
    if not predicted or not truth:
        return []
    overlaps = [[overlap_boxes(one, other) for other in truth] for one in predicted]
    ious: Float[np.ndarray, "predicted truth"] = np.array(
        [[overlap.iou for overlap in row] for row in overlaps]
    )
    return [(i, j, overlaps[i][j]) for i, j in assign(ious) if ious[i, j] > 0]


def sum_areas(boxes: Sequence[Sequence[float]]) -> float:
    """Return the sum of the boxes' areas."""
    return sum(_area(polygon_from_box(box)) for box in boxes)
