"""Rows by number: a memory-mapped copy of the shards without compression, so any order is cheap."""

import bisect
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import pyarrow as pa
import pyarrow.parquet as pq

from lineament.errors import BadStore
from lineament.records.manifest import BUILD_AGAIN, ROW_GROUP_ROWS, Manifest

ROWS_CACHE = ".rows"


@final
class RowMap:
    """A store's rows by number, out of a copy that is made on first use.

    It lies beside the shards where that can be written, in a temporary folder otherwise.

    Raises:
        BadStore: A shard, or the copy of one, is damaged.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.num_rows = manifest.num_rows
        self._ends: list[int] = []
        self._batches: list[pa.RecordBatch] = []
        copies = self._find_folder(folder)
        for shard in manifest.shards:
            path = copies / f"{shard.digest}.arrow"
            if not path.is_file():
                _write_arrow(folder / shard.file, path)
            try:
                reader = pa.ipc.open_file(pa.memory_map(str(path)))
                batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
            except (OSError, pa.ArrowException) as error:
                raise BadStore(f"{path}: damaged ({error})", hint=f"remove {copies}") from None
            for batch in batches:
                self._batches.append(batch)
                self._ends.append((self._ends[-1] if self._ends else 0) + batch.num_rows)

    def read(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return rows in the order asked for.

        Raises:
            IndexError: There is no such row.
        """
        found: list[dict[str, Any]] = []
        for index in indices:
            if not 0 <= index < self.num_rows:
                raise IndexError(f"row {index} of {self.num_rows}")
            place = bisect.bisect_right(self._ends, index)
            start = self._ends[place - 1] if place else 0
            found.append(self._batches[place].slice(index - start, 1).to_pylist()[0])
        return found

    def _find_folder(self, store: Path) -> Path:
        folder = store / ROWS_CACHE
        try:
            folder.mkdir(exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        except OSError:
            pass  # a read-only disk
        folder = Path(tempfile.mkdtemp(prefix="lineament-rows-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder


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
        raise BadStore(f"{parquet}: damaged ({error})", hint=BUILD_AGAIN) from None
    finally:
        draft.unlink(missing_ok=True)
