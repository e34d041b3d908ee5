"""Portraits as examples: pixels for the image tokenizer; codes with captions and questions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int, UInt8

from lineament.errors import BadInput
from lineament.training.dialogues import Dialogue, DialogueWriter
from lineament.training.draw_tiny_codes import read_codes, read_features
from lineament.training.draw_tiny_portraits import Portraits
from lineament.training.examples import Shown
from lineament.training.gallery_examples import CHECK_EVERY, PARTS
from lineament.training.labels import read_states
from lineament.training.recipe import Mix
from lineament.training.unified_captions import write_long_caption, write_prompt
from lineament.training.windows import mirror_annotation

MAX_COUNTED = 4000  # items by which questions are balanced
NOT_ASKED = ("timed", "conversation")  # of a still picture, and in one turn


@dataclass(frozen=True, slots=True)
class PixelExample:
    """One portrait to encode and decode."""

    id: str
    pixels: UInt8[np.ndarray, "side side 3"]


@dataclass(frozen=True, slots=True)
class DrawingExample:
    """Codes of a portrait, with a short prompt for it and a long caption.

    Attributes:
        id: Names the example in messages.
        codes: Of the picture.
        prompt: A few words.
        tell: Writes the caption, which few batches want and which takes longer than all else.
    """

    id: str
    codes: Int[np.ndarray, " codes"]
    prompt: str
    tell: Callable[[], str]

    @property
    def caption(self) -> str:
        """Many sentences; the same every time."""
        return self.tell()


@dataclass(frozen=True, slots=True)
class AskingExample:
    """Codes of a portrait, what the experts look at, and questions with answers."""

    id: str
    codes: Int[np.ndarray, " codes"]
    dialogues: tuple[Dialogue, ...]
    whole: Float[np.ndarray, "cells dim"] | None
    face: Float[np.ndarray, " face_dim"] | None


class _Places:
    """Which items of some folders of portraits belong to a part."""

    def __init__(self, folders: Sequence[Path], part: str, styles: Sequence[str]) -> None:
        if part not in PARTS:
            raise BadInput(f"part: expected one of {', '.join(PARTS)}, got {part!r}")
        self.folders = [Portraits(folder) for folder in folders]
        self.places = [
            (number, index)
            for number, portraits in enumerate(self.folders)
            for index in range(len(portraits))
            if (part == "all" or (index % CHECK_EVERY == CHECK_EVERY - 1) == (part == "check"))
            and (not styles or portraits.style(index) in styles)
        ]

    def __len__(self) -> int:
        return len(self.places)

    def list_media(self) -> Iterator[Shown]:
        """Yield what the portraits were cut out of."""
        return (self.folders[number].shown(index) for number, index in self.places)

    def name(self, position: int) -> str:
        number, index = self.places[position]
        return f"{self.folders[number].name}:{index}"


@final
class PixelExamples:
    """Portraits as they are, every second one mirrored."""

    def __init__(self, folders: Sequence[Path], part: str = "all", limit: int = 0) -> None:
        self.items = _Places(folders, part, ())
        self.limit = limit or len(self.items)

    def __len__(self) -> int:
        return min(self.limit, len(self.items))

    def list_media(self) -> Iterator[Shown]:
        """Yield every portrait's picture."""
        return self.items.list_media()

    def read(self, index: int, epoch: int) -> PixelExample:
        """Read one portrait."""
        number, item = self.items.places[index]
        pixels = np.asarray(self.items.folders[number].pixels[item])
        if Random(f"{index}:{epoch}").random() < 0.5:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        return PixelExample(self.items.name(index), pixels)


@final
class DrawingExamples:
    """Codes of portraits or of their mirror images, with prompts written anew each epoch."""

    def __init__(
        self, folders: Sequence[Path], codes: Path, part: str = "all", styles: Sequence[str] = ()
    ) -> None:
        self.items = _Places(folders, part, styles)
        self.codes = [read_codes(codes / folder.name) for folder in folders]

    def __len__(self) -> int:
        return len(self.items)

    def list_media(self) -> Iterator[Shown]:
        """Yield every portrait's picture."""
        return self.items.list_media()

    def read(self, index: int, epoch: int) -> DrawingExample:
        """Read one in one of its forms."""
        number, item = self.items.places[index]
        rng = Random(f"{index}:{epoch}")
        portraits = self.items.folders[number]
        annotation, is_mirrored = portraits.annotation(item), rng.random() < 0.5
        if is_mirrored:
            annotation = mirror_annotation(annotation)
        style = portraits.style(item)
        return DrawingExample(
            self.items.name(index),
            np.asarray(self.codes[number][item, int(is_mirrored)]),
            write_prompt(annotation, rng, style=style),
            lambda: write_long_caption(annotation, Random(f"{index}:{epoch}:long"), style=style),
        )


