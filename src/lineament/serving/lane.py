"""A lane: threads that take work from a fair queue, one client after the other."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from lineament.errors import LineamentError
from lineament.serving.faults import log_fault
from lineament.serving.ticket import ServerStopped, Ticket

log = logging.getLogger(__name__)

PASSED_ON = object()  # what a step returns when another lane goes on with the ticket
Step = Callable[[], Any]


class FairQueue:
    """Work in the order in which clients take turns; each client's own in its order."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[tuple[Ticket, Step]]] = OrderedDict()
        self._changed = threading.Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return sum(len(steps) for steps in self._waiting.values())

    def put(self, ticket: Ticket, step: Step) -> None:
        """Add work at the end of its client's.

        Raises:
            ServerStopped: The queue is closed.
        """
        with self._changed:
            if self._is_closed:
                raise ServerStopped
            self._waiting.setdefault(ticket.client, deque()).append((ticket, step))
            self._changed.notify()

    def take(self) -> tuple[Ticket, Step] | None:
        """Wait for work of the client whose turn it is; None when the queue is closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return None
            client, steps = self._waiting.popitem(last=False)
            taken = steps.popleft()
            if steps:
                self._waiting[client] = steps  # behind all others
            return taken

    def discard(self, ticket: Ticket) -> bool:
        """Take a ticket out if it still waits, and say whether it did."""
        with self._changed:
            steps = self._waiting.get(ticket.client, deque())
            for place, (waiting, _) in enumerate(steps):
                if waiting is ticket:
                    del steps[place]
                    if not steps:
                        del self._waiting[ticket.client]
                    return True
        return False

    def close(self) -> list[Ticket]:
        """Let everybody go, and return the tickets that waited."""
        with self._changed:
            self._is_closed = True
            left = [ticket for steps in self._waiting.values() for ticket, _ in steps]
            self._waiting.clear()
            self._changed.notify_all()
        return left


class Lane:
    """Threads that work on tickets.

    Args:
        name: Of its threads.
        num_threads: How many tickets are worked on at once.
    """

    def __init__(self, name: str, num_threads: int) -> None:
        self._queue = FairQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name} {number}", daemon=True)
            for number in range(num_threads)
        ]
        self.num_working = 0
        self._lock = threading.Lock()
        for thread in self._threads:
            thread.start()

    @property
    def num_waiting(self) -> int:
        """How many tickets nobody works on yet."""
        return len(self._queue)

    def put(self, ticket: Ticket, step: Step) -> None:
        """Let a ticket wait for its next step.

        Args:
            ticket: Gets what the step returns or raises.
            step: What to do; returns `PASSED_ON` when the ticket goes on elsewhere.

        Raises:
            ServerStopped: The lane is closed.
        """
        ticket.place = self._queue
        self._queue.put(ticket, step)

    def close(self) -> None:
        """End all waiting work and wait for what is running."""
        for ticket in self._queue.close():
            ticket.fail(ServerStopped())
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=10)

    def _work(self) -> None:
        while (taken := self._queue.take()) is not None:
            self._count(1)
            try:
                _run(*taken)
            finally:
                self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self.num_working += change


def _run(ticket: Ticket, step: Step) -> None:
    try:
        ticket.check()
        outcome = step()
    except LineamentError as error:
        ticket.fail(error)
    except Exception as error:  # noqa: BLE001 - the thread outlives whatever a request does to it
        log_fault(log, "a request failed", error)
        ticket.fail(error)
    else:
        if outcome is not PASSED_ON:
            ticket.finish(outcome)
