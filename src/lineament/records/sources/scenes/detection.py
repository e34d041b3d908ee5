"""Detection sets with upright boxes: DIOR, HRRSD and NWPU VHR-10, in COCO, VOC and own files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import read_lines, writable
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.coco import read_coco
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.layout import find_folder, find_picture, natural_key
from lineament.records.sources.scenes.objects import Marked, Sheet, annotate_objects
from lineament.records.sources.scenes.voc import read_voc
from lineament.records.sources.source import UNREADABLE, Dropped, require_split

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
    "images", "JPEGImages", "JPEGImages-trainval", "JPEGImages-test", "positive image set", "",
)  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Detection:
    """One detection set; ``all`` is everything that the folder holds.

    Attributes:
        name: What people type.
        classes: Every class it marks, in its own words.
        splits: Which parts can be asked for.
    """

    name: str
    classes: tuple[str, ...]
    licence: str
    splits: tuple[str, ...] = ("train", "val", "test", "all")
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with its objects; faulty objects are dropped one by one."""
        require_split(self, split)
        marks = ("*.json", "Annotations", "voc_xml", "OPT2017", _OWN_FOLDER, "*.xml")
        place = find_folder(folder, *marks, inside=(self.name, self.name.upper(), "annotations"))
        rows = self._read_coco(place, split)
        if rows is None:
            rows = self._read_voc(place, split)
        if rows is None and split == "all":
            rows = self._read_own(place)
        if rows is None:
            raise BadInput(
                f"{place}: has no {split} part of {self.name}",
                hint=f"a COCO file *{split}*.json, or Annotations and ImageSets/Main/{split}.txt",
            )
        yield from rows

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield questions on number and presence, a record a picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def read_picture(self, folder: Path, stem: str) -> Iterator[Annotation | Dropped]:
        """Yield what the VOC file of one picture says; nothing where there is none."""
        place = find_folder(folder, *(x for x in _XML_FOLDERS if x), inside=(self.name.upper(),))
        paths = (place / x / f"{stem}.xml" for x in _XML_FOLDERS)
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            yield from self._annotate_voc(place, [path])

    def _annotate(
        self, place: Path, name: str, size_px: tuple[float, float] | None, objects: tuple
    ) -> Iterator[Annotation | Dropped]:
        media = find_picture(place, name, inside=_PICTURES)
        seen = measure_picture(place, media)
        key = writable(f"{self.name}/{name}")
        sheet = Sheet(media, key, self.licence, size_px or seen.size_px, seen.meters_per_pixel)
        return annotate_objects(sheet, objects, self.classes)

    def _read_coco(self, place: Path, split: str) -> Iterator[Annotation | Dropped] | None:
        if split == "all":
            paths = [place / name for name in ("annotations.json", "annotations/annotations.json")]
            found = [path for path in paths if path.is_file()]
        else:
            # `val` is a word of the name: hrrsd_val_4352.json and val2017.json, not trainval.json.
            word = re.compile(rf"(?<![a-z]){split}(?![a-z])", re.IGNORECASE)
            folders = (place, place / "annotations")
            paths = [path for folder in folders for path in sorted(folder.glob("*.json"))]
            found = [path for path in paths if word.search(path.stem)]
        return self._annotate_coco(place, found[0]) if found else None

    def _annotate_coco(self, place: Path, path: Path) -> Iterator[Annotation | Dropped]:
        for picture in read_coco(path):
            if isinstance(picture, Dropped):
                yield picture
            else:
                yield from self._annotate(place, picture.name, picture.size_px, picture.objects)

    def _read_voc(self, place: Path, split: str) -> Iterator[Annotation | Dropped] | None:
        folder = next((f for x in _XML_FOLDERS if any((f := place / x).glob("*.xml"))), None)
        if folder is None:
            return None
        if split == "all":
            paths = sorted(folder.glob("*.xml"), key=lambda p: natural_key(p.name))
            return self._annotate_voc(place, paths)
        listed = next(
            (p for x in _LIST_FOLDERS if (p := place / x / f"{split}.txt").is_file()), None
        )
        if listed is None:
            return None
        names = [line.strip() for _, line in read_lines(listed) if isinstance(line, str)]
        return self._annotate_voc(place, [folder / f"{name}.xml" for name in names if name])

    def _annotate_voc(self, place: Path, paths: list[Path]) -> Iterator[Annotation | Dropped]:
        for path in paths:
            file = read_voc(path)
            if isinstance(file, Dropped):
                yield file
                continue
            objects = [Marked(found.name, found.points_px, found.row) for found in file.objects]
            yield from self._annotate(place, file.name, file.size_px, tuple(objects))

    def _read_own(self, place: Path) -> Iterator[Annotation | Dropped] | None:
        """Yield NWPU VHR-10's text files: ``(x1,y1),(x2,y2),class``, classes from 1."""
        folder = place / _OWN_FOLDER
        if not folder.is_dir():
            return None
        paths = sorted(folder.glob("*.txt"), key=lambda p: natural_key(p.name))
        return self._annotate_own(place, paths)

    def _annotate_own(self, place: Path, paths: list[Path]) -> Iterator[Annotation | Dropped]:
        for path in paths:
            objects: list[Marked] = []
            for number, line in read_lines(path):
                at = f"{path.name}, line {number}"
                match = _OWN_ROW.match(line) if isinstance(line, str) else None
                if match and 1 <= int(match[5]) <= len(self.classes):
                    points = tuple(float(match[i]) for i in range(1, 5))
                    objects.append(Marked(self.classes[int(match[5]) - 1], points, at))
                elif not isinstance(line, str) or line.strip():
                    yield Dropped(at, UNREADABLE, str(line).strip()[:60])
            yield from self._annotate(place, f"{path.stem}.jpg", None, tuple(objects))


DETECTION_SETS = (
    Detection("dior", DIOR_CLASSES, "none stated; citation asked",
              ("train", "val", "trainval", "test", "all")),
    Detection("hrrsd", HRRSD_CLASSES, "Mulan PSL v1"),
    Detection("nwpu-vhr10", VHR_CLASSES, "labels MIT; pictures: ask their owners", ("all",)),
)  # fmt: skip
