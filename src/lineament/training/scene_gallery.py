"""Galleries of aerial scenes: small pictures, what is said of them, what lies in each cell."""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.render.scenes.kinds import KINDS, RGB
from lineament.render.scenes.sample import COVERS

PICTURES, CELLS, BOXES, ROWS = "pictures.npy", "cells.npy", "boxes.npy", "rows.jsonl"
CELL_NAMES = (*KINDS, *COVERS, *RGB)  # what a cell may hold, and in which colors things come
FINE = 4  # a cell is looked at in so many by so many points
MIN_SHARE = 0.25  # of a cell, to hold something large; what is small counts where its centre lies


class Pictured(NamedTuple):
    """A picture with what is said about it; without an annotation its cells are unknown."""

    id: str
    pixels: UInt8[np.ndarray, "height width 3"]
    records: tuple[Record, ...]
    annotation: Annotation | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One conversation about a picture: kind, level, and its turns by turns."""

    kind: str
    level: int
    texts: tuple[str, ...]


def write_scene_gallery(
    folder: Path, items: Iterable[Pictured], *, size_px: int, grid: int
) -> None:
    """Write a gallery; it appears whole or not at all.

    Raises:
        BadInput: There is nothing to write.
    """
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    pictures, cells, boxes = [], [], []
    with (draft / ROWS).open("w", encoding="utf-8") as rows:
        for item in items:
            image = Image.fromarray(item.pixels).convert("RGB")
            pictures.append(np.asarray(image.resize((size_px, size_px), Image.Resampling.LANCZOS)))
            known = item.annotation
            cells.append(_unknown_cells(grid) if known is None else find_cells(known, grid))
            boxes.append(np.zeros((grid, grid, 5), np.float32) if known is None
                         else find_boxes(known, grid))  # fmt: skip
            said = [[r.kind, r.level, [turn.text for turn in r.turns]] for r in item.records]
            rows.write(json.dumps({"id": item.id, "said": said}) + "\n")
    if not pictures:
        raise BadInput(f"{folder}: no picture for it")
    np.save(draft / PICTURES, np.stack(pictures))
    np.save(draft / CELLS, np.stack(cells))
    np.save(draft / BOXES, np.stack(boxes).astype(np.float32))
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def has_gallery(folder: Path) -> bool:
    """Say whether a whole gallery lies here."""
    return (folder / BOXES).is_file()


@final
class SceneGallery:
    """A gallery, open for reading; pictures stay on disk until they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.pixels = np.load(folder / PICTURES, mmap_mode="r")
            self.cells = np.load(folder / CELLS, mmap_mode="r")
            self.boxes = np.load(folder / BOXES, mmap_mode="r")
            lines = (folder / ROWS).read_text(encoding="utf-8").splitlines()
            self._rows: list[Mapping[str, Any]] = [json.loads(line) for line in lines]
        except (OSError, ValueError) as error:
            raise BadInput(f"{folder}: no gallery of scenes ({error})") from None

    def __len__(self) -> int:
        return len(self._rows)

    def id(self, index: int) -> str:
        """Return the name of a picture."""
        return str(self._rows[index]["id"])

    def said(self, index: int) -> tuple[Said, ...]:
        """Return all that is said about a picture."""
        rows = self._rows[index]["said"]
        return tuple(Said(kind, level, tuple(texts)) for kind, level, texts in rows)


def _unknown_cells(grid: int) -> UInt8[np.ndarray, "names grid grid"]:
    return np.full((len(CELL_NAMES), grid, grid), 255, np.uint8)


def find_cells(annotation: Annotation, grid: int) -> UInt8[np.ndarray, "names grid grid"]:
    """Return 1 where a cell holds something of a name or of a color, else 0."""
    cells = np.zeros((len(CELL_NAMES), grid, grid), np.uint8)
    colors = {fact.subject: str(fact.value) for fact in annotation.facts_named("object_color")}
    for fact in annotation.facts:
        name = str(fact.value) if fact.name == "object_class" else fact.name
        if name not in CELL_NAMES or not fact.region:
            continue
        points = _corners(fact.region)
        share = _share_of_cells(points, grid)
        held = share >= MIN_SHARE
        x, y = (points.min(0) + points.max(0)) / 2
        if fact.name == "object_class" and name not in ("road", "bridge"):
            held[_cell(y, grid), _cell(x, grid)] = True
        cells[CELL_NAMES.index(name)] |= held.astype(np.uint8)
        color = colors.get(fact.subject) if fact.name == "object_class" else None
        if color in CELL_NAMES:
            cells[CELL_NAMES.index(color)] |= held.astype(np.uint8)
    return cells


def find_boxes(annotation: Annotation, grid: int) -> Float32[np.ndarray, "grid grid 5"]:
    """Return for each cell the box of the largest object whose centre lies in it.

    The five numbers: 1 where there is one, its centre within the cell, its width and height as
    shares of the picture.
    """
    found = np.zeros((grid, grid, 5), np.float32)
    for fact in annotation.facts_named("object_class"):
        if not fact.region:
            continue
        points = _corners(fact.region)
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        row, column = _cell(y, grid), _cell(x, grid)
        width, height = x1 - x0, y1 - y0
        if width * height > found[row, column, 3] * found[row, column, 4]:
            found[row, column] = 1.0, x * grid - column, y * grid - row, width, height
    return found


def _cell(place: float, grid: int) -> int:
    return min(max(int(place * grid), 0), grid - 1)


def _corners(region: tuple[float, ...]) -> np.ndarray:
    if len(region) == 4:
        x0, y0, x1, y1 = region
        region = (x0, y0, x1, y0, x1, y1, x0, y1)
    return np.asarray(region, np.float64).reshape(-1, 2)


def _share_of_cells(points: np.ndarray, grid: int) -> np.ndarray:
    side = grid * FINE
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in points * side - 0.5], fill=1)
    return np.asarray(image, np.float64).reshape(grid, FINE, grid, FINE).mean((1, 3))
