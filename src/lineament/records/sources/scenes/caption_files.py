"""The files of caption sets: plain text, Karpathy and COCO JSON, NWPU's own, reference files."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lineament.errors import BadInput
from lineament.records.sources.rows import read_json_file, read_lines
from lineament.records.sources.scenes.layout import key_of, read_list
from lineament.records.sources.source import NO_LABEL, UNREADABLE, Dropped


class Captioned(NamedTuple):
    """A picture's captions as its file has them, duplicates and all."""

    name: str
    captions: tuple[str, ...]
    scene: str = ""


Rows = Iterator[Captioned | Dropped]


def find_precomputed(place: Path, split: str, num_val: int, num_train: int = 0) -> str:
    """Return which part's plain-text files hold a split; empty where none does.

    Train files of more pictures than the train part has go on with the validation part.
    """
    if (place / f"{split}_caps.txt").is_file():
        return split
    if split == "val" and num_val and (place / "train_caps.txt").is_file():
        names = {line.strip() for line in _read_names(place, "train") if isinstance(line, str)}
        return "train" if len(names - {""}) > num_train else ""
    return ""


def _read_names(place: Path, part: str) -> list[str | Dropped]:
    path = place / f"{part}_filename.txt"
    if not path.is_file():
        raise BadInput(
            f"{place}: holds no {path.name}",
            hint=f"it names the pictures of {part}_caps.txt, a name for five captions or for each",
        )
    return [line for _, line in read_lines(path)]


def read_lines_of_five(place: Path, part: str) -> Rows:
    """Yield the captions of a picture together: one name for five, or the name five times."""
    captions_path, names_path = place / f"{part}_caps.txt", place / f"{part}_filename.txt"
    names = _read_names(place, part)
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


def slice_rows(rows: Rows, start: int, stop: int | None) -> Rows:
    """Yield the pictures from one number to below another, and all drops."""
    number = 0
    for row in rows:
        if isinstance(row, Dropped):
            yield row
            continue
        if number >= start and (stop is None or number < stop):
            yield row
        number += 1


def read_karpathy(images: Iterable[Any], split: str, file_name: str) -> Rows:
    """Yield the pictures of a split from Karpathy's layout, those with a class alone, too."""
    for number, image in enumerate(images):
        at = f"{file_name}, images[{number}]"
        name = value_of(image, "filename")
        if not isinstance(name, str) or not isinstance(value_of(image, "split"), str):
            yield Dropped(at, UNREADABLE, "no filename or no split")
            continue
        if image["split"] != split:
            continue
        sentences = value_of(image, "sentences")
        sentences = sentences if isinstance(sentences, list) else []
        raw = [value_of(sentence, "raw") for sentence in sentences]
        texts = tuple(text for text in raw if isinstance(text, str))
        for place in (i for i, text in enumerate(raw) if not isinstance(text, str)):
            yield Dropped(f"{at}.sentences[{place}]", UNREADABLE, "no raw text")
        label = value_of(image, "label")
        if texts or isinstance(label, str):
            yield Captioned(name, texts, label if isinstance(label, str) else "")
        else:
            yield Dropped(at, NO_LABEL, name)


def read_by_class(table: Mapping[str, Any], split: str) -> Rows:
    """Yield rows of NWPU-Captions' own file: a list by class, raw, raw_1 to raw_4 in a row."""
    for scene, rows in table.items():
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            at = f"{scene}[{number}]"
            name = value_of(row, "filename")
            if not isinstance(name, str) or not isinstance(value_of(row, "split"), str):
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


def read_references(place: Path, split: str) -> Rows:
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


def require_coco(place: Path, split: str) -> Path:
    """Return the COCO file of a split.

    Raises:
        BadInput: There is none.
    """
    part = split.removeprefix("coco-")
    found = sorted(place.glob(f"captions_{part}*.json"))
    if not found:
        raise BadInput(f"{place}: holds no captions_{part}*.json")
    return found[0]


def read_coco(path: Path) -> Rows:
    """Yield the pictures of a COCO file of captions."""
    table = read_json_file(path)
    texts: dict[Any, list[str]] = {}
    names: dict[Any, str] = {}
    for number, image in enumerate(read_list(table, "images", path)):
        name = value_of(image, "file_name")
        if isinstance(name, str):
            names[key_of(value_of(image, "id"))] = name
        else:
            yield Dropped(f"{path.name}, images[{number}]", UNREADABLE, "no file_name")
    for number, row in enumerate(read_list(table, "annotations", path)):
        key, caption = key_of(value_of(row, "image_id")), value_of(row, "caption")
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


def value_of(row: Any, key: str) -> Any:
    """Return what a row has under a key; None where it is no object, or has none."""
    return row.get(key) if isinstance(row, Mapping) else None
