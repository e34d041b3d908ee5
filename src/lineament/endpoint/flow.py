"""How hard a server may be pressed: requests in flight, and a circuit that opens when it fails."""

import asyncio
import logging
import math
import time
from collections import deque

from lineament.errors import EndpointFailed

log = logging.getLogger(__name__)


# Requests leave at most at twice the mean rate that keeps the server full. Without it they go out
# together, come back together, and each waits for all others to be dealt with, round after round.
PACE = 0.5
MAX_BEHIND = 4  # requests that may leave at once where the loop was late


class Gate:
    """How many requests may be in flight: one more after successes, fewer after refusals.

    It doubles with every round of answers until the first refusal, then gains one a round.
    """

    def __init__(self, start: int, ceiling: int) -> None:
        self.limit = float(min(start, ceiling))
        self.ceiling = ceiling
        self.num_in_flight = 0
        self.paused_until = 0.0
        self.fastest_seconds = 0.0  # of all answers; 0 before the first
        self._next_at = 0.0
        self._is_doubling = True
        self._cut_at = -math.inf
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Wait for a place."""
        if not self._waiting and self._may_enter(now := time.monotonic()):
            self._take(now)
            return
        while True:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            self._wake()
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.leave()  # the place was ours; hand it on
                raise
            if self.paused_until <= time.monotonic():
                return
            self.num_in_flight -= 1  # refused in the meantime

    def leave(self) -> None:
        """Give the place back."""
        self.num_in_flight -= 1
        self._wake()

    def widen(self, seconds: float = 0.0) -> None:
        """Note a success, and how long the answer took."""
        step = 1.0 if self._is_doubling else 1.0 / self.limit
        self.limit = min(self.limit + step, float(self.ceiling))
        if seconds > 0:
            self.fastest_seconds = min(self.fastest_seconds or seconds, seconds)

    def cut(self, sent_at: float, pause_seconds: float) -> None:
        """Note a refusal; requests that left before the last cut tell nothing new."""
        now = time.monotonic()
        self.paused_until = max(self.paused_until, now + pause_seconds)
        if sent_at > self._cut_at:
            self._cut_at = now
            self._is_doubling = False
            self.limit = max(1.0, self.limit * 0.7)

    def _may_enter(self, now: float) -> bool:
        is_full = self.num_in_flight >= int(self.limit)
        return not is_full and self.paused_until <= now and self._next_at <= now

    def _take(self, now: float) -> None:
        self.num_in_flight += 1
        apart = PACE * self.fastest_seconds / self.limit
        self._next_at = max(self._next_at, now - MAX_BEHIND * apart) + apart

    def _wake(self) -> None:
        now = time.monotonic()
        while self._waiting and self._may_enter(now):
            place = self._waiting.popleft()
            if not place.done():
                self._take(now)
                place.set_result(None)
        left = max(self.paused_until, self._next_at) - now
        if self._waiting and left > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left, self._rise)

    def _rise(self) -> None:
        self._timer = None
        self._wake()


class Breaker:
    """Stops sending to a server that only fails; lets one request try after a while."""

    def __init__(self, failures: int, seconds: float, max_openings: int) -> None:
        self.failures = failures
        self.seconds = seconds
        self.max_openings = max_openings
        self.num_in_a_row = 0
        self.num_openings = 0
        self.open_until = 0.0
        self._is_probing = False

    @property
    def is_given_up(self) -> bool:
        """Whether it has opened too often in a row."""
        return self.num_openings > self.max_openings

    async def wait(self) -> None:
        """Wait while the circuit is open.

        Raises:
            EndpointFailed: It has opened too often in a row.
        """
        while self.num_openings:
            if self.is_given_up:
                raise EndpointFailed(
                    "the server only fails; given up", hint="is it up? start again to go on"
                )
            left = self.open_until - time.monotonic()
            if left <= 0 and not self._is_probing:
                self._is_probing = True
                return
            await asyncio.sleep(max(left, 0.01))

    def note(self, *, is_success: bool) -> None:
        """Count the outcome of an attempt."""
        if is_success:
            self.num_in_a_row = self.num_openings = 0
            self._is_probing = False
            return
        self.num_in_a_row += 1
        if self._is_probing or (not self.num_openings and self.num_in_a_row >= self.failures):
            self._is_probing = False
            self.num_openings += 1
            self.open_until = time.monotonic() + self.seconds
            log.warning("the server fails; waiting %.1f s", self.seconds)

    def release(self) -> None:
        """Note that the request that tried told nothing."""
        self._is_probing = False
