"""VOC files: one XML a picture, with boxes, rotated boxes or phrases."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from lineament.records.sources.source import UNREADABLE, Dropped

LIMIT_BYTES = 8_000_000
_CORNERS = ("left_top", "right_top", "right_bottom", "left_bottom")


@dataclass(frozen=True, slots=True)
class VocObject:
    """One object of a VOC file; `points_px` are empty where none could be read."""

    name: str
    points_px: tuple[float, ...]
    phrase: str
    row: str


@dataclass(frozen=True, slots=True)
class VocFile:
    """A VOC file."""

    name: str
    size_px: tuple[float, float] | None
    objects: tuple[VocObject, ...]


def read_voc(path: Path) -> VocFile | Dropped:
    """Read one file; what is no VOC file is a drop, not an error."""
    try:
        data = path.read_bytes()
        # Entities could grow without end; no VOC file needs any.
        if len(data) > LIMIT_BYTES or b"<!ENTITY" in data:
            return Dropped(path.name, UNREADABLE, f"{len(data)} bytes, or entities")
        root = ElementTree.fromstring(data)
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        return Dropped(path.name, UNREADABLE, f"no XML ({error})")
    name = (root.findtext("filename") or "").strip() or f"{path.stem}.jpg"
    if "." not in name:
        name += ".jpg"
    return VocFile(name, _read_size(root), tuple(_read_objects(root, path.name)))


def _read_size(root: ElementTree.Element) -> tuple[float, float] | None:
    numbers = [_number(root.findtext(f"size/{side}")) for side in ("width", "height")]
    width, height = numbers
    return (width, height) if width and height and width > 0 and height > 0 else None


def _read_objects(root: ElementTree.Element, file_name: str) -> Iterator[VocObject]:
    for number, element in enumerate(root.findall("object")):
        keys: list[str] = [f"bndbox/{key}" for key in ("xmin", "ymin", "xmax", "ymax")]
        if element.find("robndbox") is not None:
            keys = [f"robndbox/{axis}_{corner}" for corner in _CORNERS for axis in "xy"]
        found = [_number(element.findtext(key)) for key in keys]
        points = tuple(x for x in found if x is not None)
        yield VocObject(
            name=(element.findtext("name") or "").strip(),
            points_px=points if len(points) == len(keys) else (),
            phrase=(element.findtext("description") or "").strip(),
            row=f"{file_name}, object {number}",
        )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
