"""Which objects words pick, and whether as many of them are so as a text means."""

from collections.abc import Sequence

from lineament.claims.scenes_nouns import OTHER
from lineament.claims.scenes_objects import (
    LARGER,
    Answer,
    Scene,
    SceneObject,
    is_extreme,
    is_related,
    lies_in,
    lies_on_side,
)


def choose_objects(
    designator: str, scene: Scene
) -> tuple[Sequence[SceneObject], Sequence[SceneObject], bool] | None:
    """Return the objects that words pick: surely, perhaps, and whether none can be missing.

    Args:
        designator: Words in the reader's order: places, extreme, colour, class.
        scene: All objects.
    """
    *qualities, name = designator.split() or [""]
    if not name:
        return None
    sure = list(scene.of_class(name))
    unsure: list[SceneObject] = []
    for quality in reversed(qualities):
        answers = {one.id: _fits(one, quality, scene, name) for one in (*sure, *unsure)}
        unsure = [o for o in unsure if answers[o.id] is not False] + [
            o for o in sure if answers[o.id] is None
        ]
        sure = [o for o in sure if answers[o.id]]
    return sure, unsure, scene.is_listed(name)


def _fits(one: SceneObject, quality: str, scene: Scene, name: str) -> Answer:
    kind, colon, rest = quality.partition(":")
    if colon and kind == "at":
        return is_any([lies_in(one, place) for place in rest.split("/")])
    if colon and kind == "side":
        return is_any([lies_on_side(one, side) for side in rest.split("/")])
    if colon:
        targets = scene.of_class(rest)
        if not targets:
            return False if scene.is_listed(rest) else None
        return is_any([is_related(one, kind, other) for other in targets])
    if quality in ("largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost"):
        return is_extreme(one, quality, scene.of_class(name))
    if quality in ("large", "small"):
        return is_sized(one, quality, scene.of_class(name))
    return has_color(one, quality)


def has_color(one: SceneObject, colors: str) -> Answer:
    """Say whether an object has one of some colours; None where another quality may be meant."""
    if not one.color or OTHER in colors.split("/"):
        return True if one.color and one.color in colors.split("/") else None
    return one.color in colors.split("/")


def is_sized(one: SceneObject, size: str, others: Sequence[SceneObject]) -> Answer:
    """Say whether an object is large or small beside the median of its class in the picture.

    Alone of its class it is neither; near the median it is not told.
    """
    areas = sorted(other.area for other in others if other.points)
    if len(areas) < 2 or not one.points:
        return None
    half = len(areas) // 2
    middle = areas[half] if len(areas) % 2 else (areas[half - 1] + areas[half]) / 2
    ratio = one.area / max(middle, 1e-12)
    ratio = ratio if size == "large" else 1 / max(ratio, 1e-12)
    return True if ratio > LARGER else False if ratio <= 1 else None


def is_any(answers: Sequence[Answer]) -> Answer:
    """Say whether one of some answers is yes; None where one that is open may be."""
    if any(answers):
        return True
    return False if all(answer is False for answer in answers) else None


def is_every(answers: Sequence[Answer]) -> Answer:
    """Say whether all of some answers are yes; None where one is open and none is no."""
    if any(answer is False for answer in answers):
        return False
    return True if all(answers) else None


def is_so_of(answers: Sequence[Answer], quantity: str) -> Answer:
    """Say whether as many objects are so as a text means: ``all``, ``most``, ``half``, or any."""
    if quantity == "all":
        return is_every(answers)
    if quantity not in ("most", "half"):
        return None if quantity else is_any(answers)
    least, total = sum(answer is True for answer in answers), len(answers)
    most = total - sum(answer is False for answer in answers)
    if quantity == "most":
        return True if 2 * least > total else False if 2 * most <= total else None
    if 2 * least > total or 2 * most < total:
        return False
    return True if least == most else None
