"""Journal: every answer that was paid for, appended before it is used; survives kill -9."""

import json
import threading
from pathlib import Path
from typing import IO, final

from lineament.errors import BadInput


@final
class Journal:
    """A JSON Lines file of answers by key; only where each one begins is kept in memory.

    A line that was cut off by the end of a process is left out; what follows it is not.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._offsets: dict[str, int] = {}
        try:
            self._file: IO[bytes] = self.path.open("a+b")
        except OSError as error:
            raise BadInput(f"{self.path}: {error.strerror or error}") from None
        self._index()

    def _index(self) -> None:
        self._file.seek(0)
        offset, line = 0, b"\n"
        for line in self._file:
            try:
                row = json.loads(line)
                self._offsets[row["key"]] = offset
            except (ValueError, KeyError, TypeError):
                pass
            offset += len(line)
        if not line.endswith(b"\n"):
            self._file.write(b"\n")
            self._file.flush()

    def __len__(self) -> int:
        return len(self._offsets)

    def find(self, key: str) -> str | None:
        """Return the answer of a key, or None."""
        with self._lock:
            if key not in self._offsets:
                return None
            self._file.seek(self._offsets[key])
            return json.loads(self._file.readline())["text"]

    def append(self, key: str, text: str) -> None:
        """Keep an answer; it is with the system when this returns."""
        with self._lock:
            self._file.seek(0, 2)
            self._offsets[key] = self._file.tell()
            self._file.write(json.dumps({"key": key, "text": text}).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
