"""Objects of an aerial scene, and what geometry says of them: place, extremes, relations."""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lineament.annotation import Annotation
from lineament.vocabulary import Value

# True, False, or None where the case is too near the border to call.
Answer: TypeAlias = bool | None

MIN_OFFSET = 0.10  # of the picture's side, between centres: left of, above, ...
MAX_OVERLAP = 0.20  # of the smaller box: beyond it nothing is left of anything
NEAR_GAP, FAR_GAP = 0.5, 1.0  # of the larger side of the two
INSIDE_SHARE, OUTSIDE_SHARE = 0.9, 0.5
LARGER = 1.44
PLACE_MARGIN = 0.03  # of the picture's side, about the lines between ninths and halves
EXTREME_MARGIN = 0.02
PARALLEL_DEGREES, TURNED_DEGREES = 12.0, 25.0
_NINTHS = (
    ("top_left", "top", "top_right"),
    ("left", "center", "right"),
    ("bottom_left", "bottom", "bottom_right"),
)
_KINDS_OF: Mapping[str, frozenset[str]] = {
    "vehicle": frozenset(("vehicle", "small_vehicle", "large_vehicle"))
}


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One object.

    Attributes:
        id: The subject's.
        name: Its class.
        color: Its colour, or empty where no fact tells.
        points: Corners in unit coordinates; empty where it has no place.
        length_meters: Longer side on the ground; None where no fact tells.
        degrees: Direction of the longer side, 0 to 180; None where no fact tells.
        on: The object it stands on, where a fact tells.
    """

    id: str
    name: str
    color: str = ""
    points: tuple[float, ...] = ()
    length_meters: float | None = None
    degrees: float | None = None
    on: str = ""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Upright box around it, in unit coordinates."""
        if len(self.points) == 4:
            x0, y0, x1, y1 = self.points
            return x0, y0, x1, y1
        xs, ys = self.points[0::2], self.points[1::2]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of its box."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2

    @property
    def area(self) -> float:
        """Area in unit coordinates."""
        return _area(self.points)

    def is_a(self, name: str) -> bool:
        """Say whether it is of a class; a small vehicle is a vehicle."""
        return self.name == name or self.name in _KINDS_OF.get(name, ())


@dataclass(frozen=True, slots=True)
class Scene:
    """All objects of an annotation, and of which classes none is missing."""

    objects: tuple[SceneObject, ...]
    listed: frozenset[str]

    def is_listed(self, name: str) -> bool:
        """Say whether every object of a class is known."""
        if name in self.listed:
            return True
        kinds = _KINDS_OF.get(name, frozenset()) - {name}
        return bool(kinds) and kinds <= self.listed

    def of_class(self, name: str) -> tuple[SceneObject, ...]:
        """Return the objects of a class."""
        return tuple(found for found in self.objects if found.is_a(name))


@functools.lru_cache(maxsize=65_536)  # every object of a class is compared with every other
def _area(points: tuple[float, ...]) -> float:
    if len(points) == 4:
        x0, y0, x1, y1 = points
        return (x1 - x0) * (y1 - y0)
    xy = np.asarray(points).reshape(-1, 2)
    after = np.roll(xy, -1, axis=0)
    return abs(float(np.sum(xy[:, 0] * after[:, 1] - after[:, 0] * xy[:, 1]))) / 2


def is_scene(annotation: Annotation) -> bool:
    """Say whether an annotation is of an aerial scene rather than of faces."""
    names = ("listed_class", "meters_per_pixel", "scene_class", "width_px")
    return any(subject.kind == "object" for subject in annotation.subjects) or any(
        fact.name in names for fact in annotation.facts
    )


def read_scene(annotation: Annotation) -> Scene:
    """Gather the facts of each object."""
    objects = []
    told: dict[str, dict[str, Value]] = {}
    for fact in annotation.facts:
        told.setdefault(fact.subject, {})[fact.name] = fact.value
    for fact in annotation.facts_named("object_class"):
        own = told[fact.subject]
        length, degrees = (own.get(name) for name in ("length_meters", "orientation_degrees"))
        objects.append(
            SceneObject(
                id=fact.subject,
                name=str(fact.value),
                color=str(own.get("object_color", "")),
                points=fact.region or (),
                length_meters=float(length) if length is not None else None,
                degrees=float(degrees) % 180 if degrees is not None else None,
                on=str(own.get("on", "")),
            )
        )
    listed = frozenset(str(fact.value) for fact in annotation.facts_named("listed_class"))
    return Scene(tuple(objects), listed)


def find_position(found: SceneObject) -> str:
    """Return the ninth of the picture that holds an object's centre."""
    x, y = found.centre
    return _NINTHS[min(max(int(y * 3), 0), 2)][min(max(int(x * 3), 0), 2)]


def lies_in(found: SceneObject, position: str) -> Answer:
    """Say whether an object lies in a ninth; None close to its border."""
    if not found.points:
        return None
    if find_position(found) == position:
        return True
    row, column = next((r, c) for r in range(3) for c in range(3) if _NINTHS[r][c] == position)
    x, y = found.centre
    gap = max(column / 3 - x, x - (column + 1) / 3, row / 3 - y, y - (row + 1) / 3)
    return False if gap > PLACE_MARGIN else None


def lies_on_side(found: SceneObject, side: str) -> Answer:
    """Say whether an object lies in a half; None close to the middle."""
    if not found.points:
        return None
    x, y = found.centre
    depth = {"left": 0.5 - x, "right": x - 0.5, "top": 0.5 - y, "bottom": y - 0.5}[side]
    return None if abs(depth) <= PLACE_MARGIN else depth > 0


