"""Caption sets: RSICD, RSITMD, UCM-, Sydney- and NWPU-Captions, in every layout they come in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import read_json_file, writable
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.caption_files import (
    Captioned,
    Rows,
    find_precomputed,
    read_by_class,
    read_coco,
    read_karpathy,
    read_lines_of_five,
    read_references,
    require_coco,
    slice_rows,
    value_of,
)
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.label import BLANK, Label, label_extra, picture_facts
from lineament.records.sources.scenes.layout import (
    find_files,
    find_folder,
    find_picture,
    require_part,
    scene_facts,
)
from lineament.records.sources.source import DUPLICATE, Dropped, require_split

_CLASS_IN_NAME = re.compile(r"^([A-Za-z_]*[A-Za-z])_?\d+\.")
_UCM_CLASSES = (
    "agricultural", "airplane", "baseballdiamond", "beach", "buildings", "chaparral",
    "denseresidential", "forest", "freeway", "golfcourse", "harbor", "intersection",
    "mediumresidential", "mobilehomepark", "overpass", "parkinglot", "river", "runway",
    "sparseresidential", "storagetanks", "tenniscourt",
)  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Captions:
    """One caption set.

    Attributes:
        name: What people type.
        key: The name in files and folders: ``rsicd`` in ``dataset_rsicd.json``.
        num_train: Pictures of the official train part; the plain-text train file of RSICD goes
            on with the validation part after them.
        num_val: Pictures of the official validation part.
        num_test: Pictures of the official test part.
    """

    name: str
    key: str
    num_train: int
    num_val: int
    num_test: int
    licence: str = "none stated; citation asked"
    splits: tuple[str, ...] = (
        "train", "val", "test", "coco-train", "coco-val", "coco-test",
    )  # fmt: skip
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with its distinct captions; repeated ones are dropped one by one."""
        require_split(self, split)
        place = self._find_place(folder)
        rows = require_part(self, place, split, self._read_rows(place, split))
        for row in rows:
            if isinstance(row, Dropped):
                yield row
                continue
            labels = tuple(_distinct_labels(row))
            for number in range(len(row.captions) - len(labels)):
                yield Dropped(f"{row.name}, repeated caption {number}", DUPLICATE)
            if row.scene and not row.captions:
                labels = (Label("class", answer=row.scene, row=row.name),)
            inside = ("images", "NWPU_images", "")
            media = find_picture(place, row.name, inside=inside, root=folder)
            scale = measure_picture(folder, media).meters_per_pixel
            scene = row.scene or self._scene_of(row.name)
            yield Annotation(
                media=media,
                facts=(*picture_facts(None, scale), *scene_facts(scene)),
                licence=self.licence,
                split_key=writable(f"{self.key}/{row.name}"),
                extra=label_extra(labels),
            )

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield one record for each distinct caption."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def _find_place(self, folder: Path) -> Path:
        marks = (
            "*_caps.txt", f"dataset_{self.key}*.json", "dataset.json",
            f"classification_dataset_{self.key}.json", "captions_*.json", "*_references_0.txt",
        )  # fmt: skip
        inside = (self.key, f"captions_precomp/{self.key}", f"{self.key}_precomp", self.name)
        return find_folder(folder, *marks, inside=inside)

    def _read_rows(self, place: Path, split: str) -> Rows:
        if split.startswith("coco-"):
            return read_coco(require_coco(place, split))
        if found := find_precomputed(place, split, self.num_val, self.num_train):
            return self._read_precomputed(place, found, split)
        names = (
            f"dataset_{self.key}.json", "dataset.json", f"dataset_{self.key}*.json",
            f"classification_dataset_{self.key}.json",
        )  # fmt: skip
        patterns = (pattern for name in names for pattern in (name, f"{name}.zst"))
        path = next(find_files(place, *patterns), None)
        if path is not None:
            return self._read_json(path, split)
        if (place / f"{split}_references_0.txt").is_file():
            return read_references(place, split)
        raise BadInput(
            f"{place}: has no {split} part of {self.name}",
            hint="COCO files have splits of their own: coco-train, coco-val, coco-test",
        )

    def _read_precomputed(self, place: Path, found: str, split: str) -> Rows:
        """Yield rows of ``<split>_caps.txt``; RSICD's train file holds train, then val."""
        rows = read_lines_of_five(place, found)
        if found == "train" and split in ("train", "val"):
            start, stop = (0, self.num_train) if split == "train" else (self.num_train, None)
            rows = slice_rows(rows, start, stop)
        return rows

    def _read_json(self, path: Path, split: str) -> Rows:
        table = read_json_file(path)
        if "images" not in table:
            return read_by_class(table, split)
        images = table["images"]
        if not isinstance(images, list):
            raise BadInput(f"{path}: 'images' is no list")
        self._refuse_exchanged(path, images, split)
        return read_karpathy(images, split, path.name)

    def _refuse_exchanged(self, path: Path, images: list[Any], split: str) -> None:
        sizes = {
            part: sum(value_of(i, "split") == part for i in images) for part in ("val", "test")
        }
        is_exchanged = (
            self.num_val != self.num_test
            and sizes["val"] == self.num_test
            and sizes["test"] == self.num_val
        )
        if is_exchanged and split != "train":
            raise BadInput(
                f"{path}: val and test are exchanged: {sizes['val']} and {sizes['test']} "
                f"pictures, officially {self.num_val} and {self.num_test}",
                hint="its train part is the official one; for the others use another file",
            )

    def _scene_of(self, name: str) -> str:
        if self.key == "ucm":
            number = name.split(".")[0]
            place = (int(number) - 1) // 100 if number.isdecimal() else -1
            return _UCM_CLASSES[place] if 0 <= place < len(_UCM_CLASSES) else ""
        match = _CLASS_IN_NAME.match(name.rsplit("/", 1)[-1])
        return match[1] if match else ""


CAPTION_SETS = (
    Captions("rsicd", "rsicd", 8734, 1094, 1093),
    Captions("rsitmd", "rsitmd", 4291, 0, 452),
    Captions("ucm-captions", "ucm", 1680, 210, 210),
    Captions("sydney-captions", "sydney", 497, 58, 58),
    Captions("nwpu-captions", "nwpu", 25_200, 3150, 3150),
)


def _distinct_labels(row: Captioned) -> Iterator[Label]:
    """Yield each raw caption once; a blank one counts as one string, as published.

    The row's id tells in which places it stood, so that repetitions come back.
    """
    places: dict[str, list[int]] = {}
    for number, caption in enumerate(row.captions):
        places.setdefault(caption, []).append(number)
    for caption, numbers in places.items():
        flaw = "" if caption.strip() else BLANK
        stood = ",".join(map(str, numbers))
        yield Label("caption", answer=caption, row=f"{row.name}#{stood}", flaw=flaw)


def write_row(labels: Sequence[Label]) -> Captioned:
    """Write a picture's captions as its file has them, repeated ones in all their places.

    Raises:
        BadInput: The labels are not the captions of one picture, or its class.
    """
    said: dict[int, str] = {}
    names: set[str] = set()
    scene = ""
    for label in labels:
        name, mark, stood = label.row.rpartition("#")
        if label.task == "class":
            names.add(label.row)
            scene = label.answer
        elif label.task == "caption" and mark:
            names.add(name)
            said |= {int(place): label.answer for place in stood.split(",")}
    if len(names) != 1 or sorted(said) != list(range(len(said))):
        raise BadInput(f"captions of {len(names)} pictures, or not all of one")
    return Captioned(names.pop(), tuple(said[place] for place in sorted(said)), scene)
