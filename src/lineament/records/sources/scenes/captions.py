"""Caption sets: RSICD, RSITMD, UCM-, Sydney- and NWPU-Captions, in every layout they come in."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import find_file, read_json_file, read_lines, writable
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.label import BLANK, Label, label_extra
from lineament.records.sources.scenes.layout import (
    find_folder,
    find_picture,
    key_of,
    read_list,
    scene_facts,
)
from lineament.records.sources.source import (
    DUPLICATE,
    NO_LABEL,
    UNREADABLE,
    Dropped,
    require_split,
)

_CLASS_IN_NAME = re.compile(r"^([A-Za-z_]*[A-Za-z])_?\d+\.")
_UCM_CLASSES = (
    "agricultural", "airplane", "baseballdiamond", "beach", "buildings", "chaparral",
    "denseresidential", "forest", "freeway", "golfcourse", "harbor", "intersection",
    "mediumresidential", "mobilehomepark", "overpass", "parkinglot", "river", "runway",
    "sparseresidential", "storagetanks", "tenniscourt",
)  # fmt: skip


class Captioned(NamedTuple):
    """A picture's captions as its file has them, duplicates and all."""

    name: str
    captions: tuple[str, ...]
    scene: str = ""


Rows = Iterator[Captioned | Dropped]


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
        for row in self._read_rows(place, split):
            if isinstance(row, Dropped):
                yield row
                continue
            labels = tuple(_distinct_labels(row))
            for number in range(len(row.captions) - len(labels)):
                yield Dropped(f"{row.name}, repeated caption {number}", DUPLICATE)
            facts = [f for scene in (row.scene or self._scene_of(row.name),)
                     for f in scene_facts(scene)]  # fmt: skip
            if row.scene and not row.captions:
                labels = (Label("class", answer=row.scene, row=row.name),)
            yield Annotation(
                media=find_picture(place, row.name, inside=("images", "NWPU_images", "")),
                facts=tuple(facts),
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
            return _read_coco(_require_coco(place, split))
        if found := _find_precomputed(place, split, self.num_val):
            return self._read_precomputed(place, found, split)
        names = [f"dataset_{self.key}.json", "dataset.json"]
        names += sorted(p.name for p in place.glob(f"dataset_{self.key}*.json"))
        names.append(f"classification_dataset_{self.key}.json")
        path = find_file(place, *names)
        if path is not None:
            return self._read_json(path, split)
        if (place / f"{split}_references_0.txt").is_file():
            return _read_references(place, split)
        raise BadInput(
            f"{place}: has no {split} part of {self.name}",
            hint="COCO files have splits of their own: coco-train, coco-val, coco-test",
        )

    def _read_precomputed(self, place: Path, found: str, split: str) -> Rows:
        """Yield rows of ``<split>_caps.txt``; RSICD's train file holds train, then val."""
        rows = _read_lines_of_five(place, found)
        if found == "train" and split in ("train", "val"):
            start, stop = (0, self.num_train) if split == "train" else (self.num_train, None)
            rows = _slice_rows(rows, start, stop)
        return rows

    def _read_json(self, path: Path, split: str) -> Rows:
        table = read_json_file(path)
        if "images" not in table:
            return _read_by_class(table, split)
        images = table["images"]
        if not isinstance(images, list):
            raise BadInput(f"{path}: 'images' is no list")
        self._refuse_exchanged(path, images, split)
        return _read_karpathy(images, split, path.name)

    def _refuse_exchanged(self, path: Path, images: list[Any], split: str) -> None:
        sizes = {part: sum(_value(i, "split") == part for i in images) for part in ("val", "test")}
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
    """Yield each raw caption once; a blank one counts as one string, as published."""
    for number, caption in enumerate(dict.fromkeys(row.captions)):
        flaw = "" if caption.strip() else BLANK
        yield Label("caption", answer=caption, row=f"{row.name}#{number}", flaw=flaw)


def _find_precomputed(place: Path, split: str, num_val: int) -> str:
    if (place / f"{split}_caps.txt").is_file():
        return split
    if split == "val" and num_val and (place / "train_caps.txt").is_file():
        return "train"
    return ""


def _read_lines_of_five(place: Path, part: str) -> Rows:
    """Yield the captions of a picture together: one name for five, or the name five times."""
    captions_path, names_path = place / f"{part}_caps.txt", place / f"{part}_filename.txt"
    names = [line for _, line in read_lines(names_path)]
    captions = [line for _, line in read_lines(captions_path)]
    each = 1 if len(names) == len(captions) else 5
    if len(captions) > each * len(names):
        raise BadInput(
            f"{captions_path}: {len(captions)} captions for {len(names)} names",
            hint="train files have one name per five captions, test files one each",
        )
    by_name: dict[str, list[str]] = {}
    for number, line in enumerate(names):
        own = captions[each * number : each * (number + 1)]
        at = f"{names_path.name}, line {number + 1}"
        bad = next((x for x in (line, *own) if isinstance(x, Dropped)), None)
        if isinstance(bad, Dropped) or isinstance(line, Dropped):
            yield bad if isinstance(bad, Dropped) else Dropped(at, UNREADABLE)
        elif not line.strip() or len(own) < each:
            yield Dropped(at, NO_LABEL, f"{len(own)} captions for {line.strip()!r}")
        else:
            texts = [text.rstrip("\r\n") for text in own if isinstance(text, str)]
            by_name.setdefault(line.strip(), []).extend(texts)
    for name, texts in by_name.items():
        yield Captioned(name, tuple(texts))


def _slice_rows(rows: Rows, start: int, stop: int | None) -> Rows:
    number = 0
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        if number >= start and (stop is None or number < stop):
            yield row
        number += 1


def _read_karpathy(images: Iterable[Any], split: str, file_name: str) -> Rows:
    for number, image in enumerate(images):
        at = f"{file_name}, images[{number}]"
        name = _value(image, "filename")
        if not isinstance(name, str) or not isinstance(_value(image, "split"), str):
            yield Dropped(at, UNREADABLE, "no filename or no split")
            continue
        if image["split"] != split:
            continue
        sentences = _value(image, "sentences")
        sentences = sentences if isinstance(sentences, list) else []
        raw = [_value(sentence, "raw") for sentence in sentences]
        texts = tuple(text for text in raw if isinstance(text, str))
        for place in (i for i, text in enumerate(raw) if not isinstance(text, str)):
            yield Dropped(f"{at}.sentences[{place}]", UNREADABLE, "no raw text")
        label = _value(image, "label")
        if texts or isinstance(label, str):
            yield Captioned(name, texts, label if isinstance(label, str) else "")
        else:
            yield Dropped(at, NO_LABEL, name)


def _read_by_class(table: Mapping[str, Any], split: str) -> Rows:
    """Yield rows of NWPU-Captions' own file: a list by class, raw, raw_1 to raw_4 in a row."""
    for scene, rows in table.items():
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            at = f"{scene}[{number}]"
            name = _value(row, "filename")
            if not isinstance(name, str) or not isinstance(_value(row, "split"), str):
                yield Dropped(at, UNREADABLE, "no filename or no split")
                continue
            if row["split"] != split:
                continue
            keys = ("raw", *(f"raw_{i}" for i in range(1, 5)))
            texts = tuple(row[key] for key in keys if isinstance(row.get(key), str))
            if not texts:
                yield Dropped(at, NO_LABEL, name)
                continue
            yield Captioned(name if "/" in name else f"{scene}/{name}", texts, scene)


def _read_references(place: Path, split: str) -> Rows:
    """Yield line k of ``<split>_references_0.txt`` to ``_4.txt`` as picture k."""
    columns = []
    for number in range(5):
        path = place / f"{split}_references_{number}.txt"
        if not path.is_file():
            raise BadInput(f"{place}: holds no {path.name}", hint="five reference files belong")
        columns.append([line for _, line in read_lines(path)])
    if len({len(column) for column in columns}) > 1:
        lengths = [len(column) for column in columns]
        raise BadInput(f"{place}: the five reference files have {lengths} lines")
    for number, row in enumerate(zip(*columns, strict=True)):
        texts = tuple(text.rstrip("\r\n") for text in row if isinstance(text, str))
        yield Captioned(f"{split} picture {number}", texts)


def _require_coco(place: Path, split: str) -> Path:
    part = split.removeprefix("coco-")
    found = sorted(place.glob(f"captions_{part}*.json"))
    if not found:
        raise BadInput(f"{place}: holds no captions_{part}*.json")
    return found[0]


def _read_coco(path: Path) -> Rows:
    table = read_json_file(path)
    texts: dict[Any, list[str]] = {}
    names: dict[Any, str] = {}
    for number, image in enumerate(read_list(table, "images", path)):
        name = _value(image, "file_name")
        if isinstance(name, str):
            names[key_of(_value(image, "id"))] = name
        else:
            yield Dropped(f"{path.name}, images[{number}]", UNREADABLE, "no file_name")
    for number, row in enumerate(read_list(table, "annotations", path)):
        key, caption = key_of(_value(row, "image_id")), _value(row, "caption")
        at = f"{path.name}, annotations[{number}]"
        if not isinstance(caption, str):
            yield Dropped(at, UNREADABLE, "no caption")
        elif key not in names:
            yield Dropped(at, NO_LABEL, f"no picture with id {key!r}")
        else:
            texts.setdefault(key, []).append(caption)
    for key, name in names.items():
        if key in texts:
            yield Captioned(name, tuple(texts[key]))
        else:
            yield Dropped(f"{path.name}, image {key}", NO_LABEL, name)


def _value(row: Any, key: str) -> Any:
    return row.get(key) if isinstance(row, Mapping) else None
