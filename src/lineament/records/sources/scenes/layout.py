"""Where the files of a data set lie, and what its class names mean in our words."""

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from lineament.annotation import Fact
from lineament.errors import BadInput
from lineament.records.sources.rows import writable
from lineament.records.sources.scenes.geotiff import Bands, find_bands, is_tiff, write_bands
from lineament.records.sources.scenes.label import UNKNOWN_CLASS
from lineament.records.sources.source import Dropped, Source

Row = TypeVar("Row")
BANDS_FILE = "bands.txt"
PICTURE_SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile(r"[\s_-]+")


@functools.cache
def read_class_table() -> Mapping[str, Any]:
    """Read classes.toml: ``object`` and ``scene``, from folded names to ours."""
    text = (resources.files("lineament.records.sources.scenes") / "classes.toml").read_text(
        encoding="utf-8"
    )
    return {
        kind: {spelling: ours for ours, spellings in rows.items() for spelling in spellings}
        | {_SEPARATORS.sub("", ours): ours for ours in rows}
        for kind, rows in tomllib.loads(text).items()
    }


def find_object_class(name: str) -> str | None:
    """Return our class for a data set's name of one; case and separators do not matter."""
    return read_class_table()["object"].get(fold_name(name))


def find_scene_class(name: str) -> str | None:
    """Return our kind of scene for a data set's name of one."""
    return read_class_table()["scene"].get(fold_name(name))


def fold_name(name: str) -> str:
    """Return a class name without case, blanks, hyphens and underscores."""
    return _SEPARATORS.sub("", name).lower()


def scene_facts(name: str) -> list[Fact]:
    """Return the fact that a scene label states, if we have a word for it."""
    ours = find_scene_class(name)
    return [Fact("scene_class", ours, subject="clip")] if ours else []


def drop_class(row: str, name: object) -> Dropped:
    """Return the drop for a class that no table knows."""
    return Dropped(row, UNKNOWN_CLASS, repr(name))


def find_folder(folder: Path, *marks: str, inside: tuple[str, ...] = ()) -> Path:
    """Return the folder itself, or one inside it, that holds any of these files or folders.

    Data sets are unpacked with one folder too many or too few; names with ``*`` are patterns.
    Marks in another case count where no folder has them as they are written.

    Raises:
        BadInput: Neither holds any.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder", hint="give the data set's folder: --data")
    marks = tuple(dict.fromkeys(marks))
    places = (folder, *(place for name in inside for place in find_folders(folder, name)))
    for patterns in (marks, tuple(map(_ignore_case, marks))):
        for place in places:
            if any(next(place.glob(pattern), None) is not None for pattern in patterns):
                return place
    raise BadInput(f"{folder}: holds no {' or '.join(marks)}", hint="is this the right folder?")


def find_folders(folder: Path, name: str) -> list[Path]:
    """Return the folders below one that go by a name, whatever its case, blanks and hyphens."""
    places = [folder]
    for part in name.split("/"):
        folded = fold_name(part)
        places = [
            path
            for place in places
            for path in sorted(place.iterdir(), key=lambda path: (path.name != part, path.name))
            if fold_name(path.name) == folded and path.is_dir()
        ]
    return places


def find_files(folder: Path, *patterns: str) -> Iterator[Path]:
    """Yield the files that fit each pattern, by name; those in another case where none does."""
    for pattern in patterns:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        yield from found or sorted(p for p in folder.glob(_ignore_case(pattern)) if p.is_file())


def _ignore_case(pattern: str) -> str:
    return "".join(f"[{x.lower()}{x.upper()}]" if x.isalpha() else x for x in pattern)


def require_part(source: Source, folder: Path, split: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows, and refuse a part that has none rather than end as if it had been read.

    Raises:
        BadInput: There is no row, not even one that was dropped.
    """
    is_empty = True
    for row in rows:
        is_empty = False
        yield row
    if is_empty:
        raise BadInput(
            f"{folder}: has no {split} part of {source.name}",
            hint=f"nothing of it lies there; parts: {', '.join(source.splits)}",
        )


def find_picture(
    folder: Path, name: str, *, inside: tuple[str, ...] = ("images", ""), root: Path | None = None
) -> str:
    """Return the reference of a picture below the folder, or its bare name where it is not there.

    Labels stay useful without their pictures: for counting, and for text alone. The reference of
    a TIFF tells the bands that the folder's ``bands.txt`` chooses.

    Args:
        folder: Where the labels lie.
        name: As the labels name the picture.
        inside: Where pictures may lie below the folder.
        root: The data folder, which the reference starts at; it may lie above, and hold them, too.

    Raises:
        BadInput: That file chooses none.
    """
    name = writable(name)
    root = root or folder
    try:
        for base in dict.fromkeys((folder, root)):
            for place in inside:
                reference = name_below(root, base, f"{place}/{name}" if place else name)
                if (root / reference).is_file():
                    if not is_tiff(name):
                        return reference
                    return write_bands(reference, choose_bands(folder) or choose_bands(root))
    except (OSError, ValueError):  # a name that no file can have
        pass
    return name


def name_below(root: Path, folder: Path, name: str) -> str:
    """Return the reference, from the root on, of what has this name in a folder below it."""
    return name if folder == root else f"{folder.relative_to(root).as_posix()}/{name}"


def choose_bands(folder: Path) -> Bands | None:
    """Read which bands of TIFFs are red, green and blue from ``bands.txt``: ``3,2,1``, from 0.

    Raises:
        BadInput: The file holds anything else.
    """
    path = folder / BANDS_FILE
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    bands = find_bands(",".join(re.split(r"[\s,]+", text)))
    if bands is None:
        raise BadInput(f"{path}: {text[:40]!r} is no choice of bands", hint="three numbers: 3,2,1")
    return bands


def read_list(table: Mapping[str, Any], name: str, path: Path) -> list[Any]:
    """Return a list of a JSON file; empty where it is not there.

    Raises:
        BadInput: Something else is there.
    """
    rows = table.get(name)
    if not isinstance(rows, list | None):
        raise BadInput(
            f"{path}: {name!r} is no list but {type(rows).__name__}", hint="download it again"
        )
    return rows or []


def key_of(value: object) -> str | int | float | None:
    """Return an id as a key for lookups; lists and objects, which can be none, as their text."""
    return value if isinstance(value, str | int | float | None) else repr(value)


def list_pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures of a folder by name, numbers in their order."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()]
    yield from sorted(found, key=lambda path: natural_key(path.name))


def natural_key(name: str) -> tuple[Any, ...]:
    """Return a key that sorts ``beach_9`` before ``beach_10``."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name))


def spell_class(name: str) -> str:
    """Write a class name as words: ``DenseResidential`` and ``dense_residential`` alike."""
    return _HUMP.sub(" ", name).replace("_", " ").replace("-", " ").lower()
