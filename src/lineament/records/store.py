"""Built data sets on disk: Parquet shards, and a manifest that is written last."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import pyarrow as pa
import pyarrow.parquet as pq

from lineament.errors import BadInput, BadStore
from lineament.records.manifest import (
    BUILD_AGAIN,
    MANIFEST,
    ROW_GROUP_ROWS,
    SHARDS,
    Manifest,
    Shard,
    hash_file,
    read_manifest,
)
from lineament.records.record import (
    OPTIONAL_COLUMNS,
    SCHEMA,
    Record,
    record_from_dict,
    table_from_records,
)
from lineament.records.row_map import RowMap

SHARD_ROWS = 50_000


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
        self._map: RowMap | None = None

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
                raise BadStore(f"{path}: damaged ({error})", hint=BUILD_AGAIN) from None

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
        if self._map is None:
            self._map = RowMap(self.folder, self.manifest)
        return self._map.read(indices)

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
                raise BadStore(
                    f"{path}: its content has changed since it was built", hint=BUILD_AGAIN
                )

    def _check_shard(self, shard: Shard) -> None:
        path = self.folder / shard.file
        try:
            if (size := path.stat().st_size) != shard.size_bytes:
                raise BadStore(
                    f"{path}: {size} bytes, the manifest says {shard.size_bytes}", hint=BUILD_AGAIN
                )
            with pq.ParquetFile(path) as file:
                rows, names = file.metadata.num_rows, file.schema_arrow.names
        except (OSError, pa.ArrowException) as error:
            raise BadStore(f"{path}: damaged ({error})", hint=BUILD_AGAIN) from None
        missing = [n for n in SCHEMA.names if n not in names and n not in OPTIONAL_COLUMNS]
        if missing or rows != shard.rows:
            what = f"no column {missing[0]!r}" if missing else f"{rows} rows, not {shard.rows}"
            raise BadStore(f"{path}: {what}", hint=BUILD_AGAIN)


def open_records(folder: Path | str) -> Iterator[Record]:
    """Yield the records of a built data set, lazily.

    Raises:
        BadStore: The folder holds no finished data set, or a shard is missing or damaged.
        BadInput: A row is damaged.
    """
    return iter(RecordStore(folder))


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
