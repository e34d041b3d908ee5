"""A clip or picture to an annotation: who is seen when, and what their faces do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.describe.scene_beside import find_scene_annotation
from lineament.errors import BadMedia
from lineament.faces.facts import SOURCE, facts_from_signals
from lineament.faces.follow import FinderFactory, FollowedClip, follow_clip
from lineament.faces.mesh import MeshFinder
from lineament.faces.signals import measure_signals
from lineament.faces.track import FaceTrack
from lineament.faces.validation import validated_by_measurement
from lineament.records.sources.scenes.rasters import is_raster, open_shown


@dataclass(frozen=True)
class AnnotatedClip:
    """An annotation, and the tracks it was made from."""

    annotation: Annotation
    followed: FollowedClip


def annotate_clip(
    media: Path | str,
    *,
    make_finder: FinderFactory = MeshFinder,
    num_workers: int | None = None,
    on_frame: Callable[[float], None] | None = None,
) -> AnnotatedClip:
    """Find every face of a clip or picture, follow it, and say what it does when.

    An aerial picture with an annotation beside it is what that says; nobody is looked for.

    Args:
        media: A clip or picture.
        make_finder: Makes the face finder; MediaPipe's by default.
        num_workers: Processes at most, for long clips.
        on_frame: Called with the time of each frame looked at, for progress.

    Raises:
        BadMedia: The file cannot be used.
        MissingExtra: mediapipe is not installed.
    """
    clip = open_shown(media)
    if clip.is_picture and (scene := find_scene_annotation(clip.path)) is not None:
        return AnnotatedClip(scene, FollowedClip(clip, (), np.zeros(1)))
    if is_raster(media):
        raise BadMedia(
            f"{media}: a raster of many bands or bits, and no annotation beside it",
            hint="no face is looked for in it; --model names a model of aerial scenes",
        )
    followed = follow_clip(clip, make_finder, num_workers=num_workers, on_frame=on_frame)
    return AnnotatedClip(annotation_from_tracks(followed), followed)


def annotation_from_tracks(followed: FollowedClip) -> Annotation:
    """Turn followed faces into an annotation."""
    facts: list[Fact] = []
    closed: list[frozenset[str]] = []
    for track in followed.tracks:
        found, names = facts_from_signals(measure_signals(track), subject_id(track))
        facts += found
        closed.append(names)
    if followed.tracks:
        facts.append(_count_fact(followed.tracks))
    clip = followed.clip
    return Annotation(
        media=str(clip.path),
        subjects=tuple(_subject(track) for track in followed.tracks),
        facts=tuple(facts),
        # A name is closed for the clip only where every face could be measured for it.
        closed=frozenset.intersection(*closed) if closed else frozenset(),
        duration_seconds=round(clip.duration_seconds, 3),
        num_frames=clip.num_frames,
        fps=round(clip.fps, 3),
    )


def subject_id(track: FaceTrack) -> str:
    """Return how the face is called in annotations."""
    return f"face {track.id}"


def _subject(track: FaceTrack) -> Subject:
    return Subject(
        id=subject_id(track),
        kind="face",
        start_seconds=round(track.start_seconds, 3),
        stop_seconds=round(track.stop_seconds, 3),
        num_frames=len(track),
    )


def _count_fact(tracks: Sequence[FaceTrack]) -> Fact:
    """Count the people: as many as are ever seen in one frame."""
    frames = np.concatenate([track.frame_index for track in tracks])
    _, counts = np.unique(frames, return_counts=True)
    return Fact(
        name="num_people",
        value=int(counts.max()),
        subject=CLIP,
        source=SOURCE,
        validated=validated_by_measurement("num_people"),
    )
