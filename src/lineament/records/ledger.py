"""The ledger: what is done, failed and paid; append-only, and nothing is lost by kill -9."""

import fcntl
import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, final, get_args

from lineament.errors import BadInput, BadStore
from lineament.records.record import Record, record_from_dict

State: TypeAlias = Literal["done", "failed", "paid"]
STATES: tuple[State, ...] = get_args(State)
FILE = "ledger.sqlite"
VERSION = 1
CACHE_KIB = 16_384
_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, key BLOB NOT NULL, state TEXT NOT NULL, cost REAL NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, detail TEXT NOT NULL, payload BLOB);
CREATE INDEX IF NOT EXISTS entries_by_key ON entries (key);
CREATE TABLE IF NOT EXISTS shards (number INTEGER PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seen (key INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS bands (
    key INTEGER NOT NULL, signature INTEGER NOT NULL, PRIMARY KEY (key, signature)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS signatures (number INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE TRIGGER IF NOT EXISTS entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: what became of one annotation.

    Attributes:
        key: What was asked for, by `work_key`.
        state: ``paid``: an answer has come and is kept here; ``done``: its records are in a
            shard; ``failed``: it gave nothing, and may be tried again.
        cost: Money, in the writer's unit.
        tokens_in: Tokens sent.
        tokens_out: Tokens received.
        detail: Why it failed.
        records: What was paid for.
    """

    key: str
    state: State
    cost: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    detail: str = ""
    records: tuple[Record, ...] | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a ledger's entries cost together."""

    cost: float
    tokens_in: int
    tokens_out: int


@final
class Ledger:
    """A SQLite file that only grows; the last entry of a key says how it stands.

    Every method that writes has its data on disk when it returns (write-ahead log, full
    synchronisation), so a process may be killed at any moment.

    Args:
        path: The file; made where there is none.
        exclusive: Keep other builds away until this one closes it.

    Raises:
        BadStore: The file is damaged, no ledger, or in use by another build.
    """

    def __init__(self, path: Path | str, *, exclusive: bool = False) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = _lock(self.path) if exclusive else None
        # A paid writer may draw its jobs in a thread of its own.
        self._turn = threading.RLock()
        with self._named_errors():
            self.connection = sqlite3.connect(
                self.path, isolation_level=None, timeout=10.0, check_same_thread=False
            )
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self.connection.executescript(_TABLES)
        if self.about("version", str(VERSION)) != str(VERSION):
            raise BadStore(f"{self.path}: written by another version", hint="choose another folder")
        self.set_about("version", str(VERSION))

    def close(self) -> None:
        """Close the file, and let others in."""
        self.connection.close()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def about(self, name: str, default: str = "") -> str:
        """Return a note that was kept with the ledger."""
        with self._named_errors():
            row = self.connection.execute("SELECT value FROM about WHERE name = ?", (name,))
            found = row.fetchone()
        return found[0] if found else default

    def set_about(self, name: str, value: str) -> None:
        """Keep a note; it may be written again."""
        with self._named_errors():
            self.connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def append(self, entries: Iterable[Entry]) -> None:
        """Enter these together: after a kill either all are there or none."""
        with self.transaction():
            self._insert(entries)

    def find(self, key: str) -> Entry | None:
        """Return how a key stands, or None if it was never entered."""
        with self._named_errors():
            row = self.connection.execute(
                "SELECT state, cost, tokens_in, tokens_out, detail, payload FROM entries"
                " WHERE key = ? ORDER BY number DESC LIMIT 1",
                (_key_bytes(key),),
            ).fetchone()
        if row is None:
            return None
        state, cost, tokens_in, tokens_out, detail, payload = row
        records = None if payload is None else tuple(unpack_records(payload, str(self.path)))
        return Entry(key, state, cost, tokens_in, tokens_out, detail, records)

    def find_paid(self, key: str) -> tuple[Record, ...] | None:
        """Return what was paid for under a key, whatever came of it later, or None."""
        with self._named_errors():
            row = self.connection.execute(
                "SELECT payload FROM entries WHERE key = ? AND payload IS NOT NULL"
                " ORDER BY number DESC LIMIT 1",
                (_key_bytes(key),),
            ).fetchone()
        return None if row is None else tuple(unpack_records(row[0], str(self.path)))

    def count(self) -> dict[str, int]:
        """Return how many keys stand in each state."""
        query = (
            "SELECT state, count(*) FROM entries WHERE number IN"
            " (SELECT max(number) FROM entries GROUP BY key) GROUP BY state"
        )
        with self._named_errors():
            return dict(self.connection.execute(query).fetchall())

    def spent(self) -> Spent:
        """Return what all entries cost together, failures included."""
        query = "SELECT sum(cost), sum(tokens_in), sum(tokens_out) FROM entries"
        with self._named_errors():
            cost, tokens_in, tokens_out = self.connection.execute(query).fetchone()
        return Spent(cost or 0.0, tokens_in or 0, tokens_out or 0)

    def commit_shard(
        self,
        number: int,
        content: Mapping[str, Any],
        done: Iterable[str] = (),
        seen: Iterable[int] = (),
        bands: Iterable[tuple[int, int]] = (),
        signatures: Iterable[tuple[int, bytes]] = (),
    ) -> None:
        """Enter a finished shard, the work that is in it, and what it adds to the indexes.

        Keys go in by size: neighbours lie on one page of the file.
        """
        with self.transaction():
            text = json.dumps(content)
            self.connection.execute("INSERT INTO shards VALUES (?, ?)", (number, text))
            self._insert(Entry(key, "done") for key in done)
            self.connection.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?)", zip(sorted(seen), strict=True)
            )
            self.connection.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", sorted(bands))
            self.connection.executemany("INSERT INTO signatures VALUES (?, ?)", signatures)

    def shards(self) -> list[dict[str, Any]]:
        """Return what was entered with each finished shard, in order."""
        with self._named_errors():
            rows = self.connection.execute("SELECT content FROM shards ORDER BY number").fetchall()
            return [json.loads(content) for (content,) in rows]

    def drop_indexes(self) -> None:
        """Forget what only served to find duplicates, and give its space back."""
        with self.transaction():
            for table in ("seen", "bands", "signatures"):
                self.connection.execute(f"DELETE FROM {table}")
        with self._named_errors():
            self.connection.execute("VACUUM")

    def select(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Ask the indexes; for `duplicates.py`."""
        with self._named_errors():
            return self.connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything in the block or nothing."""
        with self._named_errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def _insert(self, entries: Iterable[Entry]) -> None:
        rows = (
            (
                _key_bytes(entry.key), entry.state, entry.cost, entry.tokens_in, entry.tokens_out,
                entry.detail, None if entry.records is None else pack_records(entry.records),
            )
            for entry in entries
        )  # fmt: skip
        self.connection.executemany(
            "INSERT INTO entries (key, state, cost, tokens_in, tokens_out, detail, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            with self._turn:
                yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                hint = "wait for the other build, or choose another folder"
                raise BadStore(f"{self.path}: in use", hint=hint) from None
            raise BadStore(f"{self.path}: {error}", hint="check the disk") from None
        except (sqlite3.DatabaseError, ValueError) as error:
            raise BadStore(
                f"{self.path}: damaged ({error})", hint="build again into a new folder"
            ) from None


def pack_records(records: Iterable[Record]) -> bytes:
    """Return records as they are kept in the ledger: JSON under zlib."""
    rows = [record.to_dict() for record in records]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def unpack_records(data: bytes, where: str) -> Iterator[Record]:
    """Yield the records of `pack_records`.

    Raises:
        BadStore: They are damaged.
    """
    try:
        for row in json.loads(zlib.decompress(data)):
            yield record_from_dict(row, where=where)
    except (zlib.error, ValueError, TypeError, BadInput) as error:
        raise BadStore(f"{where}: a paid answer is damaged ({error})") from None


def _lock(path: Path) -> int:
    """Lock a ledger until the descriptor is closed or the process ends."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        hint = "wait for the other build, or choose another folder"
        raise BadStore(f"{path.parent}: another build is at work here", hint=hint) from None
    return lock


def _key_bytes(key: str) -> bytes:
    return bytes.fromhex(key)
