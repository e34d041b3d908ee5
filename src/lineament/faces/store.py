"""Tracks, landmarks, crops and facts of many clips, computed once and kept by content."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lineament.annotation import Annotation, annotation_from_dict
from lineament.errors import BadAnnotation, BadStore
from lineament.faces.crop import crop_aligned
from lineament.faces.finder import FoundFace
from lineament.faces.track import FaceTrack
from lineament.video import Clip, frames_at

VERSION = 1
CROP_PX = 224
CROPS_PER_FACE = 16
DRAFT = ".draft-"
ARRAYS = ("frame_index", "times_seconds", "boxes_xyxy_px", "landmarks_px", "scores")


class TrackStore:
    """A folder of annotated clips: one subfolder each, named by the hash of the clip's bytes.

    ``store.json`` holds the version; ``<hash>/annotation.json``, ``<hash>/tracks.npz`` and
    ``<hash>/crops/<face>-<milliseconds>.jpg`` what is known. A subfolder appears whole or not
    at all, so a run that was killed loses at most the clip it was at.

    Raises:
        BadStore: The folder was written by another version.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise BadStore(f"{self.folder}: is a file", hint="choose a folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        mark = self.folder / "store.json"
        if not mark.exists():
            _write_whole(mark, json.dumps({"kind": "lineament tracks", "version": VERSION}))
        try:
            version = json.loads(mark.read_text(encoding="utf-8"))["version"]
        except (OSError, ValueError, KeyError, TypeError):
            raise BadStore(f"{mark}: damaged", hint="choose another folder") from None
        if version != VERSION:
            raise BadStore(
                f"{self.folder}: written as version {version}, this is {VERSION}",
                hint="annotate into a new folder",
            )

    def key_of(self, media: Path) -> str:
        """Return the hash of a file's content."""
        with media.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]

    def __contains__(self, key: str) -> bool:
        return (self.folder / key / "annotation.json").exists()

    def keys(self) -> Iterator[str]:
        """Yield the keys of all stored clips, in order."""
        for path in sorted(self.folder.glob("[!.]*/annotation.json")):
            yield path.parent.name

    def sweep_drafts(self) -> None:
        """Remove what runs that were killed left half-written."""
        for draft in self.folder.glob(f"{DRAFT}*"):
            lock = _find_lock(draft)
            if lock is not None:  # whoever writes one holds its lock
                shutil.rmtree(draft, ignore_errors=True)
                os.close(lock)

    def save(
        self, key: str, annotation: Annotation, clip: Clip, tracks: tuple[FaceTrack, ...]
    ) -> None:
        """Write one clip's results; nothing is left behind if that fails."""
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=self.folder))
        lock = _find_lock(draft)
        try:
            arrays = {
                f"{track.id}/{name}": getattr(track, name) for track in tracks for name in ARRAYS
            }
            np.savez_compressed(draft / "tracks.npz", **arrays)  # type: ignore[arg-type]
            (draft / "crops").mkdir()
            for track in tracks:
                _write_crops(draft / "crops", clip, track)
            _write_whole(draft / "annotation.json", json.dumps(annotation.to_dict()))
            shutil.rmtree(self.folder / key, ignore_errors=True)
            os.replace(draft, self.folder / key)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            if lock is not None:
                os.close(lock)

    def read_annotation(self, key: str) -> Annotation:
        """Read one clip's annotation.

        Raises:
            BadStore: It is missing or damaged.
        """
        path = self.folder / key / "annotation.json"
        row = _read_json(path)
        try:
            return annotation_from_dict(row, where=str(path))
        except BadAnnotation as error:
            raise BadStore(error.message, hint="annotate the clip again") from None

    def read_tracks(self, key: str) -> tuple[FaceTrack, ...]:
        """Read one clip's tracks.

        Raises:
            BadStore: They are missing or damaged.
        """
        path = self.folder / key / "tracks.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                numbers = sorted({int(name.split("/")[0]) for name in arrays.files})
                return tuple(
                    FaceTrack(id=n, **{name: arrays[f"{n}/{name}"] for name in ARRAYS})
                    for n in numbers
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise BadStore(f"{path}: damaged ({error})", hint="annotate the clip again") from None

    def crop_paths(self, key: str) -> list[Path]:
        """Return one clip's crops, face by face in order of time."""
        return sorted((self.folder / key / "crops").glob("*.jpg"))


def _write_crops(folder: Path, clip: Clip, track: FaceTrack) -> None:
    chosen = np.unique(np.linspace(0, len(track) - 1, CROPS_PER_FACE).round().astype(int))
    frames = frames_at(clip, track.times_seconds[chosen])
    for pixels, time in zip(frames.pixels, frames.times_seconds, strict=True):
        at = int(np.argmin(np.abs(track.times_seconds - time)))
        landmarks = track.landmarks_px[at] if track.has_landmarks[at] else None
        x0, y0, x1, y1 = (float(side) for side in track.boxes_xyxy_px[at])
        face = FoundFace((x0, y0, x1, y1), landmarks, float(track.scores[at]))
        crop = crop_aligned(pixels, face, size_px=CROP_PX)
        name = f"{track.id}-{round(time * 1000):08d}.jpg"
        Image.fromarray(crop).save(folder / name, quality=90)


def _find_lock(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends; None if another has it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_suffix(path.suffix + ".draft")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadStore(f"{path}: damaged ({error})", hint="annotate the clip again") from None
