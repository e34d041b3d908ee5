"""COCO files of boxes: pictures, categories and annotations by number."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.records.sources.rows import read_json_file
from lineament.records.sources.scenes.layout import key_of, read_list
from lineament.records.sources.scenes.objects import Marked
from lineament.records.sources.source import NO_LABEL, UNREADABLE, Dropped


@dataclass(frozen=True, slots=True)
class CocoPicture:
    """A picture of a COCO file with its objects."""

    name: str
    size_px: tuple[float, float] | None
    objects: tuple[Marked, ...]


def read_coco(path: Path) -> Iterator[CocoPicture | Dropped]:
    """Yield every picture of the file, those without objects among them.

    Raises:
        BadInput: The file is no JSON object.
    """
    table = read_json_file(path)
    classes = {
        key_of(row.get("id")): str(row.get("name"))
        for row in read_list(table, "categories", path)
        if isinstance(row, Mapping)
    }
    marked: dict[Any, list[Marked]] = {}
    for number, row in enumerate(read_list(table, "annotations", path)):
        at = f"{path.name}, annotations[{number}]"
        found = _read_box(row, classes, at)
        if isinstance(found, Dropped):
            yield found
        else:
            marked.setdefault(key_of(row["image_id"]), []).append(found)
    for number, row in enumerate(read_list(table, "images", path)):
        at = f"{path.name}, images[{number}]"
        if not isinstance(row, Mapping) or not isinstance(row.get("file_name"), str):
            yield Dropped(at, UNREADABLE, "no file_name")
            continue
        width, height = row.get("width"), row.get("height")
        is_sized = all(_is_number(side) and side > 0 for side in (width, height))  # type: ignore[operator]
        size_px = (float(width), float(height)) if is_sized else None  # type: ignore[arg-type]
        yield CocoPicture(row["file_name"], size_px, tuple(marked.pop(key_of(row.get("id")), ())))
    for key, objects in marked.items():
        for lost in objects:
            yield Dropped(lost.row, NO_LABEL, f"no picture with id {key!r}")


def _read_box(row: Any, classes: Mapping[Any, str], at: str) -> Marked | Dropped:
    if not isinstance(row, Mapping) or "image_id" not in row:
        return Dropped(at, UNREADABLE, "no image_id")
    category = key_of(row.get("category_id"))
    if category not in classes:
        return Dropped(at, UNREADABLE, f"no category {category!r}")
    box = row.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return Marked(classes[category], (), at)  # dropped with its class, which is then not listed
    x, y, width, height = (float(part) for part in box)
    outline = row.get("segmentation")
    points: tuple[float, ...] = ()
    if isinstance(outline, list) and outline and isinstance(outline[0], list):
        longest = max(outline, key=len)
        if len(longest) >= 6 and len(longest) % 2 == 0 and all(map(_is_number, longest)):
            points = tuple(float(part) for part in longest)
    return Marked(classes[category], (x, y, x + width, y + height), at, points)


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float can hold
        return False
