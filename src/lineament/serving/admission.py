"""Admission: how many requests may be in the house, and when the others should come back."""

import math
import threading
import time
from collections import Counter, deque

from lineament.serving.ticket import QueueFull

REMEMBERED = 32  # ends by which the pace is known
MAX_RETRY_SECONDS = 30
KEPT_SHARE = 8  # one place of so many is kept for clients who have none


class Admission:
    """Count places.

    Some are kept for clients who have none, so that one client's many requests never shut the
    others out.

    Args:
        limit: Places in all.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.num_refused = 0
        self._held: Counter[str] = Counter()
        self._ends: deque[float] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._held.total()

    def enter(self, client: str, count: int = 1) -> None:
        """Take places, all or none.

        Raises:
            QueueFull: There are not so many.
        """
        with self._lock:
            if not self._has_room(client, count):
                self.num_refused += 1
                raise QueueFull(self._estimate_wait())
            self._held[client] += count

    def leave(self, client: str) -> None:
        """Give one place back."""
        with self._lock:
            self._ends.append(time.monotonic())
            self._held[client] -= 1
            if self._held[client] <= 0:
                del self._held[client]

    def require_room(self, client: str) -> None:
        """Refuse early what `enter` would refuse.

        Raises:
            QueueFull: There is no place.
        """
        with self._lock:
            if not self._has_room(client, 1):
                self.num_refused += 1
                raise QueueFull(self._estimate_wait())

    def _has_room(self, client: str, count: int) -> bool:
        kept = self.limit // KEPT_SHARE if self._held[client] else 0
        return self._held.total() + count <= self.limit - kept

    def _estimate_wait(self) -> int:
        """Return the seconds in which about half of the house will be done, at today's pace."""
        if len(self._ends) < 2:
            return 1
        seconds_each = (time.monotonic() - self._ends[0]) / len(self._ends)
        return min(MAX_RETRY_SECONDS, max(1, math.ceil(seconds_each * self.limit / 2)))
