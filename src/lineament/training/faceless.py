"""Pictures and clips without anybody in them, so that a model learns to say so."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import final

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from lineament.model.processor import VisualInput
from lineament.render import sample_face
from lineament.training.dialogues import write_faceless
from lineament.training.examples import Example, Shown
from lineament.training.gallery import SIZE_PX, Gallery

NUM_ROWS, NUM_SAMPLES = 68, 8
PATCH_PX = 30  # a corner this small of a portrait holds no face


@final
class FacelessExamples:
    """As many as asked for: patterns, gradients, and magnified corners of the galleries' frames.

    Args:
        count: How many.
        galleries: Where corners come from.
    """

    def __init__(self, count: int, galleries: list[Path]) -> None:
        self.count = count
        self.galleries = [Gallery(folder) for folder in galleries]

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, epoch: int) -> Example:
        """Draw one, and ask about it as if somebody were there."""
        rng = np.random.default_rng([index, epoch, 11])
        is_clip = rng.random() < 0.4
        picture = self._draw(rng)
        num_frames = 8 if is_clip else 1
        length = float(rng.uniform(2.0, 5.0))
        frames = np.stack([_shake(picture, rng) for _ in range(num_frames)])
        shape = (num_frames, NUM_SAMPLES)
        visual = VisualInput(
            frames=frames,
            times_seconds=[
                (i + 0.5) * length / num_frames if is_clip else 0.0 for i in range(num_frames)
            ],
            faces=np.zeros_like(frames),
            face_mask=np.zeros(num_frames, bool),
            landmarks=np.zeros((*shape, NUM_ROWS, 3), np.float32),
            landmark_mask=np.zeros(shape, bool),
        )
        asked = sample_face(int(rng.integers(2**31)), is_picture=not is_clip)
        dialogues = write_faceless(asked, Random(f"{index}:{epoch}"))
        return Example(f"faceless:{index}", dialogues, visual)

    def list_media(self) -> Iterator[Shown]:
        """Yield every picture whose corners may be shown."""
        for gallery in self.galleries:
            yield from map(gallery.shown, range(len(gallery)))

    def _draw(self, rng: np.random.Generator) -> UInt8[np.ndarray, "size size 3"]:
        if self.galleries and rng.random() < 0.3:
            gallery = self.galleries[int(rng.integers(len(self.galleries)))]
            frame = gallery.frames[int(rng.integers(len(gallery.frames)))]
            patch = (
                frame[:PATCH_PX, :PATCH_PX] if rng.random() < 0.5 else frame[:PATCH_PX, -PATCH_PX:]
            )
            return _enlarge(np.asarray(patch))
        return _pattern(rng)


def _pattern(rng: np.random.Generator) -> UInt8[np.ndarray, "size size 3"]:
    """Draw clouds, blocks or stripes in two or three colours."""
    kind = rng.random()
    if kind < 0.4:  # clouds: noise of several sizes
        sizes = (_enlarge_field(rng.random((2**n, 2**n)), SIZE_PX) / n for n in range(1, 7))
        field = np.asarray(sum(sizes))
        field = (field - field.min()) / (np.ptp(field) + 1e-6)
    elif kind < 0.7:  # blocks, as of houses and fields from above
        field = np.kron(rng.random((8, 8)), np.ones((SIZE_PX // 8, SIZE_PX // 8)))
    else:
        y, x = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX
        angle, pace = rng.uniform(0, np.pi), rng.uniform(0.5, 12)
        field = 0.5 + 0.5 * np.sin(2 * np.pi * pace * (x * np.cos(angle) + y * np.sin(angle)))
    low, high = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    pixels = (
        low
        + (high - low) * field[..., None]
        + rng.normal(0, rng.uniform(0, 12), (SIZE_PX, SIZE_PX, 3))
    )
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _enlarge_field(field: Float[np.ndarray, "n n"], size_px: int) -> Float[np.ndarray, "size size"]:
    image = Image.fromarray((field * 255).astype(np.uint8))
    resized = image.resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.asarray(resized) / 255.0


def _enlarge(patch: UInt8[np.ndarray, "n n 3"]) -> UInt8[np.ndarray, "size size 3"]:
    image = Image.fromarray(patch).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _shake(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture with a little noise, as of a camera."""
    noise = rng.normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)
