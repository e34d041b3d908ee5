"""The report of an annotated clip: key frames with boxes, and who does what when."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lineament.annotation import Annotation, Fact
from lineament.claims.scenes_objects import is_scene
from lineament.describe.annotate import AnnotatedClip, subject_id
from lineament.describe.scene_page import summarise_scene, write_scene_report
from lineament.faces.follow import FollowedClip
from lineament.faces.track import FaceTrack
from lineament.report import (
    Bar,
    Page,
    Row,
    Section,
    draw_boxes,
    draw_timeline,
    picture_html,
    table_html,
    write_page,
)
from lineament.video import frames_at

NUM_KEY_FRAMES = 6


def write_report(annotated: AnnotatedClip, folder: Path) -> Path:
    """Write ``index.html``, and ``timeline.svg`` beside it, into a folder."""
    annotation = annotated.annotation
    if is_scene(annotation):
        return write_scene_report(annotation, annotated.followed.clip, folder)
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(title=Path(annotation.media).name, lead=summarise(annotation))
    page.sections.append(Section("Key frames", key_frames_html(annotated.followed)))
    if annotation.subjects and annotation.duration_seconds:
        timeline = draw_timeline(timeline_rows(annotation), annotation.duration_seconds)
        (folder / "timeline.svg").write_text(timeline, encoding="utf-8")
        page.sections.append(Section("Who does what when", timeline))
    if annotation.facts:
        page.sections.append(Section("All facts", facts_table_html(annotation.facts)))
    return write_page(folder / "index.html", page)


def summarise(annotation: Annotation) -> str:
    """Return one line on what was looked at and found."""
    if is_scene(annotation):
        return summarise_scene(annotation)
    faces = len(annotation.subjects)
    found = "no face was found" if not faces else f"{faces} face{'s' if faces > 1 else ''}"
    if annotation.duration_seconds == 0:
        return f"A picture; {found}."
    return (
        f"{annotation.duration_seconds:.1f} s, {annotation.num_frames} frames at "
        f"{annotation.fps:g} a second; {found}."
    )


def timeline_rows(annotation: Annotation) -> list[Row]:
    """Return one row per face and name, in order of first happening."""
    rows: list[Row] = []
    for group, subject in enumerate(annotation.subjects):
        in_view = Bar(subject.start_seconds, subject.stop_seconds)
        rows.append(Row(f"{subject.id} in view", (in_view,), group))
        spans: dict[str, list[Bar]] = {}
        timed = [fact for fact in annotation.facts_of(subject.id) if fact.span_seconds]
        for fact in sorted(timed, key=lambda fact: fact.span_seconds or (0, 0)):
            start, stop = fact.span_seconds or (0.0, 0.0)
            label = words(fact.name) if fact.value is True else f"{words(fact.name)} {fact.value}"
            bar = Bar(start, stop, f"{label}: {start:.2f} to {stop:.2f} s")
            spans.setdefault(label, []).append(bar)
        rows += [Row(label, tuple(bars), group) for label, bars in spans.items()]
    return rows


def key_frames_html(followed: FollowedClip) -> str:
    """Return a few frames of the clip with a box around every face."""
    clip = followed.clip
    count = 1 if clip.is_picture else NUM_KEY_FRAMES
    centres = (np.arange(count) + 0.5) * max(clip.duration_seconds, 1e-6) / count
    frames = frames_at(clip, centres)
    figures = [
        picture_html(
            draw_boxes(pixels, _boxes_at(followed.tracks, time)),
            "" if clip.is_picture else f"{time:.2f} s",
        )
        for pixels, time in zip(frames.pixels, frames.times_seconds, strict=True)
    ]
    return f'<div class="frames">{"".join(figures)}</div>'


def facts_table_html(facts: Iterable[Fact]) -> str:
    """Return all facts as a table in order of subject and time."""
    rows = [
        (
            fact.subject,
            words(fact.name),
            "yes" if fact.value is True else "no" if fact.value is False else fact.value,
            f"{fact.span_seconds[0]:.2f} to {fact.span_seconds[1]:.2f} s"
            if fact.span_seconds
            else "",
            fact.source,
            fact.validated,
        )
        for fact in sorted(facts, key=lambda f: (f.subject, f.span_seconds or (0.0, 0.0), f.name))
    ]
    return table_html(("who", "what", "value", "when", "source", "validated on"), rows)


def words(name: str) -> str:
    """Return a fact's name as a person reads it."""
    return name.removeprefix("wearing_").replace("num_", "number of ").replace("_", " ")


def _boxes_at(
    tracks: Iterable[FaceTrack], time: float
) -> list[tuple[tuple[float, float, float, float], str, int]]:
    boxes = []
    for track in tracks:
        at = int(np.argmin(np.abs(track.times_seconds - time)))
        if abs(track.times_seconds[at] - time) <= 1.5 * track.frame_seconds + 1e-6:
            x0, y0, x1, y1 = (float(side) for side in track.boxes_xyxy_px[at])
            boxes.append(((x0, y0, x1, y1), subject_id(track), track.id))
    return boxes
