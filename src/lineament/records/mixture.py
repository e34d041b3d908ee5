"""Mixtures: several sources read as one, each with its own folder, split, limit and kinds."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.chunk import SOURCE_KEY, SPLIT_KEY
from lineament.records.sources.source import Dropped, Source, require_split
from lineament.records.sources.table import require_source

PART_KEYS = frozenset(("source", "data", "split", "limit"))
RECIPE_KEYS = frozenset(("name", "parts"))


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a mixture.

    Attributes:
        source: What is read.
        folder: Below the mixture's data folder; empty where the source needs none.
        split: Empty: the source's first.
        limit: Most annotations; None: all.
    """

    source: Source
    folder: str = ""
    split: str = ""
    limit: int | None = None


@final
@dataclass(frozen=True, slots=True)
class Mixture:
    """Parts read one after the other; media references start at the mixture's folder."""

    name: str
    parts: tuple[Part, ...]

    @property
    def licence(self) -> str:
        """All licences of the parts; every annotation has its own."""
        return ", ".join(sorted({part.source.licence for part in self.parts} - {""}))

    @property
    def splits(self) -> tuple[str, ...]:
        """Only the splits that the parts say themselves."""
        return ("mixed",)

    @property
    def needs_folder(self) -> bool:
        """Whether any part reads files."""
        return any(part.source.needs_folder for part in self.parts)

    def read(self, folder: Path, split: str = "mixed") -> Iterator[Annotation | Dropped]:
        """Yield the rows of every part, marked with their source and split."""
        require_split(self, split)
        for part in self.parts:
            left = part.limit
            for row in part.source.read(folder / part.folder, part.split or part.source.splits[0]):
                if left is not None and left <= 0:
                    break
                if isinstance(row, Dropped):
                    yield row
                    continue
                left = None if left is None else left - 1
                yield _mark(row, part)


def _mark(annotation: Annotation, part: Part) -> Annotation:
    split = part.split or part.source.splits[0]
    media = f"{part.folder}/{annotation.media}" if part.folder else annotation.media
    extra = {**annotation.extra, SOURCE_KEY: part.source.name, SPLIT_KEY: split}
    return replace(annotation, media=media, extra=extra)


def read_mixture(path: Path, folder: Path | None = None) -> Mixture:
    """Read a recipe file: ``name``, and ``[[parts]]`` of source, data, split and limit.

    Args:
        path: A .toml file.
        folder: The data folder, to check that the parts' folders lie there.

    Raises:
        BadInput: The file cannot be read, or a key, source, split or folder is wrong.
    """
    try:
        row = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}", hint="check the path") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path}: {error}", hint="a recipe is a TOML file") from None
    _refuse_unknown(row, RECIPE_KEYS, str(path))
    parts = row.get("parts")
    if not isinstance(parts, list) or not parts:
        raise BadInput(f"{path}: no [[parts]]", hint="list the sources as [[parts]]")
    return Mixture(
        str(row.get("name", path.stem)),
        tuple(
            _read_part(part, f"{path}: parts[{number}]", folder)
            for number, part in enumerate(parts)
        ),
    )


def _read_part(row: Any, where: str, folder: Path | None) -> Part:
    if not isinstance(row, dict) or not isinstance(row.get("source"), str):
        raise BadInput(f"{where}.source: missing")
    _refuse_unknown(row, PART_KEYS, where)
    source = require_source(row["source"])
    split, data, limit = row.get("split", ""), row.get("data", ""), row.get("limit")
    if not isinstance(split, str) or not isinstance(data, str):
        raise BadInput(f"{where}: data and split are text")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise BadInput(f"{where}.limit: expected a number above 0, got {limit!r}")
    if split:
        require_split(source, split)
    if Path(data).is_absolute() or ".." in Path(data).parts:
        raise BadInput(f"{where}.data: {data} lies outside the data folder")
    if folder is not None and data and not (folder / data).is_dir():
        raise BadInput(f"{where}.data: {folder / data}: no such folder")
    return Part(source, data, split, limit)


def _refuse_unknown(row: dict[str, Any], known: frozenset[str], where: str) -> None:
    for key in row:
        if key not in known:
            raise BadInput(
                f"{where}: unknown key {key!r}", hint=f"keys: {', '.join(sorted(known))}"
            )
