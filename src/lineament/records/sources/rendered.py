"""Rendered faces: annotations sampled, not read; their media are drawn from the seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.records.sources.source import Dropped, require_split
from lineament.render import sample_face

# Seeds by split: no seed is ever in two.
FIRST_SEED = {"train": 0, "dev": 1_000_000_000, "test": 2_000_000_000}


@final
@dataclass(frozen=True, slots=True)
class Rendered:
    """As many rendered adult faces as asked for.

    Attributes:
        num_faces: How many.
        picture_share: Share of pictures; the others are clips.
    """

    num_faces: int = 1000
    picture_share: float = 0.3
    name: str = "rendered"
    licence: str = "Apache-2.0"
    splits: tuple[str, ...] = ("train", "dev", "test")
    needs_folder: bool = False

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:  # noqa: ARG002
        """Yield faces of the split's seeds; the folder is not looked at."""
        require_split(self, split)
        first = FIRST_SEED[split]
        for index in range(self.num_faces):
            is_picture = (index * 0.618033988749895) % 1.0 < self.picture_share
            yield sample_face(first + index, is_picture=is_picture)
