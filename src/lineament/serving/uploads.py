"""Uploads: files that a client sent once and names in several requests, for a while."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from lineament.errors import BadInput
from lineament.serving.spool import Spool, Stored
from lineament.serving.ticket import QueueFull

PREFIX = "file-"
MAX_FILES = 1_000  # of one client
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file.

    Attributes:
        id: Nobody can guess it.
        owner: The client; others do not see it.
        name: As the client calls it; only ever shown.
        purpose: As the client says.
        created: Seconds since 1970.
        expires: When it is forgotten.
        stored: Where its bytes are.
    """

    id: str
    owner: str
    name: str
    purpose: str
    created: float
    expires: float
    stored: Stored


class Uploads:
    """Files by id and owner.

    Args:
        spool: Where their bytes lie.
        keep_seconds: After which a file is forgotten.
        clock: Tells seconds since 1970.
    """

    def __init__(
        self, spool: Spool, keep_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._spool, self._keep_seconds, self._clock = spool, keep_seconds, clock
        self._files: dict[str, Upload] = {}
        self._lock = threading.RLock()

    def add(self, owner: str, name: str, content: bytes, *, purpose: str) -> Upload:
        """Keep a file.

        Raises:
            BadMedia: It is empty.
            QueueFull: The client, or the server, holds all files it may.
        """
        with self._lock:
            self._forget_old()
            if len(self.list_files(owner)) >= MAX_FILES:
                raise QueueFull(60, message=f"you hold {MAX_FILES:,} files; delete some")
            stored = self._spool.put(content)
            now = self._clock()
            file = Upload(
                PREFIX + secrets.token_urlsafe(24), owner, tidy_name(name), purpose, now,
                now + self._keep_seconds, stored,
            )  # fmt: skip
            self._files[file.id] = file
            return file

    def require(self, owner: str, file_id: str) -> Upload:
        """Return a client's own file.

        Raises:
            UnknownFile: It has none of that id.
        """
        with self._lock:
            self._forget_old()
            file = self._files.get(file_id)
            if file is None or file.owner != owner:
                raise UnknownFile
            return file

    def share(self, owner: str, file_id: str) -> Stored:
        """Return a file's bytes on disk, kept until they are dropped from the spool."""
        with self._lock:
            return self._spool.share(self.require(owner, file_id).stored)

    def list_files(self, owner: str) -> list[Upload]:
        """Return a client's files, the oldest first."""
        with self._lock:
            self._forget_old()
            return [file for file in self._files.values() if file.owner == owner]

    def remove(self, owner: str, file_id: str) -> Upload:
        """Forget a file.

        Raises:
            UnknownFile: The client has none of that id.
        """
        with self._lock:
            file = self.require(owner, file_id)
            self._spool.drop(self._files.pop(file.id).stored)
            return file

    def _forget_old(self) -> None:
        now = self._clock()
        for file in [file for file in self._files.values() if file.expires <= now]:
            self._spool.drop(self._files.pop(file.id).stored)


class UnknownFile(BadInput):
    """A file that was never there, was deleted, or has been forgotten since."""

    def __init__(self) -> None:
        super().__init__("there is no such file", hint="upload it again: POST /v1/files")


def tidy_name(name: str) -> str:
    """Return what may be shown of a client's file name: its last part, without odd signs."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(sign for sign in last if sign.isprintable())[:MAX_NAME]
    return shown or "media"