@final
class AskingExamples:
    """Codes of portraits, with dialogues written anew each epoch."""

    def __init__(
        self,
        folders: Sequence[Path],
        codes: Path,
        writer: DialogueWriter,
        part: str = "all",
        styles: Sequence[str] = (),
    ) -> None:
        self.items = _Places(folders, part, styles)
        self.codes = [read_codes(codes / folder.name) for folder in folders]
        self.features = [read_features(codes / folder.name) for folder in folders]
        self.writer = self._balance(writer)

    def __len__(self) -> int:
        return len(self.items)

    def list_media(self) -> Iterator[Shown]:
        """Yield every portrait's picture."""
        return self.items.list_media()

    def read(self, index: int, epoch: int) -> AskingExample:
        """Read one in one of its forms.

        Raises:
            BadInput: Nothing can be asked about it.
        """
        number, item = self.items.places[index]
        annotation = self.items.folders[number].annotation(item)
        dialogues = self.writer.write(annotation, Random(f"{index}:{epoch}"))
        if not dialogues:
            raise BadInput(f"{self.items.name(index)}: nothing to ask")
        features = self.features[number]
        whole, face = (None, None) if features is None else (features[0][item], features[1][item])
        return AskingExample(
            self.items.name(index), np.asarray(self.codes[number][item, 0]), dialogues, whole, face
        )

    def _balance(self, writer: DialogueWriter) -> DialogueWriter:
        """Count states, so that no question tells its answer, as `GalleryExamples` does."""
        if not len(self):
            return writer
        counted = [
            self.items.folders[number].annotation(item)
            for number, item in self.items.places[:: max(1, len(self) // MAX_COUNTED)]
        ]
        counts: dict[str, list[int]] = {}
        for annotation in counted:
            for name, value in read_states(annotation).items():
                counts.setdefault(name, [0, 0])[int(value)] += 1
        rates = {
            name: (false / (false + true), true / (false + true))
            for name, (false, true) in counts.items()
        }
        balanced = replace(writer, rates=rates)
        weights = [balanced.sum_weights(one) for one in counted[:: max(1, len(counted) // 1000)]]
        return replace(balanced, mean_weight=sum(weights) / len(weights))


def find_portraits(root: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the folders of portraits that some globs name.

    Raises:
        BadInput: There is none.
    """
    found = [path for pattern in patterns for path in sorted((root / "portraits").glob(pattern))]
    found = [path for path in found if (path / "manifest.json").is_file()]
    if not found:
        raise BadInput(f"{root}: no portraits", hint="lineament train draw-tiny prepares them")
    return found


def open_portraits(mix: Mix) -> Any:
    """Open portraits for the image tokenizer: ``root``, ``folders`` (globs), ``part``."""
    options: dict[str, Any] = dict(mix.options)
    folders = find_portraits(Path(options.pop("root")), options.pop("folders"))
    return PixelExamples(folders, limit=mix.limit, **options)


def open_drawings(mix: Mix) -> Any:
    """Open codes with captions: ``root``, ``folders`` (globs), ``part``, ``styles``."""
    options: dict[str, Any] = dict(mix.options)
    root = Path(options.pop("root"))
    folders = find_portraits(root, options.pop("folders"))
    return DrawingExamples(folders, root / "codes", **options)


def open_asking(mix: Mix) -> Any:
    """Open codes with questions: as `open_drawings`, and ``plain``, ``yes_no``."""
    from lineament.training.chat_tiny_data import IMPORTANCE
    from lineament.training.dialogues import KIND_RATES

    options: dict[str, Any] = dict(mix.options)
    root = Path(options.pop("root"))
    folders = find_portraits(root, options.pop("folders"))
    is_plain = bool(options.pop("plain", False))
    kinds = {
        name: rate
        for name, rate in KIND_RATES.items()
        if name not in NOT_ASKED and name in (mix.kinds or KIND_RATES)
    }
    writer = DialogueWriter(
        num_yes_no=int(options.pop("yes_no", 8)),
        kind_rates={} if is_plain else kinds,
        importance=IMPORTANCE,
        is_plain=is_plain,
    )
    return AskingExamples(folders, root / "codes", writer, **options)
