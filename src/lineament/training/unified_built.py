"""Built data sets for networks that draw and understand: pictures as codes, kept once on disk."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, final

import numpy as np
import torch

from lineament.errors import BadInput, LineamentError
from lineament.model.drawing import fit_square
from lineament.model.image_tokenizer import ImageTokenizer
from lineament.model.portrait_eyes import pixel_values_of
from lineament.records.sources.pixels import open_pixels
from lineament.records.store import RecordStore
from lineament.training.built import (
    choose_rows,
    dialogue_from_record,
    group_rows,
    list_records,
    require_own_split,
)
from lineament.training.draw_tiny_codes import CODES, read_codes
from lineament.training.examples import Shown
from lineament.training.recipe import Mix
from lineament.training.unified_examples import AskingExample, DrawingExample

MEDIA = "media.json"
CAPTIONS = ("caption", "summary")
BATCH = 16
OPTIONS = ("data", "codes", "dialogues_per_example")

Report = Callable[[str, int], None]


@torch.no_grad()
def write_built_codes(
    data: Path,
    media: Path,
    tokenizer: ImageTokenizer,
    folder: Path,
    report: Report | None = None,
) -> None:
    """Encode every picture of a built data set and its mirror image; what is whole stays.

    Pictures that cannot be read get no codes; what is said about them is skipped in training.

    Raises:
        BadInput: None of them can be read.
    """
    if (folder / MEDIA).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    references = list(dict.fromkeys(one for one in RecordStore(data).column("media") if one))
    rows: list[np.ndarray] = []
    places: dict[str, int] = {}
    for start in range(0, len(references), BATCH):
        named = _open_some(references[start : start + BATCH], media, tokenizer.config.image_size_px)
        if not named:
            continue
        places |= {name: len(places) + number for number, name in enumerate(named)}
        values = pixel_values_of(np.stack(list(named.values())))
        values = values.to(tokenizer.device, tokenizer.dtype)
        both = torch.stack([tokenizer.encode(values), tokenizer.encode(values.flip(-1))], dim=1)
        rows.append(both.to(torch.int16).cpu().numpy())
        if report is not None:
            report("codes", len(places))
    if not rows:
        raise BadInput(f"{media}: none of {len(references):,} pictures can be read")
    np.save(folder / CODES, np.concatenate(rows))
    (folder / MEDIA).write_text(json.dumps(places), encoding="utf-8")  # last: now it is whole


def _open_some(references: Sequence[str], media: Path, size_px: int) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for reference in references:
        try:
            found[reference] = fit_square(open_pixels(reference, media), size_px)
        except LineamentError:
            continue
    return found


class _Codes:
    """Records of a built data set, and the codes of their pictures."""

    def __init__(self, mix: Mix) -> None:
        unknown = set(mix.options) - set(OPTIONS)
        if unknown or not {"codes", "data"} <= set(mix.options):
            raise BadInput(
                f"{mix.source}: expected the options data and codes, got {sorted(mix.options)}",
                hint=f"options: {', '.join(OPTIONS)}",
            )
        folder = Path(mix.options["codes"])
        self.store = RecordStore(Path(mix.options["data"]))
        require_own_split(self.store, mix)
        self.codes = read_codes(folder)
        self.places: dict[str, int] = json.loads((folder / MEDIA).read_text(encoding="utf-8"))

    def find(self, media: str, *, is_mirrored: bool = False) -> np.ndarray:
        """Return a picture's codes.

        Raises:
            BadInput: It could not be read.
        """
        if media not in self.places:
            raise BadInput(f"{media}: no codes")
        return np.asarray(self.codes[self.places[media], int(is_mirrored)])


@final
class BuiltDrawings:
    """Captions of a built data set with the codes of their pictures.

    ``data`` of the options is the folder of the built data set, ``codes`` what
    `write_built_codes` wrote.
    """

    def __init__(self, mix: Mix) -> None:
        self.held = _Codes(mix)
        chosen = choose_rows(self.held.store, mix.replace(kinds=mix.kinds or CAPTIONS))
        self.rows = chosen[: mix.limit] if mix.limit else chosen

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int, epoch: int) -> DrawingExample:
        """Read one caption, whole and its first sentence alone; sides are not mirrored.

        Raises:
            BadInput: Its picture could not be read.
        """
        record = self.held.store.record(self.rows[index])
        caption = record.turns[-1].text
        is_mirrored = not _has_sides(caption) and Random(f"{index}:{epoch}").random() < 0.5
        codes = self.held.find(record.media, is_mirrored=is_mirrored)
        return DrawingExample(record.id, codes, caption.split(". ")[0], lambda: caption)

    def list_media(self) -> Iterator[Shown]:
        """Yield the pictures of the captions."""
        return list_records(self.held.store, self.rows)


@final
class BuiltAsking:
    """Questions of a built data set, those about one picture together."""

    def __init__(self, mix: Mix) -> None:
        self.held = _Codes(mix)
        rows = choose_rows(self.held.store, mix)
        if not mix.kinds:
            kinds = self.held.store.column("kind")
            rows = [row for row in rows if kinds[row] not in CAPTIONS]
        number = int(mix.options.get("dialogues_per_example", 8))
        groups = group_rows(self.held.store.column("media"), rows, number)
        self.groups = groups[: mix.limit] if mix.limit else groups

    def __len__(self) -> int:
        return len(self.groups)

    def read(self, index: int, epoch: int) -> AskingExample:
        """Read the records of one picture, in another order each epoch.

        Raises:
            BadInput: It could not be read.
        """
        records = [self.held.store.record(int(row)) for row in self.groups[index]]
        Random(f"{records[0].id}:{epoch}").shuffle(records)
        codes = self.held.find(records[0].media)
        dialogues = tuple(map(dialogue_from_record, records))
        return AskingExample(records[0].id, codes, dialogues, None, None)

    def list_media(self) -> Iterator[Shown]:
        """Yield the pictures that are asked about."""
        return list_records(self.held.store, [row for group in self.groups for row in group])


def open_built_drawings(mix: Mix) -> Any:
    """Open captions with codes; see `BuiltDrawings`."""
    return BuiltDrawings(mix)


def open_built_asking(mix: Mix) -> Any:
    """Open questions with codes; see `BuiltAsking`."""
    return BuiltAsking(mix)


def _has_sides(text: str) -> bool:
    return any(word in text.lower().split() for word in ("left", "right", "left.", "right."))
