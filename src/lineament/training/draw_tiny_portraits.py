"""Portraits to draw and to ask about: cut out of galleries, or drawn anew, as plain arrays."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import UInt8

from lineament.annotation import Annotation, annotation_from_dict
from lineament.errors import BadInput
from lineament.faces.portrait import PORTRAIT_PX, crop_portrait, find_eyes
from lineament.render import FaceRenderer
from lineament.training.draw_tiny_combinations import sample_seen, shows_held_out
from lineament.training.examples import Shown
from lineament.training.gallery import MANIFEST, SOURCE_OF, Gallery
from lineament.training.gallery_examples import read_guesses
from lineament.training.preparation import FLAT_SHARE
from lineament.training.windows import freeze_annotation, with_flags

ITEMS, PIXELS = "items.jsonl", "pixels.bin"
PHOTO, DRAWING, CARTOON = "photo", "drawing", "cartoon"
STYLES = (PHOTO, DRAWING, CARTOON)
FRAMES_A_CLIP = 6
DRAWN_PX = 128
DRAWN_SEED = 3_000_000  # apart from those of galleries, of tokenizers and of evaluations
CARTOON_SHARE = 0.2
CHUNK = 50

Report = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Portrait:
    """One picture, in which the eyes lie where they always lie.

    Attributes:
        pixels: RGB.
        annotation: What is known of it.
        style: ``photo``, ``drawing`` or ``cartoon``.
    """

    pixels: UInt8[np.ndarray, "side side 3"]
    annotation: Annotation
    style: str


@final
class Portraits:
    """A folder of portraits, mapped into memory.

    Raises:
        BadInput: There are none in the folder.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / MANIFEST
        if not path.is_file():
            raise BadInput(f"{folder}: holds no portraits", hint="lineament train prepares them")
        manifest = json.loads(path.read_text())
        self.folder, self.name = folder, folder.name
        count, side = manifest["num_items"], manifest["size_px"]
        self.pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=(count, side, side, 3))
        with (folder / ITEMS).open(encoding="utf-8") as lines:
            self.items = [json.loads(line) for line in lines]

    def __len__(self) -> int:
        return len(self.items)

    def annotation(self, index: int) -> Annotation:
        """Return what is known of one."""
        return annotation_from_dict(self.items[index]["annotation"])

    def shown(self, index: int) -> Shown:
        """Return which picture or clip one was cut out of."""
        told = self.items[index]["annotation"]
        source = SOURCE_OF.get(self.name) or ("" if self.style(index) == PHOTO else "rendered")
        return Shown(source, told["media"], told.get("split_key", ""))

    def style(self, index: int) -> str:
        """Return how one was made."""
        return str(self.items[index]["style"])


def write_portraits(folder: Path, portraits: Iterable[Portrait]) -> int:
    """Write portraits; the manifest comes last, so that half a folder is none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    count = side = 0
    with (
        (folder / PIXELS).open("wb") as pixels,
        (folder / ITEMS).open("w", encoding="utf-8") as items,
    ):
        for portrait in portraits:
            pixels.write(np.ascontiguousarray(portrait.pixels).tobytes())
            row = {"style": portrait.style, "annotation": portrait.annotation.to_dict()}
            items.write(json.dumps(row) + "\n")
            count, side = count + 1, portrait.pixels.shape[0]
    manifest = {"num_items": count, "size_px": side or PORTRAIT_PX}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return count


def cut_portraits(folder: Path) -> Iterator[Portrait]:
    """Cut the portraits of a gallery: of pictures all, of clips some moments.

    What shows a held-out combination is left out, and so is what has no landmarks.
    """
    gallery, guesses = Gallery(folder), read_guesses(folder)
    for index in range(len(gallery)):
        look, annotation = gallery.look(index), gallery.annotation(index)
        if guesses:
            annotation = with_flags(annotation, guesses[index], source="reader")
        if not len(look.rows) or shows_held_out(annotation):
            continue
        for place in _places(index, len(look.frames), look.face_mask):
            time = float(look.frame_seconds[place])
            nearest = int(np.abs(look.row_seconds - time).argmin())
            if abs(float(look.row_seconds[nearest]) - time) > 0.05:
                continue
            is_clip = len(look.frames) > 1
            shown = freeze_annotation(annotation, time) if is_clip else annotation
            if is_clip and shows_held_out(shown):
                continue
            frame = np.asarray(look.frames[place])
            eyes = find_eyes(np.asarray(look.rows[nearest]), *frame.shape[:2])
            style = find_style(gallery.origin, annotation)
            yield Portrait(crop_portrait(frame, eyes), shown, style)


def find_style(origin: str, annotation: Annotation) -> str:
    """Say how a gallery's item was made; rendered clips are flat or shaded by their seed."""
    if origin != "rendered":
        return PHOTO
    rng = np.random.default_rng([7, int(annotation.media.removeprefix("face-"))])
    return CARTOON if rng.random() >= 1 - FLAT_SHARE else DRAWING


def draw_portrait(seed: int) -> Portrait | None:
    """Draw a face with some rare attributes; None where it would show a held-out combination."""
    annotation = sample_seen(seed)
    if annotation is None:
        return None
    is_flat = np.random.default_rng([11, seed]).random() < CARTOON_SHARE
    return render_portrait(annotation, seed, CARTOON if is_flat else DRAWING)


def render_portrait(annotation: Annotation, seed: int, style: str) -> Portrait:
    """Draw an annotated face as a portrait."""
    look = "flat" if style == CARTOON else "shaded"
    renderer = FaceRenderer(annotation, style=look, size_px=DRAWN_PX, seed=seed)
    frame, points = renderer.draw(0.0), renderer.landmarks(0.0)
    eyes = [
        (np.asarray(points[f"{side}_eye_inner"]) + np.asarray(points[f"{side}_eye_outer"])) / 2
        for side in ("left", "right")
    ]
    left, right = sorted(eyes, key=lambda eye: float(eye[0]))
    return Portrait(crop_portrait(frame, (left, right)), annotation, style)


def draw_portraits(
    count: int, num_workers: int, report: Report | None = None
) -> Iterator[Portrait]:
    """Draw about ``count`` faces, in the order of their seeds, whatever the workers.

    Those that would show a held-out combination are missing.
    """
    starts = range(DRAWN_SEED, DRAWN_SEED + count, CHUNK)
    stop = DRAWN_SEED + count
    spans = [(start, min(stop, start + CHUNK)) for start in starts]
    if num_workers < 2:
        chunks: Iterable[list[Portrait]] = map(_draw_chunk, spans)
        yield from _flatten(chunks, report)
        return
    # Spawned: whoever waits here may have threads of its own, which a fork would cut off.
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        yield from _flatten(pool.map(_draw_chunk, spans), report)


def _draw_chunk(span: tuple[int, int]) -> list[Portrait]:
    drawn = (draw_portrait(seed) for seed in range(*span))
    return [portrait for portrait in drawn if portrait is not None]


def _flatten(chunks: Iterable[list[Portrait]], report: Report | None) -> Iterator[Portrait]:
    count = 0
    for chunk in chunks:
        yield from chunk
        count += len(chunk)
        if report is not None:
            report("drawn portraits", count)


def _places(index: int, num_frames: int, face_mask: np.ndarray) -> list[int]:
    if num_frames == 1:
        return [0] if face_mask[0] else []
    count = min(FRAMES_A_CLIP, num_frames)
    chosen = np.random.default_rng(index).choice(num_frames, count, replace=False)
    return sorted(int(place) for place in chosen if face_mask[place])
