"""Rendered scenes: annotations sampled, not read; their pictures are drawn from the seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.records.sources.rendered import FIRST_SEED
from lineament.records.sources.source import Dropped, require_split
from lineament.render.scenes.sample import sample_scene


@final
@dataclass(frozen=True, slots=True)
class RenderedScenes:
    """As many rendered aerial scenes as asked for.

    Attributes:
        num_scenes: How many.
        size_px: Side of the pictures that are drawn from them.
    """

    num_scenes: int = 1000
    size_px: int = 256
    name: str = "rendered-scenes"
    licence: str = "Apache-2.0"
    splits: tuple[str, ...] = ("train", "dev", "test")
    needs_folder: bool = False

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:  # noqa: ARG002
        """Yield scenes of the split's seeds; the folder is not looked at."""
        require_split(self, split)
        first = FIRST_SEED[split]
        for index in range(self.num_scenes):
            yield sample_scene(first + index, size_px=self.size_px)
