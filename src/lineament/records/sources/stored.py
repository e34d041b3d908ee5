"""Stored annotations: what was measured of the clips of a data set, to stand beside its labels."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, final

import numpy as np

from lineament.annotation import CLIP, Annotation, Fact, annotation_from_dict
from lineament.errors import BadAnnotation, BadInput, BadStore
from lineament.faces.store import TrackStore
from lineament.records.sources.rows import LIMIT_LINE_CHARS
from lineament.vocabulary import read_vocabulary

FILE = "annotations.jsonl"
STORE = "tracks"
FACE_PX = "face_px"  # the key of `Annotation.extra`: median side of the main face, in pixels


@final
class StoredFacts:
    """Finds what was measured of a clip: in ``annotations.jsonl``, or in the store ``tracks``.

    The file has a line of ``lineament annotate --json`` per clip, with ``media`` below the data
    set's folder, and may tell ``face_px``. Only where each line begins is kept in memory.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._offsets: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        self._store: TrackStore | None = None
        if self.path.is_file():
            self._index_lines()
        elif (folder / STORE / "store.json").is_file():
            self._store = TrackStore(folder / STORE)
            self._index_store(self._store, folder)

    def __len__(self) -> int:
        return len(self._offsets) or len(self._keys)

    def find(self, media: str) -> Annotation | None:
        """Return what is stored of one clip; None where nothing is, or nothing that can be read."""
        try:
            if media in self._offsets:
                return self._read_line(self._offsets[media])
            if self._store is not None and media in self._keys:
                return self._read_stored(self._store, self._keys[media])
        except (BadAnnotation, BadStore):
            return None
        return None

    def _index_lines(self) -> None:
        with self.path.open("rb") as lines:
            offset = 0
            while line := lines.readline(LIMIT_LINE_CHARS):
                if media := _find_media(line):
                    self._offsets.setdefault(media, offset)
                offset += len(line)

    def _read_line(self, offset: int) -> Annotation:
        with self.path.open("rb") as lines:
            lines.seek(offset)
            row = json.loads(lines.readline(LIMIT_LINE_CHARS))
        found = annotation_from_dict(row, where=f"{self.path}, byte {offset}")
        side = row.get(FACE_PX)
        return replace(found, extra={FACE_PX: float(side)} if _is_number(side) else {})

    def _index_store(self, store: TrackStore, folder: Path) -> None:
        for key in store.keys():  # noqa: SIM118 - a store is no mapping
            try:
                media = Path(store.read_annotation(key).media)
            except BadStore:
                continue
            if media.is_absolute() and media.is_relative_to(folder.absolute()):
                media = media.relative_to(folder.absolute())
            elif media.is_relative_to(folder):
                media = media.relative_to(folder)
            self._keys.setdefault(str(PurePosixPath(media)), key)

    def _read_stored(self, store: TrackStore, key: str) -> Annotation:
        found, tracks = store.read_annotation(key), store.read_tracks(key)
        if not tracks:
            return found
        boxes = max(tracks, key=len).boxes_xyxy_px
        sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        return replace(found, extra={FACE_PX: float(np.median(sides))})


def _find_media(line: bytes) -> str:
    try:
        media = json.loads(line)["media"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return media if isinstance(media, str) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def join_facts(labels: Annotation, stored: Annotation | None) -> Annotation:
    """Return labels and measurements of one clip as one annotation; labels win where they clash.

    A measured face is taken for the labelled one where there is only one; with several, labels
    and measurements could speak of different people, so only the number of people is added.
    """
    if stored is None:
        return labels
    faces = [subject for subject in stored.subjects if subject.kind == "face"]
    extra = {**stored.extra, **labels.extra}
    if len(faces) != 1:
        added = [fact for fact in stored.facts if fact.subject == CLIP and _is_new(fact, labels)]
        return replace(labels, facts=(*labels.facts, *added), extra=extra)
    subject = labels.subjects[0].id if labels.subjects else "face 0"
    added = [
        replace(fact, subject=fact.subject if fact.subject == CLIP else subject)
        for fact in stored.facts
        if _is_new(fact, labels)
    ]
    known = {fact.name for fact in labels.facts}
    return replace(
        labels,
        subjects=(replace(faces[0], id=subject),),
        facts=(*labels.facts, *added),
        closed=labels.closed | {name for name in stored.closed if name not in known},
        duration_seconds=stored.duration_seconds or labels.duration_seconds,
        num_frames=stored.num_frames if stored.num_frames > 1 else labels.num_frames,
        fps=stored.fps or labels.fps,
        extra=extra,
    )


def _is_new(fact: Fact, labels: Annotation) -> bool:
    """Say whether the labels leave a fact open."""
    if labels.is_closed(fact.name) or labels.facts_named(fact.name):
        return False
    excluded = read_vocabulary().excluded_by(fact.name)
    return not any(other.name in excluded and other.value is True for other in labels.facts)


def require_folder(folder: Path, *parts: str) -> Path:
    """Return a subfolder that a data set's layout has.

    Raises:
        BadInput: It is not there.
    """
    path = folder.joinpath(*parts)
    if not path.is_dir():
        raise BadInput(f"{folder}: holds no folder {'/'.join(parts)}", hint="is this --data right?")
    return path
