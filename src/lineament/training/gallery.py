"""Galleries: pictures and clips looked at once, kept as plain arrays for training."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from lineament.annotation import Annotation, annotation_from_dict
from lineament.describe.visual import crop_person, find_person
from lineament.errors import BadInput
from lineament.faces.finder import FaceFinder
from lineament.faces.landmarks import NUM_ROWS, describe_landmarks
from lineament.faces.padding import PaddedFinder
from lineament.faces.track import follow_faces
from lineament.training.examples import Shown

SIZE_PX = 128
STORED_FRAMES = 16  # of a clip; windows of it find eight among them
ITEMS, MANIFEST = "items.jsonl", "manifest.json"
# The data set behind a gallery's origin, where it is one.
SOURCE_OF: Mapping[str, str] = {
    "ffhq-train": "ffhq-adult", "fairface-train": "fairface", "lfw-train": "lfw-expressions",
    "rendered": "rendered",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """One picture or clip as it is stored.

    Attributes:
        frames: Evenly spread frames.
        faces: The person's aligned crop in each.
        face_mask: Where there is one.
        frame_seconds: When each frame is shown.
        rows: Landmark rows of every moment at which the person was seen.
        row_seconds: When that was.
        num_people: How many faces were found.
    """

    frames: UInt8[np.ndarray, "frames size size 3"]
    faces: UInt8[np.ndarray, "frames size size 3"]
    face_mask: np.ndarray
    frame_seconds: Float[np.ndarray, " frames"]
    rows: Float[np.ndarray, "moments rows 3"]
    row_seconds: Float[np.ndarray, " moments"]
    num_people: int


def look_at(
    pixels: UInt8[np.ndarray, "clip_frames height width 3"],
    times_seconds: Float[np.ndarray, " clip_frames"],
    finder: FaceFinder,
    *,
    num_frames: int = STORED_FRAMES,
    size_px: int = SIZE_PX,
) -> Look:
    """Follow the faces of a clip, and keep what a model may look at."""
    height, width = pixels.shape[1:3]
    finder = PaddedFinder(finder) if len(pixels) == 1 else finder
    tracks, _ = follow_faces(zip(times_seconds.tolist(), pixels, strict=True), finder)
    person = find_person(tracks)
    count = min(num_frames, len(pixels))
    index = np.unique(((np.arange(count) + 0.5) / count * len(pixels)).astype(np.int64))
    faces, face_mask = crop_person(pixels[index], index, person, size_px)
    rows, row_seconds = np.zeros((0, NUM_ROWS, 3), np.float32), np.zeros(0)
    if person is not None:
        rows = describe_landmarks(person.landmarks_px, height, width)
        is_whole = ~np.isnan(rows[:, 0, 0])
        rows, row_seconds = rows[is_whole], person.times_seconds[is_whole]
    return Look(
        np.stack([_resize(frame, size_px) for frame in pixels[index]]),
        faces, face_mask, times_seconds[index], rows, row_seconds, len(tracks),
    )  # fmt: skip


def _resize(pixels: UInt8[np.ndarray, "height width 3"], size_px: int) -> np.ndarray:
    if pixels.shape[:2] == (size_px, size_px):
        return pixels
    image = Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.asarray(image)


class Gallery:
    """A gallery on disk, mapped into memory.

    Raises:
        BadInput: There is no whole gallery in the folder.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / MANIFEST
        if not path.is_file():
            raise BadInput(f"{folder}: holds no whole gallery", hint="prepare it again")
        manifest = json.loads(path.read_text())
        shape = (manifest["num_frames"], SIZE_PX, SIZE_PX, 3)
        self.origin: str = manifest["origin"]
        self.frames = np.memmap(folder / "frames.bin", np.uint8, "r", shape=shape)
        self.faces = np.memmap(folder / "faces.bin", np.uint8, "r", shape=shape)
        row_shape = (manifest["num_rows"], NUM_ROWS, 3)
        self.rows = (
            np.memmap(folder / "rows.bin", np.float32, "r", shape=row_shape)
            if manifest["num_rows"]
            else np.zeros(row_shape, np.float32)
        )
        self.face_mask = np.load(folder / "face_mask.npy").astype(bool)
        self.frame_seconds = np.load(folder / "frame_seconds.npy")
        self.row_seconds = np.load(folder / "row_seconds.npy")
        with (folder / ITEMS).open(encoding="utf-8") as lines:
            self.items = [json.loads(line) for line in lines]

    def __len__(self) -> int:
        return len(self.items)

    def annotation(self, index: int) -> Annotation:
        """Return what is known of an item."""
        return annotation_from_dict(self.items[index]["annotation"])

    def shown(self, index: int) -> Shown:
        """Return which picture or clip an item is."""
        told = self.items[index]["annotation"]
        return Shown(SOURCE_OF.get(self.origin, ""), told["media"], told.get("split_key", ""))

    def look(self, index: int) -> Look:
        """Return an item; its pictures are views of the file."""
        item = self.items[index]
        frames = slice(item["frames"][0], sum(item["frames"]))
        rows = slice(item["rows"][0], sum(item["rows"]))
        return Look(
            self.frames[frames], self.faces[frames], self.face_mask[frames],
            self.frame_seconds[frames], self.rows[rows], self.row_seconds[rows],
            item["num_people"],
        )  # fmt: skip


def join_looks(
    pictures: Iterable[tuple[Annotation, np.ndarray]],
    finder: FaceFinder,
    *,
    on_item: Callable[[], None] | None = None,
) -> Iterator[tuple[Annotation, Look]]:
    """Look at pictures one by one."""
    for annotation, pixels in pictures:
        yield annotation, look_at(pixels[None], np.zeros(1), finder)
        if on_item:
            on_item()
