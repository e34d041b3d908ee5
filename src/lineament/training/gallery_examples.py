"""Galleries as examples: windows of clips, frames, pictures, and questions written anew."""

import functools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import final

import numpy as np

from lineament.annotation import Annotation, Fact
from lineament.config import require_known
from lineament.faces.landmarks import mirror_rows, sample_rows
from lineament.model.processor import VisualInput
from lineament.training.augment import (
    GENTLE,
    MILD,
    STRONG,
    Change,
    change_pictures,
    gray_pictures,
    shrink_pictures,
)
from lineament.training.dialogues import DialogueWriter
from lineament.training.examples import Example, Shown
from lineament.training.gallery import Gallery, Look
from lineament.training.labels import LabelSet, read_states
from lineament.training.windows import (
    cut_annotation,
    freeze_annotation,
    mirror_annotation,
    with_flags,
    without_names,
)

NUM_FRAMES, NUM_SAMPLES = 8, 8
PARTS = ("all", "train", "check")
CHECK_EVERY = 20
COLOR_NAMES = (
    "black_hair", "brown_hair", "blonde_hair", "gray_hair", "red_hair", "eye_color", "rosy_cheeks",
    "clothes_color", "background_color", "light_temperature", "pale_skin", "tan_skin", "dark_skin",
    "wearing_lipstick", "eye_makeup", "heavy_makeup",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """How examples are made of what a gallery holds.

    Attributes:
        picture_share: How often one frame of a clip is shown as a picture.
        window_share: How often a clip is cut to a part of itself.
        mirror_share: How often pictures and clips are mirrored.
        gray_share: How often all colour is taken out.
        has_changes: Whether light, framing and sharpness are changed.
        is_gentle: Whether only the framing is.
        has_dialogues: Whether questions are written; without, an example has labels alone.
        part: ``all`` items, those that ``train``, or every twentieth, left out to ``check``.
        frame_px: Side to which frames are shrunk before anything else; 0 leaves them.
        face_px: The same for faces.
    """

    picture_share: float = 0.3
    window_share: float = 0.5
    mirror_share: float = 0.5
    gray_share: float = 0.08
    has_changes: bool = True
    is_gentle: bool = False
    has_dialogues: bool = True
    part: str = "all"
    frame_px: int = 0
    face_px: int = 0

    def __post_init__(self) -> None:
        require_known(self.part, PARTS, "part")


PLAIN = Reading(0.0, 0.0, 0.0, 0.0, has_changes=False)


@final
class GalleryExamples:
    """Everything in some galleries; an example is a pure function of its number and the epoch.

    Args:
        folders: The galleries.
        reading: How examples are made.
        writer: Writes the questions.
        labels: What the labels of an example stand for; None leaves labels out.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        reading: Reading,
        writer: DialogueWriter | None = None,
        labels: LabelSet | None = None,
    ) -> None:
        self.galleries = [Gallery(folder) for folder in folders]
        self.guesses = [read_guesses(folder) for folder in folders]
        self.reading, self.labels = reading, labels
        self.places = [
            (number, index)
            for number, gallery in enumerate(self.galleries)
            for index in range(len(gallery))
            if reading.part == "all"
            or (index % CHECK_EVERY == CHECK_EVERY - 1) == (reading.part == "check")
        ]
        self.writer = writer
        if writer is not None and not writer.rates:
            self.writer = self._balance(replace(writer, rates=self.count_states()))

    def __len__(self) -> int:
        return len(self.places)

    def annotation(self, position: int) -> Annotation:
        """Return what is known and what was guessed of an item."""
        number, index = self.places[position]
        annotation = self.galleries[number].annotation(index)
        guesses = self.guesses[number]
        if guesses:
            annotation = with_flags(annotation, guesses[index], source="reader")
        return annotation

    def list_media(self) -> Iterator[Shown]:
        """Yield every item."""
        return (self.galleries[number].shown(index) for number, index in self.places)

    def _balance(self, writer: DialogueWriter) -> DialogueWriter:
        step = max(1, len(self) // 1000)
        sums = [writer.sum_weights(self.annotation(n)) for n in range(0, len(self), step)]
        return replace(writer, mean_weight=sum(sums) / len(sums))

    def count_states(self) -> Mapping[str, tuple[float, float]]:
        """Return how often each flag is false and true among the items."""
        true: Counter[str] = Counter()
        false: Counter[str] = Counter()
        for position in range(0, len(self), max(1, len(self) // 4000)):
            for name, value in read_states(self.annotation(position)).items():
                (true if value else false)[name] += 1
        return {
            name: (
                false[name] / (false[name] + true[name]),
                true[name] / (false[name] + true[name]),
            )
            for name in true | false
        }

    def read(self, index: int, epoch: int) -> Example:
        """Read one item in one of its many forms."""
        number, item = self.places[index]
        rng = np.random.default_rng([index, epoch, 3])
        look = self.galleries[number].look(item)
        annotation = self.annotation(index)
        reading = self.reading
        shown, annotation = self._choose_part(look, annotation, rng)
        if rng.random() < reading.mirror_share:
            shown, annotation = mirror_visual(shown), mirror_annotation(annotation)
        is_gray = rng.random() < reading.gray_share
        if is_gray:
            annotation = without_names(annotation, (*COLOR_NAMES, "black_and_white"))
            clip_fact = Fact("black_and_white", True, subject="clip")
            annotation = replace(annotation, facts=(*annotation.facts, clip_fact))
        change = MILD if self.galleries[number].origin == "rendered" else STRONG
        change = GENTLE if reading.is_gentle else change
        shown = change_visual(shown, reading, change, rng, is_gray=is_gray)
        labels = self.labels.read(annotation, shown) if self.labels is not None else None
        dialogues = ()
        if self.writer is not None and reading.has_dialogues:
            dialogues = self.writer.write(annotation, Random(f"{index}:{epoch}"))
        name = f"{self.galleries[number].origin}:{item}"
        return Example(name, dialogues, shown, labels=labels)

    def _choose_part(
        self, look: Look, annotation: Annotation, rng: np.random.Generator
    ) -> tuple[VisualInput, Annotation]:
        reading = self.reading
        if len(look.frames) == 1:
            return visual_from_look(look, (0.0, 1e-6)), annotation
        stop = annotation.duration_seconds
        if rng.random() < reading.picture_share:
            place = int(rng.integers(len(look.frames)))
            time = float(look.frame_seconds[place])
            part = visual_from_look(_one_frame(look, place), (time, time + 1e-6))
            return replace(part, times_seconds=[0.0]), freeze_annotation(annotation, time)
        if rng.random() < reading.window_share:
            length = stop * float(rng.uniform(0.6, 1.0))
            start = float(rng.uniform(0.0, stop - length))
            part = visual_from_look(look, (start, start + length))
            return part, cut_annotation(annotation, start, start + length)
        return visual_from_look(look, (0.0, stop)), annotation


def change_visual(
    shown: VisualInput,
    reading: Reading,
    change: Change,
    rng: np.random.Generator,
    *,
    is_gray: bool = False,
) -> VisualInput:
    """Shrink, change and take colour out, as a reading says."""
    frames = shrink_pictures(shown.frames, reading.frame_px)
    faces = shown.faces
    if faces is not None:
        faces = shrink_pictures(faces, reading.face_px)
    if reading.has_changes:
        frames = change_pictures(frames, change, rng)
        if faces is not None:
            faces = change_pictures(faces, change, rng)
    if is_gray:
        frames = gray_pictures(frames)
        faces = gray_pictures(faces) if faces is not None else None
    return replace(shown, frames=frames, faces=faces)


def visual_from_look(
    look: Look,
    span_seconds: tuple[float, float],
    *,
    num_frames: int = NUM_FRAMES,
    num_samples: int = NUM_SAMPLES,
) -> VisualInput:
    """Choose the frames nearest to the centres of equal shares of a span, and their landmarks.

    The same rule as `lineament.describe.visual`, among the frames that were kept.
    """
    start, stop = span_seconds
    inside = np.flatnonzero((look.frame_seconds >= start - 1e-6) & (look.frame_seconds <= stop))
    if not len(inside):
        inside = np.array([int(np.abs(look.frame_seconds - (start + stop) / 2).argmin())])
    count = min(num_frames, len(inside))
    borders = np.linspace(start, stop, count + 1)
    centres = (borders[:-1] + borders[1:]) / 2
    nearest = np.abs(look.frame_seconds[inside][None] - centres[:, None]).argmin(axis=1)
    chosen, first = np.unique(inside[nearest], return_index=True)
    bins = np.stack([borders[:-1], borders[1:]], axis=1)[first]
    rows = np.asarray(look.rows, np.float32)
    landmarks, mask = sample_rows(rows, look.row_seconds, bins, num_samples=num_samples)
    return VisualInput(
        frames=np.asarray(look.frames[chosen]),
        times_seconds=[max(0.0, float(time) - start) for time in look.frame_seconds[chosen]],
        faces=np.asarray(look.faces[chosen]),
        face_mask=np.asarray(look.face_mask[chosen]),
        landmarks=landmarks,
        landmark_mask=mask,
    )


def mirror_visual(visual: VisualInput) -> VisualInput:
    """Turn left and right around."""
    assert visual.faces is not None
    assert visual.landmarks is not None
    assert visual.landmark_mask is not None
    landmarks = mirror_rows(visual.landmarks) * visual.landmark_mask[..., None, None]
    return replace(
        visual,
        frames=np.ascontiguousarray(visual.frames[:, :, ::-1]),
        faces=np.ascontiguousarray(visual.faces[:, :, ::-1]),
        landmarks=landmarks.astype(np.float32),
    )


def _one_frame(look: Look, place: int) -> Look:
    """Keep one frame, and the landmarks of that moment."""
    kept = slice(place, place + 1)
    rows, seconds = look.rows[:0], look.row_seconds[:0]
    if len(look.rows):
        nearest = int(np.abs(look.row_seconds - look.frame_seconds[place]).argmin())
        if abs(float(look.row_seconds[nearest] - look.frame_seconds[place])) < 0.05:
            rows = look.rows[nearest : nearest + 1]
            seconds = look.row_seconds[nearest : nearest + 1]
    return Look(
        look.frames[kept], look.faces[kept], look.face_mask[kept], look.frame_seconds[kept],
        rows, seconds, look.num_people,
    )  # fmt: skip


@functools.cache
def read_guesses(folder: Path) -> list[dict[str, bool]]:
    """Read what the attribute reader guessed of a gallery's items; empty where it did not."""
    path = folder / "guesses.jsonl"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
