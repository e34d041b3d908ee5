"""A ticket: one piece of work for one client, from its place in the queue to its end."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from lineament.errors import LineamentError

TellText = Callable[[str], None]


class Unanswered(LineamentError):
    """A request that gets no answer, through no fault of its own."""

    def __reduce__(self) -> tuple[type, tuple[()], dict[str, Any]]:
        # Replicas send their errors pickled; what they were made with is not in `args`.
        return type(self), (), vars(self)


class QueueFull(LineamentError):
    """All places are taken; the client may come back."""

    def __init__(self, retry_seconds: int, *, message: str = "all places are taken") -> None:
        super().__init__(message, hint=f"try again in {retry_seconds} s")
        self.retry_seconds = retry_seconds


class DeadlinePassed(Unanswered):
    """The work took longer than it may."""

    def __init__(self) -> None:
        super().__init__("the answer took too long", hint="ask for less, or try again later")


class ClientLeft(Unanswered):
    """Nobody waits for the answer any more."""

    def __init__(self) -> None:
        super().__init__("the client left")


class ServerStopped(Unanswered):
    """The server is going down."""

    def __init__(self) -> None:
        super().__init__("the server is stopping", hint="try again later")


class ReplicaDied(Unanswered):
    """The process that was answering died; another one takes its place."""

    def __init__(self) -> None:
        super().__init__("the replica that was answering died", hint="ask again")


class StillStarting(Unanswered):
    """The models are being loaded."""

    def __init__(self) -> None:
        super().__init__("the server is starting", hint="try again in a moment")


@runtime_checkable
class WaitingPlace(Protocol):
    """Where a ticket waits."""

    def discard(self, ticket: "Ticket") -> bool:
        """Take it out if it is still waiting there, and say whether it was."""
        ...


class Ticket:
    """A place for one answer.

    Args:
        client: Whose it is; clients take turns.
        deadline_seconds: From now on.
        on_text: Called with each piece of the answer, from another thread.

    Attributes:
        future: Gets the result, or what went wrong.
    """

    def __init__(
        self,
        client: str,
        *,
        deadline_seconds: float = math.inf,
        on_text: TellText | None = None,
    ) -> None:
        self.client = client
        self.on_text = on_text
        self.future: Future[Any] = Future()
        self.place: WaitingPlace | None = None
        self._deadline = time.monotonic() + deadline_seconds
        self._is_cancelled = False

    @property
    def seconds_left(self) -> float:
        """Until its deadline; 0 when that has passed."""
        return max(0.0, self._deadline - time.monotonic())

    def is_over(self) -> bool:
        """Say whether the work is of no use any more."""
        return self._is_cancelled or time.monotonic() > self._deadline

    def check(self) -> None:
        """Stop work that is of no use.

        Raises:
            ClientLeft: It was cancelled.
            DeadlinePassed: It is too late.
        """
        if self._is_cancelled:
            raise ClientLeft
        if self.is_over():
            raise DeadlinePassed

    def cancel(self) -> None:
        """Say that nobody waits for it; waiting work ends at once, running work soon."""
        self._is_cancelled = True
        if self.place is not None and self.place.discard(self):
            self.fail(ClientLeft())

    def finish(self, result: Any) -> None:
        """Hand over the result, unless something was handed over before."""
        with suppress(InvalidStateError):  # two threads may be about to end it
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Hand over what went wrong, unless something was handed over before."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def result(self) -> Any:
        """Wait for the result.

        Raises:
            DeadlinePassed: It did not come in time.
        """
        seconds = self.seconds_left
        try:
            return self.future.result(None if math.isinf(seconds) else seconds)
        except TimeoutError:
            self.cancel()
            raise DeadlinePassed from None
