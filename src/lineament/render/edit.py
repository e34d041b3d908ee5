"""Edits: the same face with one attribute changed, and where the change may show."""

from dataclasses import replace

from lineament.annotation import Annotation, Fact, check_value
from lineament.errors import BadAnnotation
from lineament.render.acts import ALSO
from lineament.render.regions import DRAWN_NAMES, Box, find_region
from lineament.vocabulary import Value, read_vocabulary

BLINK_SECONDS = 0.24


def edit_annotation(annotation: Annotation, name: str, value: Value) -> Annotation:
    """Change one name; what contradicts the new value goes, what follows from it comes.

    Args:
        annotation: The face.
        name: A name that can be drawn, or its opposite, such as ``no_beard``.
        value: True or False, or a choice.

    Raises:
        BadAnnotation: The name cannot be drawn, or cannot have this value.
    """
    vocabulary = read_vocabulary()
    check_value(name, value, where="edit")
    name, value = vocabulary.canonical(name, value)
    if name not in DRAWN_NAMES:
        raise BadAnnotation(
            f"edit: {name} cannot be drawn", hint="see lineament.render.DRAWN_NAMES"
        )
    entry = vocabulary.names[name]
    gone = {name}
    if value is True:
        gone |= vocabulary.excluded_by(name)
    if value is False:
        gone |= vocabulary.implied_by.get(name, frozenset())
        gone |= {other for other, names in ALSO.items() if name in names}
    kept = [fact for fact in annotation.facts if fact.name not in gone]
    added: list[Fact] = []
    if value is not False or not entry.is_timed:
        follow = (*entry.implies, *ALSO.get(name, ())) if value is True else ()
        span = find_edit_span(annotation, name) if entry.is_timed and value is True else None
        added = [_make_fact(name, value, span)]
        kept = [fact for fact in kept if fact.name not in follow]
        added += [_make_fact(other, True, span) for other in follow]
    closed = frozenset(annotation.closed | {name})
    return replace(annotation, facts=(*kept, *added), closed=closed)


def find_edit_span(annotation: Annotation, name: str) -> tuple[float, float] | None:
    """Return the span that an edit gives a timed name: the middle of the clip."""
    length = annotation.duration_seconds
    if length <= 0 or name in ("head_pose", "gaze_direction"):
        return None
    if name == "blink":
        middle = length / 2
        return (middle - BLINK_SECONDS / 2, middle + BLINK_SECONDS / 2)
    return (0.15 * length, 0.9 * length)


def edit_region(annotation: Annotation, name: str, *, seed: int = 0) -> Box:
    """Return the box outside which an edit of `name` leaves every pixel as it was.

    Args:
        annotation: The face before the edit.
        name: A name that can be drawn.
        seed: The seed with which it is drawn.
    """
    name, _ = read_vocabulary().canonical(name, True)
    versions = [annotation]
    if read_vocabulary().names[name].kind == "flag":
        versions += [edit_annotation(annotation, name, value) for value in (True, False)]
    boxes = [find_region(version, name, seed) for version in versions]
    lows, highs = [box[:2] for box in boxes], [box[2:] for box in boxes]
    return (
        min(low[0] for low in lows),
        min(low[1] for low in lows),
        max(high[0] for high in highs),
        max(high[1] for high in highs),
    )


def _make_fact(name: str, value: Value, span: tuple[float, float] | None) -> Fact:
    family = read_vocabulary().names[name]
    subject = "clip" if family.subject == "clip" else "face 0"
    return Fact(
        name, value, subject=subject, span_seconds=span, source="renderer", validated="rendered"
    )
