"""Waiting: an event loop follows tickets of other threads, and notices when a client leaves."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lineament.serving.ticket import ClientLeft, DeadlinePassed, Ticket

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
GRACE_SECONDS = 0.5  # a running answer notices its deadline itself, and says what it has


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of one ticket's answer."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """One ticket's result."""

    number: int
    result: Any


class Waiting:
    """Tickets, as one request waits for them.

    Args:
        receive: The request's; tells when the client leaves.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Piece | tuple[int, Future[Any]] | None] = asyncio.Queue()
        self._tickets: list[Ticket] = []
        self._watcher: asyncio.Task[None] | None = None

    def tell(self, number: int, text: str) -> None:
        """Take a piece of an answer, from any thread."""
        self._post(Piece(number, text))

    def follow(self, tickets: Sequence[Ticket]) -> None:
        """Begin to wait for tickets."""
        self._tickets = list(tickets)
        self._watcher = asyncio.create_task(self._watch())
        for number, ticket in enumerate(tickets):
            ticket.future.add_done_callback(
                lambda future, number=number: self._post((number, future))
            )

    async def next(self) -> Piece | Ended:
        """Wait for the next piece or result.

        Raises:
            ClientLeft: Nobody waits any more.
            DeadlinePassed: It is too late.
            Exception: What a ticket ended with.
        """
        seconds = min(ticket.seconds_left for ticket in self._tickets) + GRACE_SECONDS
        try:
            async with asyncio.timeout(min(seconds, 1e8)):
                event = await self._events.get()
        except TimeoutError:
            raise DeadlinePassed from None
        if event is None:
            raise ClientLeft
        if isinstance(event, Piece):
            return event
        number, future = event
        return Ended(number, future.result())

    async def results(self) -> list[Any]:
        """Wait for all results, in the order of the tickets."""
        found: dict[int, Any] = {}
        while len(found) < len(self._tickets):
            event = await self.next()
            if isinstance(event, Ended):
                found[event.number] = event.result
        return [found[number] for number in range(len(self._tickets))]

    def stop(self) -> None:
        """End all work that nobody waits for any more."""
        for ticket in self._tickets:
            if not ticket.future.done():
                ticket.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                for ticket in self._tickets:
                    ticket.cancel()
                self._post(None)
                return

    def _post(self, event: Piece | tuple[int, Future[Any]] | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and nobody listens
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
