"""Rows of CSV, JSON and JSON Lines files, plain or .zst, lazily and within limits."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from lineament.errors import BadInput
from lineament.records.sources.source import UNREADABLE, Dropped

LIMIT_LINE_CHARS = 1_000_000  # a label row has a few thousand; a broken file may have no line end
LIMIT_JSON_BYTES = 512_000_000
LIMIT_NAME_BYTES = 255
# An escaped half of a character: JSON allows one alone, UTF-8 does not.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def find_file(folder: Path, *names: str) -> Path | None:
    """Return the first of these files that the folder holds, plain or with .zst, or None."""
    for name in names:
        for path in (folder / name, folder / f"{name}.zst"):
            if path.is_file():
                return path
    return None


def require_file(folder: Path, *names: str) -> Path:
    """Return the first of these files that the folder holds, plain or with .zst.

    Raises:
        BadInput: It holds none of them.
    """
    path = find_file(folder, *names)
    if path is None:
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder", hint="give the data set's folder: --data")
        raise BadInput(f"{folder}: holds no {' or '.join(names)}", hint="is this the right folder?")
    return path


def open_text(path: Path) -> io.TextIOWrapper:
    """Open a text file, decompressing .zst on the way.

    Raises:
        BadInput: The file cannot be opened.
    """
    try:
        if path.suffix == ".zst":
            raw: Any = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        else:
            raw = path.open("rb")
    except (OSError, pa.ArrowException) as error:
        raise BadInput(f"{path}: {error}") from None
    return io.TextIOWrapper(raw, encoding="utf-8", errors="strict", newline="")


def read_lines(path: Path) -> Iterator[tuple[int, str | Dropped]]:
    """Yield the numbered lines of a file; a line beyond the limit is dropped, not kept.

    Raises:
        BadInput: The file is cut off in the middle or is no text.
    """
    with open_text(path) as text:
        number = 0
        while True:
            try:
                line = text.readline(LIMIT_LINE_CHARS)
                if not line:
                    return
                number += 1
                if len(line) == LIMIT_LINE_CHARS and not line.endswith("\n"):
                    while len(line) == LIMIT_LINE_CHARS and not line.endswith("\n"):
                        line = text.readline(LIMIT_LINE_CHARS)
                    at = f"{path.name}, line {number}"
                    yield number, Dropped(at, UNREADABLE, f"over {LIMIT_LINE_CHARS} characters")
                    continue
            except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
                raise BadInput(f"{path}, after line {number}: damaged ({error})") from None
            yield number, line


def read_csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str] | Dropped]:
    """Yield the rows of a CSV file with a header; rows of another length are dropped.

    Raises:
        BadInput: The header lacks a column that is needed, or the file is damaged.
    """
    header: list[str] | None = None
    for number, line in read_lines(path):
        if isinstance(line, Dropped):
            yield line
            continue
        try:
            fields = next(csv.reader((line,)), [])
        except csv.Error as error:
            yield Dropped(f"{path.name}, line {number}", UNREADABLE, str(error))
            continue
        if header is None:
            header = [name.strip().lstrip("\ufeff") for name in fields]
            missing = [name for name in columns if name not in header]
            if missing:
                raise BadInput(f"{path}: the header has no column {missing[0]!r}")
        elif len(fields) != len(header):
            if fields:
                detail = f"{len(fields)} fields, expected {len(header)}"
                yield Dropped(f"{path.name}, line {number}", UNREADABLE, detail)
        else:
            yield dict(zip(header, fields, strict=True))
    if header is None:
        raise BadInput(f"{path}: empty")


def read_json_lines(path: Path) -> Iterator[Mapping[str, Any] | Dropped]:
    """Yield the objects of a JSON Lines file; lines that hold none are dropped.

    Raises:
        BadInput: The file is damaged.
    """
    for number, line in read_lines(path):
        if isinstance(line, Dropped):
            yield line
        elif line.strip():
            row = parse_object(line, f"{path.name}, line {number}")
            yield row


def parse_object(text: str, where: str) -> Mapping[str, Any] | Dropped:
    """Parse one JSON object, or say why it is none."""
    try:
        row = _parse(text)
    except (json.JSONDecodeError, RecursionError) as error:
        return Dropped(where, UNREADABLE, f"not JSON ({error})")
    if not isinstance(row, dict):
        return Dropped(where, UNREADABLE, f"expected an object, got {type(row).__name__}")
    return row


def read_json_file(path: Path, repeated: list[str] | None = None) -> Mapping[str, Any]:
    """Read a file that is one JSON object.

    Args:
        path: Plain or .zst.
        repeated: Takes the keys that an object holds twice; the first of them stays.

    Raises:
        BadInput: It is too large, no JSON, or no object.
    """

    def keep_first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for key, value in pairs:
            if row.setdefault(key, value) is not value and repeated is not None:
                repeated.append(key)
        return row

    try:
        if (size := path.stat().st_size) > LIMIT_JSON_BYTES:
            raise BadInput(f"{path}: {size} bytes, more than {LIMIT_JSON_BYTES}")
        with open_text(path) as text:
            row = _parse(text.read(), None if repeated is None else keep_first)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON ({error})") from None
    if not isinstance(row, dict):
        raise BadInput(f"{path}: expected an object, got {type(row).__name__}")
    return row


def _parse(text: str, hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    value = json.loads(text, object_pairs_hook=hook)
    return _complete(value) if _HALF.search(text) else value


def _complete(value: Any) -> Any:
    """Return a JSON value with all its texts `writable`."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, list):
        return [_complete(part) for part in value]
    if isinstance(value, dict):
        return {_complete(key): _complete(part) for key, part in value.items()}
    return value


def writable(text: str) -> str:
    """Return a text as UTF-8 can hold it: half a character, as JSON allows, becomes ``?``."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def require_inside(reference: str) -> str:
    """Return a media reference, or refuse one that is no plain path below the data folder.

    Raises:
        ValueError: It is absolute, climbs, or no file could have that name.
    """
    parts = PurePosixPath(reference).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in reference:
        raise ValueError(f"{reference!r} leaves the data folder")
    if "\0" in reference or max(len(part.encode()) for part in parts) > LIMIT_NAME_BYTES:
        raise ValueError(f"{reference[:60]!r} is no file name")
    return reference
