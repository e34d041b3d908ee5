"""Built data sets on disk: Parquet shards, and a manifest that is written last."""

import bisect
import hashlib
import json
import os
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

import pyarrow as pa
import pyarrow.parquet as pq

from lineament.errors import BadInput, BadStore
from lineament.records.record import (
    OPTIONAL_COLUMNS,
    SCHEMA,
    Record,
    record_from_dict,
    table_from_records,
)

FORMAT = "lineament records"
VERSION = 1
MANIFEST = "manifest.json"
SHARDS = "shards"
ROWS_CACHE = ".rows"
ROW_GROUP_ROWS = 10_000
SHARD_ROWS = 50_000
_AGAIN = "build it again into a new folder"


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


@final
class StoreWriter:
    """Writes a store: shards first, each whole or not at all, then the manifest.

    Raises:
        BadStore: The folder holds a finished data set, or something else that would be lost.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise BadStore(f"{self.folder}: is a file", hint="choose a folder")
        if (self.folder / MANIFEST).exists():
            raise BadStore(
                f"{self.folder}: holds a finished data set", hint="choose another folder"
            )
        (self.folder / SHARDS).mkdir(parents=True, exist_ok=True)

    def write_shard(self, number: int, table: pa.Table) -> Shard:
        """Write one shard, replacing one of that number that was never entered anywhere."""
        file = f"{SHARDS}/part-{number:05d}.parquet"
        path = self.folder / file
        draft = path.with_suffix(".draft")
        pq.write_table(table, draft, compression="zstd", row_group_size=ROW_GROUP_ROWS)
        _sync(draft)
        shard = Shard(file, table.num_rows, draft.stat().st_size, hash_file(draft))
        os.replace(draft, path)
        return shard

    def finish(self, manifest: Manifest) -> None:
        """Remove shards the manifest does not name, then write it."""
        named = {shard.file for shard in manifest.shards}
        for path in (self.folder / SHARDS).iterdir():
            if f"{SHARDS}/{path.name}" not in named:
                path.unlink()
        draft = self.folder / f"{MANIFEST}.draft"
        draft.write_text(json.dumps(manifest.to_dict(), indent=1) + "\n", encoding="utf-8")
        _sync(draft)
        os.replace(draft, self.folder / MANIFEST)


def write_records(
    folder: Path | str, records: Iterable[Record], about: Mapping[str, Any] | None = None
) -> Manifest:
    """Write records that are ready into a new store, without checking them.

    Raises:
        BadStore: The folder already holds a data set.
    """
    writer = StoreWriter(folder)
    shards: list[Shard] = []
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    levels: Counter[str] = Counter()
    media: str | None = None
    batch: list[Record] = []
    for record in records:
        counts.update(records=1, turns=len(record.turns) // 2, annotations=record.media != media)
        media = record.media
        kinds[record.kind] += 1
        levels[str(record.level)] += 1
        batch.append(record)
        if len(batch) == SHARD_ROWS:
            shards.append(writer.write_shard(len(shards), table_from_records(batch)))
            batch = []
    if batch or not shards:
        shards.append(writer.write_shard(len(shards), table_from_records(batch)))
    manifest = Manifest(tuple(shards), counts, kinds, levels, {}, dict(about or {}))
    writer.finish(manifest)
    return manifest


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
            raise BadStore(f"{path}: version {row['version']}, this reads {VERSION}", hint=_AGAIN)
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
        raise BadStore(f"{path}: damaged ({detail})", hint=_AGAIN) from None
    for shard in shards:
        name = Path(shard.file)
        if name.is_absolute() or ".." in name.parts:
            raise BadStore(f"{path}: {shard.file} lies outside the folder")
    return Manifest(shards, **parts)


@final
class RecordStore:
    """A built data set, open for reading.

    Iterating reads the Parquet shards one row group at a time. Access by row number goes through
    a memory-mapped copy without compression that is made on first use (beside the shards where
    that can be written, in a temporary folder otherwise), so any order is cheap.

    Raises:
        BadStore: The folder holds no finished data set, or a shard is missing or damaged.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.manifest = read_manifest(folder)
        for shard in self.manifest.shards:
            self._check_shard(shard)
        self._ends: list[int] = []
        self._batches: list[pa.RecordBatch] = []

    def __len__(self) -> int:
        return self.manifest.num_rows

    def __iter__(self) -> Iterator[Record]:
        """Yield all records in the order of the rows."""
        number = 0
        for batch in self.batches():
            for row in batch.to_pylist():
                yield record_from_dict(row, where=f"{self.folder}, row {number}")
                number += 1

    def batches(
        self, columns: Sequence[str] | None = None, *, rows: int = 1000
    ) -> Iterator[pa.RecordBatch]:
        """Yield the shards' content, some rows and some columns at a time.

        Raises:
            BadStore: A shard is damaged.
        """
        for shard in self.manifest.shards:
            path = self.folder / shard.file
            try:
                # Without pre_buffer only one row group is in memory.
                with pq.ParquetFile(path, pre_buffer=False) as file:
                    yield from file.iter_batches(rows, columns=columns)
            except (OSError, pa.ArrowException, ValueError) as error:
                raise BadStore(f"{path}: damaged ({error})", hint=_AGAIN) from None

    def row(self, index: int) -> dict[str, Any]:
        """Return one row as `Record.to_dict` gives it, without checking its id.

        Raises:
            IndexError: There is no such row.
        """
        return self.read_rows((index,))[0]

    def read_rows(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return rows in the order asked for.

        Raises:
            IndexError: There is no such row.
        """
        if not self._batches:
            self._map_rows()
        found: list[dict[str, Any]] = []
        for index in indices:
            if not 0 <= index < len(self):
                raise IndexError(f"row {index} of {len(self)}")
            place = bisect.bisect_right(self._ends, index)
            start = self._ends[place - 1] if place else 0
            found.append(self._batches[place].slice(index - start, 1).to_pylist()[0])
        return found

    def record(self, index: int) -> Record:
        """Return one record; its id is checked.

        Raises:
            IndexError: There is no such row.
            BadInput: The row is damaged.
        """
        return record_from_dict(self.row(index), where=f"{self.folder}, row {index}")

    def column(self, name: str) -> list[Any]:
        """Return one whole column, to choose rows by: ``kind``, ``level``, ``quality``, ...

        Raises:
            BadInput: There is no such column.
        """
        if name not in SCHEMA.names:
            raise BadInput(f"no column {name!r}", hint=f"columns: {', '.join(SCHEMA.names)}")
        return [value for batch in self.batches([name]) for value in batch.column(0).to_pylist()]

    def check_hashes(self) -> None:
        """Compare every shard with the hash in the manifest.

        Raises:
            BadStore: One differs.
        """
        for shard in self.manifest.shards:
            path = self.folder / shard.file
            if hash_file(path) != shard.digest:
                raise BadStore(f"{path}: its content has changed since it was built", hint=_AGAIN)

    def _check_shard(self, shard: Shard) -> None:
        path = self.folder / shard.file
        try:
            if (size := path.stat().st_size) != shard.size_bytes:
                raise BadStore(
                    f"{path}: {size} bytes, the manifest says {shard.size_bytes}", hint=_AGAIN
                )
            with pq.ParquetFile(path) as file:
                rows, names = file.metadata.num_rows, file.schema_arrow.names
        except (OSError, pa.ArrowException) as error:
            raise BadStore(f"{path}: damaged ({error})", hint=_AGAIN) from None
        missing = [n for n in SCHEMA.names if n not in names and n not in OPTIONAL_COLUMNS]
        if missing or rows != shard.rows:
            what = f"no column {missing[0]!r}" if missing else f"{rows} rows, not {shard.rows}"
            raise BadStore(f"{path}: {what}", hint=_AGAIN)

    def _map_rows(self) -> None:
        folder = self._cache_folder()
        for shard in self.manifest.shards:
            path = folder / f"{shard.digest}.arrow"
            if not path.is_file():
                _write_arrow(self.folder / shard.file, path)
            try:
                reader = pa.ipc.open_file(pa.memory_map(str(path)))
                batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
            except (OSError, pa.ArrowException) as error:
                raise BadStore(f"{path}: damaged ({error})", hint=f"remove {folder}") from None
            for batch in batches:
                self._batches.append(batch)
                self._ends.append((self._ends[-1] if self._ends else 0) + batch.num_rows)

    def _cache_folder(self) -> Path:
        folder = self.folder / ROWS_CACHE
        try:
            folder.mkdir(exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        except OSError:
            pass  # a read-only disk
        folder = Path(tempfile.mkdtemp(prefix="lineament-rows-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder


def open_records(folder: Path | str) -> Iterator[Record]:
    """Yield the records of a built data set, lazily.

    Raises:
        BadStore: The folder holds no finished data set, or a shard is missing or damaged.
        BadInput: A row is damaged.
    """
    return iter(RecordStore(folder))


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


def _write_arrow(parquet: Path, path: Path) -> None:
    """Write a shard's rows without compression; appears whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with pq.ParquetFile(parquet, pre_buffer=False) as file:
            schema = file.schema_arrow.remove_metadata()
            with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for batch in file.iter_batches(ROW_GROUP_ROWS):
                    writer.write_batch(batch.replace_schema_metadata(None))
        os.replace(draft, path)
    except pa.ArrowException as error:
        raise BadStore(f"{parquet}: damaged ({error})", hint=_AGAIN) from None
    finally:
        draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
