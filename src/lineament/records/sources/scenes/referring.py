"""Phrases and boxes: DIOR-RSVG, as grounding and as region captions, and RSVG-HR."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final
from xml.etree import ElementTree

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import find_file, read_lines, require_file
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.boxes import Box
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.label import BAD_BOX, Label, Task
from lineament.records.sources.scenes.layout import (
    find_folder,
    find_picture,
    natural_key,
    require_part,
)
from lineament.records.sources.scenes.objects import CUT, Marked, Sheet, annotate_objects, fit_box
from lineament.records.sources.scenes.voc import VocFile, read_voc
from lineament.records.sources.source import NO_LABEL, UNREADABLE, Dropped, require_split

# DIOR numbers its pictures: trainval to here, test from the next on.
LAST_TRAINVAL = 11_725
RSVG_HR_SIDE_PX = 1024.0
RSVG_HR_SIZE_PX = (RSVG_HR_SIDE_PX, RSVG_HR_SIDE_PX)
_OFFICIAL = "official-"


@final
@dataclass(frozen=True, slots=True)
class DiorRsvg:
    """VOC files with a phrase per object.

    ``train`` and ``test`` cut by picture, as DIOR does; ``official-train``, ``-val`` and
    ``-test`` are the published lists of running phrase numbers, which put one picture on both
    sides. The two kinds of split must not be mixed: their test parts overlap the other's train.

    Attributes:
        name: What people type.
        task: ``grounding`` asks for the box, ``region`` for the phrase.
    """

    name: str
    task: Task
    licence: str = "none stated; citation asked"
    splits: tuple[str, ...] = (
        "train", "test", "official-train", "official-val", "official-test",
    )  # fmt: skip
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with the phrases of the split."""
        require_split(self, split)
        yield from require_part(self, folder, split, self._read_part(folder, split))

    def _read_part(self, folder: Path, split: str) -> Iterator[Annotation | Dropped]:
        place = find_folder(folder, "*.xml", "Annotations", inside=("DIOR_RSVG",))
        xml = place / "Annotations" if any((place / "Annotations").glob("*.xml")) else place
        numbers = _read_numbers(place, split) if split.startswith(_OFFICIAL) else None
        names = None if numbers is not None else _read_names(place, split)
        running = 0
        for path in sorted(xml.glob("*.xml"), key=lambda p: natural_key(p.name)):
            file = read_voc(path)
            if isinstance(file, Dropped):
                yield file
                continue
            first, running = running, running + len(file.objects)
            if numbers is not None:
                chosen = [i for i in range(len(file.objects)) if first + i in numbers]
                if chosen:
                    objects = tuple(file.objects[i] for i in chosen)
                    yield from self._annotate(place, replace(file, objects=objects), folder)
            elif _is_of_split(path.stem, split, names):
                yield from self._annotate(place, file, folder)

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield one record for each phrase."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def _annotate(self, place: Path, file: VocFile, root: Path) -> Iterator[Annotation | Dropped]:
        labels: list[Label] = []
        objects: list[Marked] = []
        for found in file.objects:
            if not found.phrase:
                yield Dropped(found.row, NO_LABEL, found.name)
                continue
            box = _box(found.points_px) if len(found.points_px) == 4 else None
            fitted, fault = fit_box(box, file.size_px) if box else (None, BAD_BOX)
            if fault == BAD_BOX:
                yield Dropped(found.row, BAD_BOX, found.name)
                continue
            objects.append(Marked(found.name, found.points_px, found.row))
            if box and fitted:
                label = _label(self.task, found.phrase, fitted, found.name, found.row)
                labels.append(replace(label, source_box_px=box) if fault else label)
        if not labels or file.size_px is None:
            yield Dropped(file.name, NO_LABEL, "no phrase with a box, or no picture size")
            return
        media = find_picture(place, file.name, inside=("JPEGImages", "images", ""), root=root)
        # Objects without a phrase are not marked, so no class is closed.
        scale = measure_picture(root, media).meters_per_pixel
        sheet = Sheet(media, f"dior/{file.name}", self.licence, file.size_px, scale)
        yield from annotate_objects(sheet, objects, (), labels)