def find_density(scene: Scene) -> str | None:
    """Return how close together the objects lie, roads aside; None for fewer than two.

    The median distance of an object to its nearest neighbour, in its own mean sides: dense below
    1.2, sparse above 3.
    """
    objects = [o for o in scene.objects if o.points and o.name not in ("road", "bridge")]
    if len(objects) < 2:
        return None
    steps = []
    for one in objects:
        nearest = min(math.dist(one.centre, other.centre) for other in objects if other is not one)
        steps.append(nearest / max(math.sqrt(one.area), 1e-6))
    middle = float(np.median(steps))
    return "dense" if middle < 1.2 else "sparse" if middle > 3 else "moderate"


def is_extreme(found: SceneObject, extreme: str, others: Iterable[SceneObject]) -> Answer:
    """Say whether an object stands out among those of its class; None where it is close."""
    rest = [other for other in others if other is not found]
    if not found.points or not all(other.points for other in rest):
        return None
    answers = [_stands_out(found, other, extreme) for other in rest]
    if all(answers):
        return True
    return False if any(answer is False for answer in answers) else None


def _stands_out(one: SceneObject, other: SceneObject, extreme: str) -> Answer:
    if extreme in ("largest", "smallest"):
        ratio = one.area / max(other.area, 1e-12)
        ratio = ratio if extreme == "largest" else 1 / max(ratio, 1e-12)
        return True if ratio > LARGER else False if ratio < 1 else None
    axis = 0 if extreme in ("leftmost", "rightmost") else 1
    ahead = other.centre[axis] - one.centre[axis]
    ahead = ahead if extreme in ("leftmost", "topmost") else -ahead
    return True if ahead > EXTREME_MARGIN else False if ahead < 0 else None


def is_related(one: SceneObject, name: str, other: SceneObject) -> Answer:
    """Say whether a relation holds between two objects by their geometry."""
    if one.id == other.id or not one.points or not other.points:
        return False if one.id == other.id else None
    return _RELATIONS[name](one, other)


def _offset(axis: int, sign: int) -> Callable[[SceneObject, SceneObject], Answer]:
    def judge(one: SceneObject, other: SceneObject) -> Answer:
        ahead = sign * (one.centre[axis] - other.centre[axis])
        if ahead <= 0:
            return False
        return True if ahead > MIN_OFFSET and _overlap(one, other) <= MAX_OVERLAP else None

    return judge


def _is_near(one: SceneObject, other: SceneObject) -> Answer:
    a, b = one.box, other.box
    across = max(a[0] - b[2], b[0] - a[2], 0.0)
    down = max(a[1] - b[3], b[1] - a[3], 0.0)
    side = max(a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1])
    gap = math.hypot(across, down) / max(side, 1e-9)
    return True if gap < NEAR_GAP else False if gap > FAR_GAP else None


def _is_inside(one: SceneObject, other: SceneObject) -> Answer:
    share = _cover(one, other)
    return True if share >= INSIDE_SHARE else False if share < OUTSIDE_SHARE else None


def _is_on(one: SceneObject, other: SceneObject) -> Answer:
    if one.on:
        return True if one.on == other.id else _is_inside(one, other)
    return _is_inside(one, other)


def _is_parallel(one: SceneObject, other: SceneObject) -> Answer:
    if one.degrees is None or other.degrees is None:
        return None
    apart = abs(one.degrees - other.degrees) % 180
    apart = min(apart, 180 - apart)
    return True if apart <= PARALLEL_DEGREES else False if apart >= TURNED_DEGREES else None


def _is_larger(one: SceneObject, other: SceneObject) -> Answer:
    ratio = one.area / max(other.area, 1e-12)
    return True if ratio > LARGER else False if ratio < 1 else None


_RELATIONS: Mapping[str, Callable[[SceneObject, SceneObject], Answer]] = {
    "left_of": _offset(0, -1),
    "right_of": _offset(0, 1),
    "above": _offset(1, -1),
    "below": _offset(1, 1),
    "near": _is_near,
    "inside": _is_inside,
    "on": _is_on,
    "parallel_to": _is_parallel,
    "larger_than": _is_larger,
}
RELATIONS = tuple(_RELATIONS)


def _overlap(one: SceneObject, other: SceneObject) -> float:
    """Return the share of the smaller box that the two boxes have in common."""
    a, b = one.box, other.box
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    smaller = min((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return across * down / max(smaller, 1e-12)


@functools.lru_cache(maxsize=4096)
def _cover(one: SceneObject, other: SceneObject) -> float:
    """Return the share of an object that lies within the other's outline."""
    x0, y0, x1, y1 = one.box
    frame = np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    if len(one.points) == 8:
        frame = np.asarray(one.points).reshape(4, 2)
    first, second = np.meshgrid(*((np.arange(7) + 0.5) / 7,) * 2)
    x, y = (
        frame[0, i] + first * (frame[1, i] - frame[0, i]) + second * (frame[3, i] - frame[0, i])
        for i in (0, 1)
    )
    corners = np.asarray(other.points).reshape(-1, 2)
    if len(corners) == 2:
        (a, b), (c, d) = corners
        return float(np.mean((x >= a) & (x <= c) & (y >= b) & (y <= d)))
    inside = np.zeros_like(x, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        reach = (bx - ax) * (y - ay) / np.where(by == ay, 1e-12, by - ay) + ax
        inside ^= crosses & (x < reach)
    return float(np.mean(inside))
