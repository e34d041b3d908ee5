"""A content-addressed store on disk: a size limit, retention of what is used, wiping."""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import final

from lineament.errors import BadStore

_DRAFT = ".draft-"
_CHECK_EVERY = 64  # writes between looks at the folder's size


@final
class DiskCache:
    """Bytes by the hash of what they were computed from.

    Entries appear whole or not at all, and several processes may share a folder. When the limit
    is passed, what was not read for longest goes first. Losing an entry costs time, never a
    result, so a damaged one counts as missing.

    Args:
        folder: Made when it is not there.
        limit_bytes: Most that entries may take.

    Raises:
        BadStore: The folder cannot be made.
    """

    def __init__(self, folder: Path | str, *, limit_bytes: int) -> None:
        self.folder, self.limit_bytes = Path(folder), limit_bytes
        self.num_hits = self.num_misses = 0
        self._writes = 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadStore(f"{self.folder}: {(error.strerror or str(error)).lower()}") from None

    def find(self, key: str) -> bytes | None:
        """Return an entry, and remember that it was used."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            self.num_misses += 1
            return None
        if len(content) < 16 or content[:16] != _digest(content[16:]):
            path.unlink(missing_ok=True)
            self.num_misses += 1
            return None
        self.num_hits += 1
        return content[16:]

    def write(self, key: str, content: bytes) -> None:
        """Keep an entry; one that alone is beyond the limit is not kept."""
        if len(content) > self.limit_bytes:
            return
        path = self._path(key)
        path.parent.mkdir(exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(_digest(content) + content)
        os.replace(draft, path)
        self._writes += 1
        if self._writes % _CHECK_EVERY == 1:
            self.trim()

    def trim(self) -> int:
        """Remove what was not used for longest until the limit holds; return how many went."""
        entries = []
        for path in self._entries():
            try:
                status = path.stat()
            except OSError:
                continue  # another process was quicker
            entries.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        num_removed = 0
        for _, size, path in sorted(entries):
            if total <= self.limit_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
            num_removed += 1
        return num_removed

    def count_bytes(self) -> int:
        """Return how much all entries take."""
        return sum(path.stat().st_size for path in self._entries())

    def clear(self, *, older_than_seconds: float = 0.0) -> int:
        """Remove entries that were not used for so long, all when 0; return how many went."""
        before = time.time() - older_than_seconds
        stale = [path for path in self._entries() if path.stat().st_mtime <= before]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _entries(self) -> Iterable[Path]:
        return (path for path in self.folder.glob("??/*") if not path.name.startswith(_DRAFT))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


def hash_parts(*parts: bytes | str) -> str:
    """Return the key of something computed from these parts, in this order."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
