"""The manifest of a built data set: its files with their hashes, and what they add up to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lineament.errors import BadStore
from lineament.records.record import SCHEMA

FORMAT = "lineament records"
VERSION = 1
MANIFEST = "manifest.json"
SHARDS = "shards"
ROW_GROUP_ROWS = 10_000
BUILD_AGAIN = "build it again into a new folder"


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file of a store.

    Attributes:
        file: Its path below the store's folder.
        rows: How many records it holds.
        size_bytes: Its size.
        digest: BLAKE2b of its bytes, 128 bits.
    """

    file: str
    rows: int
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a store holds; ``manifest.json``.

    Attributes:
        shards: All files, in the order of the rows.
        counts: ``annotations``, ``records``, ``turns`` (a question and its answer each), others.
        kinds: Records by kind.
        levels: Records by level.
        dropped: What was left out, by reason.
        about: Where it comes from: source, split, licence, writer, seed, ...
        columns: Names and types of the columns.
        version: Of the layout.
    """

    shards: tuple[Shard, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(
        default_factory=lambda: {part.name: str(part.type) for part in SCHEMA}
    )
    version: int = VERSION

    @property
    def num_rows(self) -> int:
        """Number of records."""
        return sum(shard.rows for shard in self.shards)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``manifest.json`` holds."""
        parts = ("counts", "kinds", "levels", "dropped", "about", "columns")
        return {
            "format": FORMAT,
            "version": self.version,
            "shards": [asdict(shard) for shard in self.shards],
            # `asdict` would count the items of a Counter.
            **{part: dict(getattr(self, part)) for part in parts},
        }


def read_manifest(folder: Path | str) -> Manifest:
    """Read ``manifest.json``.

    Raises:
        BadStore: There is none, or it is damaged or of another version.
    """
    path = Path(folder) / MANIFEST
    if not Path(folder).is_dir():
        raise BadStore(f"{folder}: no such folder", hint="give the folder of a built data set")
    if not path.is_file():
        is_begun = (Path(folder) / SHARDS).is_dir()
        hint = "run the same build again to finish it" if is_begun else "make one: lineament build"
        raise BadStore(f"{folder}: holds no {MANIFEST}", hint=hint)
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["format"] != FORMAT:
            raise BadStore(f"{path}: is no manifest of records")
        if row["version"] != VERSION:
            raise BadStore(
                f"{path}: version {row['version']}, this reads {VERSION}", hint=BUILD_AGAIN
            )
        shards = tuple(
            Shard(str(s["file"]), int(s["rows"]), int(s["size_bytes"]), str(s["digest"]))
            for s in row["shards"]
        )
        parts: dict[str, Any] = {
            key: dict(row[key])
            for key in ("counts", "kinds", "levels", "dropped", "about", "columns")
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise BadStore(f"{path}: damaged ({detail})", hint=BUILD_AGAIN) from None
    for shard in shards:
        name = Path(shard.file)
        if name.is_absolute() or ".." in name.parts:
            raise BadStore(f"{path}: {shard.file} lies outside the folder")
    return Manifest(shards, **parts)


def hash_file(path: Path) -> str:
    """Return 128 bits of BLAKE2b over a file.

    Raises:
        BadStore: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise BadStore(f"{path}: {error.strerror or error}") from None
