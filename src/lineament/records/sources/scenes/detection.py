"""Detection sets with upright boxes: DIOR, HRRSD and NWPU VHR-10, in COCO, VOC and own files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import read_lines, writable
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.coco import read_coco
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.layout import (
    find_folder,
    find_picture,
    natural_key,
    require_part,
)
from lineament.records.sources.scenes.objects import Marked, Sheet, annotate_objects
from lineament.records.sources.scenes.voc import read_voc
from lineament.records.sources.source import DUPLICATE, UNREADABLE, Dropped, require_split

DIOR_CLASSES = (
    "airplane", "airport", "baseballfield", "basketballcourt", "bridge", "chimney", "dam",
    "Expressway-Service-area", "Expressway-toll-station", "golffield", "groundtrackfield",
    "harbor", "overpass", "ship", "stadium", "storagetank", "tenniscourt", "trainstation",
    "vehicle", "windmill",
)  # fmt: skip
HRRSD_CLASSES = (
    "bridge", "airplane", "ground track field", "vehicle", "parking lot", "T junction",
    "baseball diamond", "tennis court", "basketball court", "ship", "crossroad", "harbor",
    "storage tank",
)  # fmt: skip
VHR_CLASSES = (
    "airplane", "ship", "storage_tank", "baseball_diamond", "tennis_court", "basketball_court",
    "ground_track_field", "harbor", "bridge", "vehicle",
)  # fmt: skip
_OWN_FOLDER = "ground truth"
_OWN_ROW = re.compile(r"^\(\s*(-?\d+),\s*(-?\d+)\s*\),\(\s*(-?\d+),\s*(-?\d+)\s*\),\s*(\d+)\s*$")
_XML_FOLDERS = (
    "Annotations", "Annotations/Horizontal Bounding Boxes", "Annotations/Oriented Bounding Boxes",
    "voc_xml", "OPT2017/Annotations", "",
)  # fmt: skip
_LIST_FOLDERS = ("ImageSets/Main", "Main", "OPT2017/ImageSets/Main", "")
_PICTURES = (
    "images", "JPEGImages", "JPEGImages-trainval", "JPEGImages-test", "positive image set",
    "train/images", "val/images", "",
)  # fmt: skip
_BOX_FILES = ("*.json", "Annotations", "voc_xml", "OPT2017", _OWN_FOLDER, "*.xml")


class _Picture(NamedTuple):
    """A picture with its objects, as one file has it."""

    name: str
    size_px: tuple[float, float] | None
    objects: tuple[Marked, ...]


_Rows = Iterator[_Picture | Dropped]


@final
@dataclass(frozen=True, slots=True)
class Detection:
    """One detection set; ``all`` is everything that the folder holds, a picture once.

    Attributes:
        name: What people type.
        classes: Every class it marks, in its own words.
        splits: Which parts can be asked for.
        is_rotated: Outlines of four corners in COCO files stand for the upright boxes.
    """

    name: str
    classes: tuple[str, ...]
    licence: str
    splits: tuple[str, ...] = ("train", "val", "test", "all")
    needs_folder: bool = True
    is_rotated: bool = False

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with its objects; faulty objects are dropped one by one."""
        require_split(self, split)
        inside = (self.name, f"{self.name} dataset", "annotations")
        place = find_folder(folder, *_BOX_FILES, inside=inside)
        rows = self._read_all(place) if split == "all" else self._read_part(place, split)
        for row in require_part(self, place, split, rows):
            if isinstance(row, Dropped):
                yield row
            else:
                yield from self._annotate(place, row, folder)

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield questions on number and presence, a record a picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def read_picture(self, folder: Path, stem: str) -> Iterator[Annotation | Dropped]:
        """Yield what the VOC file of one picture says; nothing where there is none."""
        place = find_folder(folder, *(x for x in _XML_FOLDERS if x), inside=(self.name,))
        paths = (place / x / f"{stem}.xml" for x in _XML_FOLDERS)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            row = _read_voc_file(path)
            yield from [row] if isinstance(row, Dropped) else self._annotate(place, row, folder)

    def _annotate(
        self, place: Path, picture: _Picture, root: Path
    ) -> Iterator[Annotation | Dropped]:
        media = find_picture(place, picture.name, inside=_PICTURES, root=root)
        seen = measure_picture(root, media)
        key = writable(f"{self.name}/{picture.name}")
        size_px = picture.size_px or seen.size_px
        sheet = Sheet(media, key, self.licence, size_px, seen.meters_per_pixel)
        return annotate_objects(sheet, picture.objects, self.classes)

    def _read_part(self, place: Path, split: str) -> _Rows:
        # `val` is a word of the name: hrrsd_val_4352.json and val2017.json, not trainval.json.
        word = re.compile(rf"(?<![a-z]){split}(?![a-z])", re.IGNORECASE)
        found = next((path for path in _list_coco(place) if word.search(path.stem)), None)
        if found is not None:
            return self._read_coco(found)
        paths = _list_voc(place, split)
        if paths is None:
            raise BadInput(
                f"{place}: has no {split} part of {self.name}",
                hint=f"a COCO file *{split}*.json, or Annotations and ImageSets/Main/{split}.txt",
            )
        return map(_read_voc_file, paths)

    def _read_all(self, place: Path) -> _Rows:
        """Yield the pictures of all files; one that an earlier file has is a drop.

        Raises:
            BadInput: There is no picture, and a file could not be read.
        """
        seen: set[str] = set()
        fault: BadInput | None = None
        files = [(path.name, self._read_coco(path)) for path in _list_coco(place)]
        files.append(("VOC files", map(_read_voc_file, _list_voc(place, "all") or ())))
        files.append((_OWN_FOLDER, self._read_own(place)))
        for name, rows in files:
            own: set[str] = set()
            try:
                for row in rows:
                    if isinstance(row, Dropped):
                        yield row
                    elif (stem := Path(row.name).stem) in seen:
                        yield Dropped(f"{name}: {row.name}", DUPLICATE, "in another file, too")
                    else:
                        own.add(stem)
                        yield row
            except BadInput as error:
                fault = error
                yield Dropped(name, UNREADABLE, str(error))
            seen |= own
        if fault is not None and not seen:
            raise fault

    def _read_coco(self, path: Path) -> _Rows:
        for picture in read_coco(path):
            if isinstance(picture, Dropped):
                yield picture
            else:
                objects = picture.objects
                if self.is_rotated:
                    objects = tuple(map(_turn_box, objects))
                yield _Picture(picture.name, picture.size_px, objects)

    def _read_own(self, place: Path) -> _Rows:
        """Yield NWPU VHR-10's text files: ``(x1,y1),(x2,y2),class``, classes from 1."""
        folder = place / _OWN_FOLDER
        for path in sorted(folder.glob("*.txt"), key=lambda p: natural_key(p.name)):
            objects: list[Marked] = []
            for number, line in read_lines(path):
                at = f"{path.name}, line {number}"
                match = _OWN_ROW.match(line) if isinstance(line, str) else None
                if match and 1 <= int(match[5]) <= len(self.classes):
                    points = tuple(float(match[i]) for i in range(1, 5))
                    objects.append(Marked(self.classes[int(match[5]) - 1], points, at))
                elif not isinstance(line, str) or line.strip():
                    yield Dropped(at, UNREADABLE, str(line).strip()[:60])
            yield _Picture(f"{path.stem}.jpg", None, tuple(objects))


