"""Rendered faces as examples: drawn when asked for, with dialogues written anew each epoch."""

import functools
from collections.abc import Iterator
from random import Random
from typing import Any, final, get_args

import numpy as np

from lineament.annotation import Annotation
from lineament.config import require_known
from lineament.errors import BadInput
from lineament.model.processor import VisualInput
from lineament.records.sources.rendered import FIRST_SEED
from lineament.records.write.template import KINDS, TemplateWriter
from lineament.render import FaceRenderer, sample_face
from lineament.render.face import Style
from lineament.training.built import dialogue_from_record
from lineament.training.examples import Example, Shown
from lineament.training.recipe import Mix

DEFAULTS: dict[str, Any] = {
    "count": 1000,
    "num_frames": 4,
    "num_samples": 2,
    "size_px": 64,
    "num_dialogues": 6,
    "style": "flat",
    "seed": 0,
}
LEAST = {
    "count": 0, "num_frames": 1, "num_samples": 1, "size_px": 8, "num_dialogues": 1, "seed": 0
}  # fmt: skip
# Points of a face in a fixed order; the renderer names many more things.
POINTS = (
    "left_eye_inner", "left_eye_outer", "left_eye_top", "left_eye_bottom", "left_pupil",
    "right_eye_inner", "right_eye_outer", "right_eye_top", "right_eye_bottom", "right_pupil",
    "mouth_left", "mouth_right", "lip_top", "lip_bottom", "lip_inner_top", "lip_inner_bottom",
    "nose_tip", "chin",
)  # fmt: skip


@final
class RenderedExamples:
    """As many rendered clips as asked for; any of them can be drawn alone.

    Pictures, crops and points come from the renderer, not from a face finder: a model trained
    on them is a test of the machinery, not of faces.
    """

    def __init__(self, mix: Mix) -> None:
        unknown = set(mix.options) - set(DEFAULTS)
        if unknown:
            raise BadInput(
                f"rendered: unknown option {sorted(unknown)[0]!r}",
                hint=f"options: {', '.join(DEFAULTS)}",
            )
        require_known(mix.split, FIRST_SEED, "split of rendered")
        self.mix = mix
        self.options = DEFAULTS | mix.options
        require_known(self.options["style"], get_args(Style), "options.style of rendered")
        for name, least in LEAST.items():
            value = self.options[name]
            if type(value) is not int or value < least:
                raise BadInput(
                    f"rendered: options.{name} is {value!r}",
                    hint=f"a whole number, {least} at least",
                )
        kinds = mix.kinds or tuple(kind for kind in KINDS if kind != "conversation")
        self.writer_counts = {kind: 2 if kind == "yes_no" else 1 for kind in kinds}
        TemplateWriter(self.writer_counts)  # refuses unknown kinds at once

    def __len__(self) -> int:
        return min(self.mix.limit or self.options["count"], self.options["count"])

    def __getstate__(self) -> dict[str, Any]:
        return {"mix": self.mix}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["mix"])

    def read(self, index: int, epoch: int) -> Example:
        """Draw one clip and write about it.

        Raises:
            BadInput: Nothing of the wanted kinds and levels can be said about this one.
        """
        seed = self._seed(index)
        annotation = sample_face(seed, duration_seconds=2.0)
        writer = TemplateWriter(self.writer_counts, seed=epoch)
        records = [
            record
            for record in writer.write(annotation)
            if not self.mix.levels or record.level in self.mix.levels
        ]
        if not records:
            raise BadInput(f"{annotation.media}: nothing of these kinds and levels to say")
        Random(f"{seed}:{epoch}").shuffle(records)
        dialogues = tuple(map(dialogue_from_record, records[: self.options["num_dialogues"]]))
        return Example(f"rendered:{seed}", dialogues, self._draw(seed))

    def list_media(self) -> Iterator[Shown]:
        """Yield the seeds' faces under their own names."""
        for index in range(len(self)):
            seed = self._seed(index)
            yield Shown("rendered", f"face-{seed}", f"rendered-{seed}")

    def _seed(self, index: int) -> int:
        return FIRST_SEED[self.mix.split] + self.options["seed"] * 1_000_000 + index

    def _draw(self, seed: int) -> VisualInput:
        options = self.options
        return draw_visual(
            seed,
            options["style"],
            options["size_px"],
            options["num_frames"],
            options["num_samples"],
        )


@functools.lru_cache(maxsize=512)  # stages of a run, and its validation, show the same clips
def draw_visual(
    seed: int, style: str, size_px: int, num_frames: int, num_samples: int
) -> VisualInput:
    """Draw a clip's frames, cut its face out, and read its points off the renderer."""
    annotation = sample_face(seed, duration_seconds=2.0)
    look: Any = style
    renderer = FaceRenderer(annotation, style=look, size_px=size_px, seed=seed)
    share = _duration(annotation) / num_frames
    times = [(i + 0.5) * share for i in range(num_frames)]
    frames = np.stack([renderer.draw(time) for time in times])
    faces = [
        _cut_face(frame, renderer.landmarks(time)["box"])
        for frame, time in zip(frames, times, strict=True)
    ]
    moments = (np.arange(num_frames * num_samples) + 0.5) * share / num_samples
    points = np.stack([_points(renderer, float(moment)) for moment in moments])
    return VisualInput(
        frames=frames,
        times_seconds=times,
        faces=np.stack(faces),
        landmarks=points.reshape(num_frames, num_samples, len(POINTS), 3).astype(np.float32),
    )


def _duration(annotation: Annotation) -> float:
    return annotation.num_frames / (annotation.fps or 1.0)


def _points(renderer: FaceRenderer, time: float) -> np.ndarray:
    """Return points about the middle of the eyes, in units of their distance; depth unknown."""
    found = renderer.landmarks(time)
    points = np.stack([np.asarray(found[name], np.float64) for name in POINTS])
    left, right = found["left_pupil"], found["right_pupil"]
    apart = max(float(np.linalg.norm(np.subtract(right, left))), 1e-3)
    flat = (points - (np.add(left, right) / 2)) / apart
    return np.concatenate([flat, np.zeros((len(flat), 1))], axis=1)


def _cut_face(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut the face's box, made square, and keep the frame's size."""
    from PIL import Image

    height, width = frame.shape[:2]
    x0, y0, x1, y1 = (float(side) for side in box)
    half = max(x1 - x0, y1 - y0) / 2
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    region = (middle_x - half, middle_y - half, middle_x + half, middle_y + half)
    return np.asarray(
        Image.fromarray(frame).resize((width, height), box=_inside(region, width, height))
    )


def _inside(
    region: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = region
    return max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
