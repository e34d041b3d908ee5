"""The spool: media on disk under names of our own, while somebody needs them and no longer."""

import os
import shutil
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lineament.cache import hash_parts
from lineament.errors import BadMedia
from lineament.serving.ticket import QueueFull

PREFIX = "lineament-serve-"
RETRY_SECONDS = 10
HEADS = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"BM", ".bmp"),
    (b"II*\x00", ".tif"),
    (b"MM\x00*", ".tif"),
    (b"P5", ".ppm"),
    (b"P6", ".ppm"),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A clip or picture that a client sent.

    Attributes:
        key: The hash of its content.
        path: Where it lies; named by the hash, never by the client.
        num_bytes: Its size.
    """

    key: str
    path: Path
    num_bytes: int


class Spool:
    """Keep media in a folder that goes with the server.

    The same content is there once; it goes when everybody who put it has dropped it.

    Args:
        limit_bytes: Most that all of them may take.
    """

    def __init__(self, limit_bytes: int) -> None:
        remove_stale_folders(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.limit_bytes = limit_bytes
        self.num_bytes = 0
        self._users: Counter[str] = Counter()
        self._lock = threading.Lock()

    def put(self, content: bytes) -> Stored:
        """Store media until `drop`.

        Raises:
            BadMedia: There is nothing in it.
            QueueFull: The spool is full.
        """
        if not content:
            raise BadMedia("the media are empty", hint="send a clip or a picture")
        key = hash_parts(content)
        stored = Stored(key, self.folder / f"{key}{find_suffix(content)}", len(content))
        with self._lock:
            if not self._users[key]:
                if self.num_bytes + len(content) > self.limit_bytes:
                    del self._users[key]
                    raise QueueFull(RETRY_SECONDS, message="the server holds all media it may")
                stored.path.write_bytes(content)
                self.num_bytes += len(content)
            self._users[key] += 1
        return stored

    def share(self, stored: Stored) -> Stored:
        """Use what is stored already, until another `drop`."""
        with self._lock:
            self._users[stored.key] += 1
        return stored

    def drop(self, stored: Stored) -> None:
        """Say that one of its users is done."""
        with self._lock:
            self._users[stored.key] -= 1
            if self._users[stored.key] > 0:
                return
            del self._users[stored.key]
            self.num_bytes -= stored.num_bytes
            stored.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find_suffix(content: bytes) -> str:
    """Return the suffix that tells a picture from a clip, by the first bytes alone."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for head, suffix in HEADS if content.startswith(head)), ".mp4")


def remove_stale_folders(parent: Path) -> None:
    """Remove what servers left that were killed."""
    for folder in parent.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc").is_dir():
            shutil.rmtree(folder, ignore_errors=True)
