"""Keys and rates: who may ask, compared in constant time, and how often."""

import hashlib
import hmac
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from lineament.errors import BadInput

MIN_KEY_LENGTH = 16
MAX_CLIENTS = 10_000  # whose rate is remembered


class Keys:
    """The keys that open the server.

    Args:
        keys: At least one.

    Raises:
        BadInput: One is short or there twice.
    """

    def __init__(self, keys: Sequence[str], *, where: str = "keys") -> None:
        for number, key in enumerate(keys, start=1):
            if len(key) < MIN_KEY_LENGTH or not key.isascii() or not key.isprintable():
                raise BadInput(
                    f"{where}: key {number}: expected {MIN_KEY_LENGTH} or more plain characters",
                    hint='python -c "import secrets; print(secrets.token_urlsafe(32))"',
                )
        if not keys:
            raise BadInput(f"{where}: holds no key", hint="one key a line")
        if len(set(keys)) < len(keys):
            raise BadInput(f"{where}: a key is there twice")
        self._digests = [_digest(key) for key in keys]

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """Read a file of one key a line; lines that begin with # say what a person wants.

        Raises:
            BadInput: The file is missing, or holds no usable key.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from None
        except UnicodeDecodeError:
            raise BadInput(f"{path}: is not UTF-8 text") from None
        stripped = [line.strip() for line in lines]
        return cls([key for key in stripped if key and key[0] != "#"], where=str(path))

    def find_client(self, key: str) -> str | None:
        """Return whose key it is, in the same time whichever it is; None for a wrong one."""
        given = _digest(key)
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        return f"key {matches.index(True) + 1}" if any(matches) else None


class RateLimit:
    """So many requests a minute for each client, a minute's worth of them at once.

    Args:
        per_minute: 0 for no limit.
        clock: Tells seconds.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> int:
        """Count a request; return 0, or the seconds after which the next one is welcome."""
        if not self._per_minute:
            return 0
        now, most = self._clock(), max(1.0, self._per_minute)
        with self._lock:
            left, seen = self._left.pop(client, (most, now))
            left = min(most, left + (now - seen) * self._per_minute / 60)
            is_welcome = left >= 1
            self._left[client] = (left - 1 if is_welcome else left, now)
            while len(self._left) > MAX_CLIENTS:
                self._left.popitem(last=False)
        return 0 if is_welcome else max(1, math.ceil((1 - left) * 60 / self._per_minute))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
