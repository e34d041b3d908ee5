"""DOTA: rotated boxes as four corners, with the ground that a pixel covers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.records.record import Record
from lineament.records.sources.rows import read_lines
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.label import BAD_BOX
from lineament.records.sources.scenes.layout import find_folder, find_picture, natural_key
from lineament.records.sources.scenes.objects import Marked, Sheet, annotate_objects
from lineament.records.sources.source import UNREADABLE, Dropped, require_split

DOTA_CLASSES = (
    "plane", "ship", "storage-tank", "baseball-diamond", "tennis-court", "basketball-court",
    "ground-track-field", "harbor", "bridge", "large-vehicle", "small-vehicle", "helicopter",
    "roundabout", "soccer-ball-field", "swimming-pool",
)  # fmt: skip
_LABELS = ("labelTxt", "labelTxt-v1.0", "labelTxt-v1.5", "annfiles")


@final
@dataclass(frozen=True, slots=True)
class Dota:
    """``labelTxt/*.txt`` beside ``images``, below a folder for each split or without one."""

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
        root = find_folder(folder, *_LABELS, *(f"{s}/labelTxt" for s in self.splits[1:]))
        place = root if split == "all" else find_folder(root / split, *_LABELS)
        labels = next((p for name in _LABELS if (p := place / name).is_dir()), None)
        if labels is None:
            places = [p for s in self.splits[1:] if (p := root / s).is_dir()]
        else:
            places = [place]
        for at in places:
            folder = next(p for name in _LABELS if (p := at / name).is_dir())
            for path in sorted(folder.glob("*.txt"), key=lambda p: natural_key(p.name)):
                yield from self._annotate(root, at, path)

    def read_turns(self, folder: Path, split: str = "all") -> Iterator[Record | Dropped]:
        """Yield questions on number and presence, a record a picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def _annotate(self, root: Path, place: Path, path: Path) -> Iterator[Annotation | Dropped]:
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
        media = find_picture(root, f"{path.stem}.{'tif' if is_geotiff else 'png'}", inside=inside)
        seen = measure_picture(root, media)
        # Tiles of one picture begin with its name: P0706__1__0___0.
        key = f"dota/{path.stem.split('__')[0]}"
        sheet = Sheet(media, key, self.licence, seen.size_px, meters or seen.meters_per_pixel)
        yield from annotate_objects(sheet, objects, DOTA_CLASSES)


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
