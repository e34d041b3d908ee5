"""What cannot be so in an annotation of a scene: boxes beyond the picture, sizes of nothing."""

import math

from lineament.annotation import Annotation, Fact
from lineament.errors import BadAnnotation

_SIZES = ("length_meters", "meters_per_pixel", "width_px", "height_px")
_UNIT_HINT = "boxes are x0, y0, x1, y1 as fractions of the picture's width and height, 0 to 1"


def refuse_impossible_objects(annotation: Annotation, where: str) -> None:
    """Refuse an annotation whose objects can be in no picture.

    A box may reach over the border, as labels of cut objects do; its middle may not lie beyond.

    Args:
        annotation: Of a scene.
        where: How to call it in the message: the file's name.

    Raises:
        BadAnnotation: A box lies outside or has no size, a length is none, or an object has no
            id or two classes.
    """
    classes: dict[str, object] = {}
    for fact in annotation.facts:
        at = f"{where}: {fact.subject}: {fact.name}"
        if fact.name in _SIZES and not float(fact.value) > 0:
            raise BadAnnotation(
                f"{at}: expected more than 0, got {fact.value}", hint="leave out what is not known"
            )
        if fact.name != "object_class":
            continue
        if fact.subject in ("clip", "face 0"):
            raise BadAnnotation(
                f"{at}: {fact.value} belongs to no object",
                hint='name it with "subject": "object 0", or put it into that subject\'s facts',
            )
        if fact.subject in classes:
            raise BadAnnotation(
                f"{at}: {fact.value}, and {classes[fact.subject]} before",
                hint="one class an object; give every object an id of its own",
            )
        classes[fact.subject] = fact.value
        _refuse_impossible_box(fact, at)


def _refuse_impossible_box(fact: Fact, at: str) -> None:
    if not fact.region:
        return
    points = fact.region
    xs, ys = points[0::2], points[1::2]
    shown = ", ".join(f"{number:g}" for number in points[:8])
    if not all(map(math.isfinite, points)):
        raise BadAnnotation(f"{at}.region: expected numbers, got {shown}", hint=_UNIT_HINT)
    if len(points) == 4 and (xs[1] <= xs[0] or ys[1] <= ys[0]):
        raise BadAnnotation(
            f"{at}.region: expected x0 < x1 and y0 < y1, got {shown}", hint=_UNIT_HINT
        )
    if max(xs) <= min(xs) or max(ys) <= min(ys):
        raise BadAnnotation(f"{at}.region: has no size: {shown}", hint=_UNIT_HINT)
    middles = ((min(side) + max(side)) / 2 for side in (xs, ys))
    if not all(0 <= middle <= 1 for middle in middles):
        raise BadAnnotation(f"{at}.region: lies outside the picture: {shown}", hint=_UNIT_HINT)
