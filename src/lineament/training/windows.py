"""Windows: what an annotation still says of a part of its clip, one frame, or its mirror."""

from collections.abc import Iterable
from dataclasses import replace

from lineament.annotation import CLIP, Annotation, Fact
from lineament.render.rates import PICTURE_ACTS
from lineament.vocabulary import read_vocabulary

# What has a time but shows in a still picture, too.
EXPRESSIONS = frozenset(
    ("happy", "anger", "contempt", "disgust", "fear", "sadness", "surprise", "neutral")
)
KEPT_SHARE, KEPT_SECONDS = 0.6, 0.5  # of an act that a window cuts, so that it still counts
MARGIN_SECONDS = 0.12  # near its start and end an act is neither there nor gone
SIDED = ("head_pose", "gaze_direction", "light_direction")
_OTHER_SIDE = {"left": "right", "right": "left"}


def cut_annotation(annotation: Annotation, start: float, stop: float) -> Annotation:
    """Return what holds between two times of a clip, counted from the first.

    What a window cuts so short that one could miss it becomes unknown, not false.
    """
    kept: list[Fact] = []
    unsure: set[str] = set()
    for fact in annotation.facts:
        span = fact.span_seconds
        if span is None:
            kept.append(fact)
            continue
        overlap = min(span[1], stop) - max(span[0], start)
        if overlap >= min(KEPT_SHARE * (span[1] - span[0]), KEPT_SECONDS) and overlap > 0:
            inside = (max(span[0], start) - start, min(span[1], stop) - start)
            kept.append(replace(fact, span_seconds=(round(inside[0], 2), round(inside[1], 2))))
        else:
            unsure |= _left_unsure(fact, is_part=overlap > 0)
    fps = annotation.fps or 1.0
    return replace(
        annotation,
        facts=tuple(kept),
        closed=annotation.closed - unsure,
        duration_seconds=round(stop - start, 3),
        num_frames=max(1, round((stop - start) * fps)),
        subjects=tuple(
            replace(subject, start_seconds=0.0, stop_seconds=round(stop - start, 3))
            for subject in annotation.subjects
        ),
    )


def freeze_annotation(annotation: Annotation, time_seconds: float) -> Annotation:
    """Return what one frame of a clip shows, as the annotation of a picture."""
    kept: list[Fact] = []
    unsure: set[str] = set(_moving_names())
    for fact in annotation.facts:
        span = fact.span_seconds
        if span is None:
            kept.append(fact)
        elif fact.name in unsure:
            continue
        elif span[0] + MARGIN_SECONDS <= time_seconds <= span[1] - MARGIN_SECONDS:
            kept.append(replace(fact, span_seconds=None))
        else:
            is_near = span[0] - MARGIN_SECONDS < time_seconds < span[1] + MARGIN_SECONDS
            unsure |= _left_unsure(fact, is_part=is_near)
    return replace(
        annotation,
        facts=tuple(fact for fact in kept if fact.name not in _moving_names()),
        closed=annotation.closed - unsure,
        duration_seconds=0.0,
        num_frames=1,
        fps=0.0,
        subjects=tuple(
            replace(subject, start_seconds=0.0, stop_seconds=0.0, num_frames=1)
            for subject in annotation.subjects
        ),
    )


def mirror_annotation(annotation: Annotation) -> Annotation:
    """Return what holds of the mirrored picture; regions are left out."""
    facts = []
    for fact in annotation.facts:
        if fact.name in SIDED and isinstance(fact.value, str):
            fact = replace(fact, value=_OTHER_SIDE.get(fact.value, fact.value))
        facts.append(replace(fact, region=None))
    return replace(annotation, facts=tuple(facts))


def without_names(annotation: Annotation, names: Iterable[str]) -> Annotation:
    """Return an annotation that knows nothing of some names."""
    gone = frozenset(names)
    return replace(
        annotation,
        facts=tuple(fact for fact in annotation.facts if fact.name not in gone),
        closed=annotation.closed - gone,
    )


def with_flags(annotation: Annotation, flags: dict[str, bool], *, source: str) -> Annotation:
    """Return an annotation with more flags of its first face; what it says itself goes first."""
    subject = next((s.id for s in annotation.subjects if s.kind == "face"), None)
    if subject is None:
        return annotation
    stated = {fact.name for fact in annotation.facts} | annotation.closed
    names = read_vocabulary().names
    more = [
        Fact(
            name, value, names[name].family,
            CLIP if names[name].subject == "clip" else subject, source=source, validated="none",
        )
        for name, value in flags.items()
        if name not in stated
    ]  # fmt: skip
    return replace(annotation, facts=(*annotation.facts, *more))


def _left_unsure(fact: Fact, *, is_part: bool) -> set[str]:
    """Return names that are no longer known to be false where a fact is left out."""
    unsure = {fact.name} if is_part else set()
    # Without its emotion a face looks neutral, or shows what is left of it.
    return unsure | ({"neutral"} if fact.name in EXPRESSIONS else set())


def _moving_names() -> frozenset[str]:
    """Return acts that a still picture does not show."""
    names = read_vocabulary().names
    acts = {name for name, entry in names.items() if entry.family == "action"}
    return frozenset(acts - set(PICTURE_ACTS))