@final
@dataclass(frozen=True, slots=True)
class RsvgHr:
    """RSVG-HR: ``image,xmin,ymin,xmax,ymax,phrase`` a line."""

    name: str = "rsvg-hr"
    licence: str = "Apache-2.0"
    splits: tuple[str, ...] = ("train", "test")
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with its phrases."""
        require_split(self, split)
        yield from require_part(self, folder, split, self._read_part(folder, split))

    def _read_part(self, folder: Path, split: str) -> Iterator[Annotation | Dropped]:
        place = find_folder(folder, "rsvg_hr_*.txt", inside=("Annotations", "RSVG-HR"))
        said: dict[str, list[Label]] = {}
        path = require_file(place, f"rsvg_hr_{split}.txt")
        for number, line in read_lines(path):
            at = f"{path.name}, line {number}"
            found = line if isinstance(line, Dropped) else read_row(line, at)
            if isinstance(found, Dropped):
                yield found
                continue
            image, label = found
            if label.source_box_px:
                yield Dropped(at, CUT, str(list(label.source_box_px)))
            said.setdefault(image, []).append(label)
        for image, labels in said.items():
            media = find_picture(place, image, root=folder)
            scale = measure_picture(folder, media).meters_per_pixel
            sheet = Sheet(media, f"rsvg-hr/{image}", self.licence, RSVG_HR_SIZE_PX, scale)
            yield from annotate_objects(sheet, (), (), labels)

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield one record for each phrase."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})


def read_row(line: str, at: str) -> tuple[str, Label] | Dropped:
    """Read one line of RSVG-HR; a decimal comma shifts the fields, and the corners tell.

    A box that leaves the picture is cut at its border.
    """
    fields = line.rstrip("\r\n").split(",", 5)
    if len(fields) != 6 or not fields[5].strip():
        return Dropped(at, UNREADABLE, line.strip()[:80])
    try:
        x0, y0, x1, y1 = (float(field) for field in fields[1:5])
    except ValueError:
        return Dropped(at, BAD_BOX, ",".join(fields[1:5]))
    fitted, fault = fit_box((x0, y0, x1, y1), RSVG_HR_SIZE_PX)
    if fitted is None:
        return Dropped(at, fault, ",".join(fields[1:5]))
    label = _label("grounding", fields[5], fitted, "", at)
    return fields[0], replace(label, source_box_px=(x0, y0, x1, y1)) if fault else label


def write_row(image: str, label: Label) -> str:
    """Write a line as the data set has it."""
    return ",".join((image, *(str(x) for x in _source_box(label)), label.question))


def write_object(label: Label) -> str:
    """Write an object as DIOR-RSVG's XML has it: its name, box and phrase."""
    element = ElementTree.Element("object")
    ElementTree.SubElement(element, "name").text = label.type
    box = ElementTree.SubElement(element, "bndbox")
    for key, value in zip(("xmin", "ymin", "xmax", "ymax"), _source_box(label), strict=True):
        ElementTree.SubElement(box, key).text = f"{value:.10g}"
    phrase = label.question if label.task == "grounding" else label.answer
    ElementTree.SubElement(element, "description").text = phrase
    return ElementTree.tostring(element, encoding="unicode")


def _label(task: Task, phrase: str, box: Box, kind: str, row: str) -> Label:
    question, answer = (phrase, "") if task == "grounding" else ("", phrase)
    return Label(task, question, answer, type=kind, box_px=box, row=row)


def _source_box(label: Label) -> Box:
    """Return a label's box as the data set has it, before it was cut."""
    box = label.source_box_px or label.box_px
    assert box is not None
    return box


def _box(points: tuple[float, ...]) -> Box:
    return points[0], points[1], points[2], points[3]


def _read_numbers(place: Path, split: str) -> frozenset[int]:
    part = split.removeprefix(_OFFICIAL)
    path = require_file(place, f"{part}.txt", f"split_{part}.txt")
    texts = (line.strip() for _, line in read_lines(path) if isinstance(line, str))
    try:
        return frozenset(int(text) for text in texts if text)
    except ValueError as error:
        raise BadInput(f"{path}: not a list of phrase numbers ({error})") from None


def _read_names(place: Path, split: str) -> frozenset[str] | None:
    """Read DIOR's own list of a part, where the folder has it."""
    names = ("trainval.txt",) if split == "train" else ("test.txt",)
    for folder in (place / "ImageSets" / "Main", place / "Main"):
        path = find_file(folder, *names)
        if path is not None:
            texts = (line.strip() for _, line in read_lines(path) if isinstance(line, str))
            return frozenset(text for text in texts if text)
    return None


def _is_of_split(stem: str, split: str, names: frozenset[str] | None) -> bool:
    if names is not None:
        return stem in names
    is_train = stem.isdecimal() and int(stem) <= LAST_TRAINVAL
    return is_train == (split == "train")


REFERRING_SETS = (
    DiorRsvg("dior-rsvg", "grounding"),
    DiorRsvg("dior-rsvg-regions", "region"),
    RsvgHr(),
)
