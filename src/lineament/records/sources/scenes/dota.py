"""DOTA: rotated boxes as four corners, with the ground that a pixel covers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.records.record import Record
from lineament.records.sources.rows import read_lines
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.detection import Detection
from lineament.records.sources.scenes.geotiff import measure_picture, split_bands
from lineament.records.sources.scenes.label import BAD_BOX
from lineament.records.sources.scenes.layout import (
    find_folder,
    find_folders,
    find_picture,
    fold_name,
    name_below,
    natural_key,
    require_part,
)
from lineament.records.sources.scenes.objects import Marked, Sheet, annotate_objects
from lineament.records.sources.source import UNREADABLE, Dropped, require_split

DOTA_CLASSES = (
    "plane", "ship", "storage-tank", "baseball-diamond", "tennis-court", "basketball-court",
    "ground-track-field", "harbor", "bridge", "large-vehicle", "small-vehicle", "helicopter",
    "roundabout", "soccer-ball-field", "swimming-pool",
)  # fmt: skip
_LABELS = ("labelTxt", "labelTxt-v1.0", "labelTxt-v1.5", "annfiles")
_MARKS = ("labelTxt*", "annfiles")
_BOX_FILES = ("*.json", "Annotations", "*.xml")
_RELEASES = ("dota", "DOTA-v1.0", "DOTA-v1.5")


@final
@dataclass(frozen=True, slots=True)
class Dota:
    """``labelTxt/*.txt`` beside ``images``, below a folder for each split or without one.

    Where there are none, COCO and VOC files are read as those of the other detection sets, their
    outlines of four corners for the boxes.
    """

    name: str = "dota"
    licence: str = "academic use only"
    splits: tuple[str, ...] = ("all", "train", "val")
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield a picture with its objects.

        Label files do not tell the picture's size: where the picture is not at hand, objects have
        a class, a length and a direction, and no place.
        """
        require_split(self, split)
        parts = (f"{part}/{mark}" for part in self.splits[1:] for mark in _MARKS)
        root = find_folder(folder, *_MARKS, *parts, *_BOX_FILES, inside=_RELEASES)
        own = find_labels(root)
        places = [root] if split == "all" and own else []
        if not places:
            wanted = self.splits[1:] if split == "all" else (split,)
            places = [place for part in wanted for place in find_folders(root, part)]
        found = [(place, labels) for place in places if (labels := find_labels(place))]
        has_boxes = any(next(root.glob(mark), None) is not None for mark in _BOX_FILES)
        if not found and has_boxes:
            yield from self._read_boxes(root, split, folder)
            return
        rows = (
            row
            for place, labels in found
            for path in sorted(labels.glob("*.txt"), key=lambda p: natural_key(p.name))
            for row in self._annotate(root, place, path, folder)
        )
        yield from require_part(self, root, split, rows)

    def _read_boxes(self, root: Path, split: str, folder: Path) -> Iterator[Annotation | Dropped]:
        boxes = Detection(self.name, DOTA_CLASSES, self.licence, self.splits, is_rotated=True)
        for row in boxes.read(root, split):
            if isinstance(row, Annotation):
                media = name_below(folder, root, row.media)
                stem = Path(split_bands(row.media)[0]).stem
                row = replace(row, media=media, split_key=_key_of(stem))
            yield row

    def read_turns(self, folder: Path, split: str = "all") -> Iterator[Record | Dropped]:
        """Yield questions on number and presence, a record a picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def _annotate(
        self, root: Path, place: Path, path: Path, folder: Path
    ) -> Iterator[Annotation | Dropped]:
        objects: list[Marked] = []
        meters: float | None = None
        for number, line in read_lines(path):
            at = f"{path.name}, line {number}"
            if isinstance(line, Dropped):
                yield line
            elif line.startswith("gsd:"):
                meters = _read_scale(line)
            elif line.strip() and not line.startswith("imagesource:"):
                found = read_row(line, at)
                if isinstance(found, Dropped):
                    yield found
                else:
                    objects.append(found)
        inside = ("images", "")
        if place != root:
            inside = (f"{place.name}/images", place.name, *inside)
        places = [root / part / path.stem for part in inside]
        is_geotiff = any(place.with_name(f"{path.stem}.tif").is_file() for place in places)
        name = f"{path.stem}.{'tif' if is_geotiff else 'png'}"
        media = find_picture(root, name, inside=inside, root=folder)
        seen = measure_picture(folder, media)
        key = _key_of(path.stem)
        sheet = Sheet(media, key, self.licence, seen.size_px, meters or seen.meters_per_pixel)
        yield from annotate_objects(sheet, objects, DOTA_CLASSES)


def find_labels(place: Path) -> Path | None:
    """Return the folder of a place that holds label files; releases pack them one deeper."""
    for name in _LABELS:
        for found in find_folders(place, name):
            below = [path for path in found.iterdir() if path.is_dir()]
            below.sort(key=lambda path: (fold_name(path.name) != "labeltxt", path.name))
            for folder in (found, *below):
                if any(folder.glob("*.txt")):
                    return folder
    return None


def _key_of(stem: str) -> str:
    """Return what train and test must not share: tiles begin with their picture's name."""
    return f"dota/{stem.split('__')[0]}"  # P0706__1__0___0


def read_row(line: str, at: str) -> Marked | Dropped:
    """Read ``x1 y1 x2 y2 x3 y3 x4 y4 class difficult``."""
    fields = line.split()
    if len(fields) not in (9, 10):
        return Dropped(at, UNREADABLE, f"{len(fields)} fields, expected 10")
    try:
        points = tuple(float(field) for field in fields[:8])
    except ValueError:
        return Dropped(at, BAD_BOX, " ".join(fields[:8]))
    return Marked(fields[8], points, at)


def _read_scale(line: str) -> float | None:
    try:
        meters = float(line.partition(":")[2])
    except ValueError:
        return None  # `gsd:null` and `gsd:None` are common
    return meters if meters > 0 else None
