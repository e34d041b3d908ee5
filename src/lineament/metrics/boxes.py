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
            clockwise as y points down; or the corners ``x y x y ...`` themselves, in any order,
            since sides that cross would have no area to speak of.

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
    return _hull([(box[i], box[i + 1]) for i in range(0, len(box), 2)])


def _hull(points: Sequence[Point]) -> list[Point]:
    """Return the convex hull, by the monotone chain (Andrew 1979)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered
    halves: list[list[Point]] = []
    for chain in (ordered, ordered[::-1]):
        half: list[Point] = []
        for point in chain:
            while len(half) > 1 and _side(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    return halves[0] + halves[1]


def _turn(corners: Polygon, centre: Point, radians: float) -> list[Point]:
    cos, sin = math.cos(radians), math.sin(radians)
    cx, cy = centre
    return [
        (cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos)
        for x, y in corners
    ]


class _Shape(NamedTuple):
    """A box made ready to be compared with many: corners, area, and the outer upright box."""

    corners: list[Point]
    area: float
    is_upright: bool
    left: float
    top: float
    right: float
    bottom: float


def _shape_box(box: Sequence[float]) -> _Shape:
    corners = polygon_from_box(box)
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    bounds = min(xs), min(ys), max(xs), max(ys)
    return _Shape(corners, _area(corners), len(box) == 4, *bounds)


def _overlap(one: _Shape, other: _Shape) -> Overlap:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if one.is_upright and other.is_upright:
        shared = max(width, 0.0) * max(height, 0.0)
        return Overlap(shared, one.area + other.area - shared)
    if width < 0 or height < 0:  # cutting corners takes far longer than seeing that none can meet
        return Overlap(0.0, one.area + other.area)
    return overlap_polygons(one.corners, other.corners)


def overlap_boxes(first: Sequence[float], second: Sequence[float]) -> Overlap:
    """Return the areas of two boxes; rotated ones are cut exactly."""
    return _overlap(_shape_box(first), _shape_box(second))


def overlap_polygons(first: Polygon, second: Polygon) -> Overlap:
    """Return the areas of two convex polygons, in either order of their corners."""
    areas = _area(first), _area(second)
    if not all(areas):
        return Overlap(0.0, sum(areas))  # a point has no sides to cut by
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
    others = [_shape_box(box) for box in truth]
    overlaps = [[_overlap(one, other) for other in others] for one in map(_shape_box, predicted)]
    ious: Float[np.ndarray, "predicted truth"] = np.array(
        [[overlap.iou for overlap in row] for row in overlaps]
    )
    return [(i, j, overlaps[i][j]) for i, j in assign(ious) if ious[i, j] > 0]


def sum_areas(boxes: Sequence[Sequence[float]]) -> float:
    """Return the sum of the boxes' areas."""
    return sum(_area(polygon_from_box(box)) for box in boxes)
