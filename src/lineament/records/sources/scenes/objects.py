"""Objects with boxes to annotations: what all detection sets share."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.sources.scenes.boxes import Box, clip_box, is_box, is_inside
from lineament.records.sources.scenes.label import (
    BAD_BOX,
    OUTSIDE,
    Label,
    label_extra,
    picture_facts,
)
from lineament.records.sources.scenes.layout import drop_class, find_object_class
from lineament.records.sources.source import Dropped

CUT = "box cut at the border"
ROUNDING_PX = 0.01  # what sums of decimals may be out by
MIN_ELONGATION = 1.3  # below it the longer side of a box says nothing of a direction


@dataclass(frozen=True, slots=True)
class Marked:
    """One object as a data set marks it.

    Attributes:
        name: The data set's word for its class.
        points_px: Corners: two of a box, or three and more of a polygon.
        row: Its id, for counting what is wrong with it.
        outline_px: A finer outline where there is one, for the direction alone.
    """

    name: str
    points_px: tuple[float, ...]
    row: str
    outline_px: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of a picture beside its objects."""

    media: str
    split_key: str
    licence: str
    size_px: tuple[float, float] | None = None
    meters_per_pixel: float | None = None


def annotate_objects(
    sheet: Sheet, objects: Iterable[Marked], classes: Sequence[str], extra: Sequence[Label] = ()
) -> Iterator[Annotation | Dropped]:
    """Yield a drop for every faulty object, then the annotation of the others.

    A class of which an object had to be dropped is not closed: more of it may be there.

    Args:
        sheet: The picture.
        objects: As the data set has them.
        classes: Every class that the data set marks, in its words.
        extra: Further labels that the data set brings.
    """
    subjects: list[Subject] = []
    facts: list[Fact] = []
    open_classes: set[str] = set()
    counts: dict[str, int] = {}
    for marked in objects:
        ours = find_object_class(marked.name)
        if ours is None:
            yield drop_class(marked.row, marked.name)
            continue
        points, fault = _check_points(marked.points_px, sheet.size_px)
        if fault:
            yield Dropped(marked.row, fault, f"{marked.name} {list(marked.points_px)}")
        if not points:
            open_classes.add(ours)
            continue
        subject = Subject(f"object {len(subjects)}", "object")
        subjects.append(subject)
        counts[ours] = counts.get(ours, 0) + 1
        facts += _facts_of(subject.id, ours, points, marked.outline_px, sheet)
    listed = [ours for name in classes if (ours := find_object_class(name)) is not None]
    closed = [ours for ours in dict.fromkeys(listed) if ours not in open_classes]
    facts += (Fact("listed_class", ours, subject="clip") for ours in closed)
    labels = tuple(extra) or tuple(_count_labels(counts, closed))
    yield Annotation(
        media=sheet.media,
        subjects=tuple(subjects),
        facts=(*picture_facts(sheet.size_px, sheet.meters_per_pixel), *facts),
        licence=sheet.licence,
        split_key=sheet.split_key,
        extra=label_extra(labels),
    )


def smallest_rectangle(points: Sequence[float]) -> tuple[float, float, float]:
    """Return length, width and direction in degrees of the smallest rectangle around points.

    Directions run from 0, right, clockwise in the picture, to below 180.
    """
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    best = (math.inf, 0.0, 0.0, 0.0)
    edges = np.diff(np.concatenate([xy, xy[:1]]), axis=0)
    for angle in {round(math.atan2(dy, dx) % math.pi, 9) for dx, dy in edges if dx or dy}:
        cosine, sine = math.cos(angle), math.sin(angle)
        along, across = xy @ (cosine, sine), xy @ (-sine, cosine)
        length, width = float(np.ptp(along)), float(np.ptp(across))
        if length * width < best[0]:
            best = (length * width, length, width, math.degrees(angle))
    _, length, width, degrees = best
    if width > length:
        length, width, degrees = width, length, degrees + 90
    return length, width, degrees % 180


def _check_points(
    points: tuple[float, ...], size_px: tuple[float, float] | None
) -> tuple[tuple[float, ...], str]:
    """Return the points to use and what is wrong with them; no points where nothing is left."""
    if not all(math.isfinite(x) for x in points):
        return (), BAD_BOX
    if len(points) > 4:
        return (points, "") if _is_simple(points) else ((), BAD_BOX)
    if len(points) != 4:
        return (), BAD_BOX
    box, fault = fit_box(points, size_px)
    return box or (), fault


def fit_box(box: Box, size_px: tuple[float, float] | None) -> tuple[Box | None, str]:
    """Return a box cut at the picture's border and what was wrong with it, if anything.

    No box comes back where the corners are not in order, or less than half of it is inside.
    """
    if not is_box(box):
        return None, BAD_BOX
    if size_px is None:
        return box, ""
    cut = clip_box(box, size_px)
    if is_inside(box, size_px, slack_px=ROUNDING_PX):
        return cut, ""
    if not is_box(cut) or _area(cut) < 0.5 * _area(box):
        return None, OUTSIDE
    return cut, CUT


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _is_simple(points: tuple[float, ...]) -> bool:
    """Say whether a polygon has an area and no two sides that cross; exact for four corners."""
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    after = np.roll(xy, -1, axis=0)
    if abs(float(np.sum(xy[:, 0] * after[:, 1] - after[:, 0] * xy[:, 1]))) < 1e-6:
        return False
    if len(xy) != 4:
        return True
    return not (_cross(xy[0], xy[1], xy[2], xy[3]) or _cross(xy[1], xy[2], xy[3], xy[0]))


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _facts_of(
    subject: str,
    ours: str,
    points: tuple[float, ...],
    outline: tuple[float, ...],
    sheet: Sheet,
) -> Iterator[Fact]:
    region = None
    if sheet.size_px is not None:
        sides = sheet.size_px
        region = tuple(min(max(x / sides[i % 2], 0.0), 1.0) for i, x in enumerate(points))
    yield Fact("object_class", ours, subject=subject, region=region)
    finer = outline or (points if len(points) > 4 else ())
    if len(finer) >= 6:
        length, width, degrees = smallest_rectangle(finer)
        if length >= MIN_ELONGATION * width:
            yield Fact("orientation_degrees", round(degrees, 1) % 180.0, subject=subject)
        if sheet.meters_per_pixel is not None:
            meters = round(length * sheet.meters_per_pixel, 1)
            yield Fact("length_meters", meters, subject=subject)


def _count_labels(counts: dict[str, int], closed: Sequence[str]) -> Iterator[Label]:
    """Yield questions on number and presence, one class that is absent among them."""
    absent = [ours for ours in closed if ours not in counts]
    for ours, count in counts.items():
        noun = ours.replace("_", " ")
        if ours in closed:
            yield Label(
                "count", f"How many objects of the class {noun} are there?", str(count),
                type="count", row=f"count {ours}",
            )  # fmt: skip
        yield Label(
            "existence", f"Does the picture show the class {noun}?", "yes",
            type="presence", row=f"presence {ours}",
        )  # fmt: skip
    for ours in absent[: max(len(counts), 1)]:
        yield Label(
            "existence", f"Does the picture show the class {ours.replace('_', ' ')}?", "no",
            type="presence", row=f"presence {ours}",
        )  # fmt: skip