def _list_coco(place: Path) -> list[Path]:
    """Return the JSON files of a folder, the one without a part's name first."""
    folders = (place, place / "annotations")
    paths = [path for folder in folders for path in sorted(folder.glob("*.json"))]
    return sorted(paths, key=lambda path: path.name != "annotations.json")


def _list_voc(place: Path, split: str) -> list[Path] | None:
    """Return the VOC files of a part; None where nothing tells which they are."""
    folder = next((f for x in _XML_FOLDERS if any((f := place / x).glob("*.xml"))), None)
    if folder is None:
        return None
    if split == "all":
        return sorted(folder.glob("*.xml"), key=lambda p: natural_key(p.name))
    lists = (place / x / f"{split}.txt" for x in _LIST_FOLDERS)
    listed = next((path for path in lists if path.is_file()), None)
    if listed is None:
        return None
    names = [line.strip() for _, line in read_lines(listed) if isinstance(line, str)]
    return [folder / f"{name}.xml" for name in names if name]


def _read_voc_file(path: Path) -> _Picture | Dropped:
    file = read_voc(path)
    if isinstance(file, Dropped):
        return file
    objects = [Marked(found.name, found.points_px, found.row) for found in file.objects]
    return _Picture(file.name, file.size_px, tuple(objects))


def _turn_box(marked: Marked) -> Marked:
    """Return an object with its outline for its box, where that has four corners."""
    return replace(marked, points_px=marked.outline_px) if len(marked.outline_px) == 8 else marked


DETECTION_SETS = (
    Detection("dior", DIOR_CLASSES, "none stated; citation asked",
              ("train", "val", "trainval", "test", "all")),
    Detection("hrrsd", HRRSD_CLASSES, "Mulan PSL v1"),
    Detection("nwpu-vhr10", VHR_CLASSES, "labels MIT; pictures: ask their owners", ("all",)),
)  # fmt: skip
