"""One replica: an engine in a process of Ray's, which does what another process orders."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from starlette.concurrency import run_in_threadpool

from lineament.annotation import Annotation
from lineament.errors import BadInput, LineamentError
from lineament.serving.answering import Wish
from lineament.serving.artist import DrawingWish
from lineament.serving.engine import Engine, EngineFigures
from lineament.serving.faults import log_fault
from lineament.serving.settings import ServeSettings
from lineament.serving.spool import Spool, Stored
from lineament.serving.ticket import TellText, Ticket
from lineament.serving.waiting import Ended, Waiting

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Media on their way to a replica.

    Attributes:
        stored: As they lie in the spool of the process that orders.
        content: Ray's reference to their bytes; None where the replica sees the same disk.
    """

    stored: Stored
    content: Any = None


@dataclass(frozen=True, slots=True)
class Order:
    """One piece of work.

    Attributes:
        kind: As the methods of `Engine`.
        client: Who asks; clients take turns.
        wish: What is to be answered or drawn.
        text: What is to be checked.
        against: An annotation to check it against.
        media: What it is about.
        is_told: Whether the answer is told piece by piece.
    """

    kind: Literal["ask", "look", "check", "draw"]
    client: str
    wish: Wish | DrawingWish | None = None
    text: str = ""
    against: Annotation | None = None
    media: Parcel | None = None
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """How an order ended, and what the replica has done so far.

    Attributes:
        replica: Machine and process.
        figures: Of its engine.
        result: As the ticket's of `Engine`.
        error: What went wrong instead.
    """

    replica: str
    figures: EngineFigures
    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What replicas serve.

    Attributes:
        name: Of the model that answers.
        artist: Name and picture size of the model that draws.
    """

    name: str
    artist: tuple[str, int] | None


class Replica:
    """Take orders for one engine.

    Args:
        make_engine: Loads the models; returns when requests are answered at once.
    """

    def __init__(self, make_engine: Callable[[], Engine]) -> None:
        self._engine = make_engine()
        self._spool: Spool | None = None
        self._id = f"{socket.gethostname()}:{os.getpid()}"

    def describe(self) -> Description:
        """Say what is served."""
        artist = self._engine.artist
        drawn = None if artist is None else (artist.name, artist.size_px)
        return Description(self._engine.name, drawn)

    async def work(self, order: Order) -> AsyncIterator[str | Report]:
        """Yield the pieces of an answer, where they are wanted, and a report at the end.

        The work ends when nobody listens any more.
        """
        waiting, media = Waiting(_never), None
        try:
            media = await self._fetch(order.media)
            tell = (lambda text: waiting.tell(0, text)) if order.is_told else None
            waiting.follow([_begin(self._engine, order, media, tell)])
            while not isinstance(event := await waiting.next(), Ended):
                yield event.text
            yield self._report(result=event.result)
        except LineamentError as error:
            yield self._report(error=error)
        except Exception as error:  # noqa: BLE001 - the replica outlives whatever a request does
            log_fault(log, "a request failed", error)
            yield self._report(error=RuntimeError("a replica failed on a request"))
        finally:
            waiting.stop()
            if media is not None and order.media != Parcel(media):  # it came as bytes
                assert self._spool is not None
                self._spool.drop(media)

    def __del__(self) -> None:
        with suppress(AttributeError):  # it never began
            self._engine.close()
            if self._spool is not None:
                self._spool.close()

    async def _fetch(self, parcel: Parcel | None) -> Stored | None:
        if parcel is None or parcel.content is None:
            return None if parcel is None else parcel.stored
        if self._spool is None:
            self._spool = Spool(self._engine.settings.upload_bytes)
        content = await parcel.content
        return await run_in_threadpool(self._spool.put, content)

    def _report(self, result: Any = None, error: Exception | None = None) -> Report:
        return Report(self._id, self._engine.measure(), result, error)


def widen(settings: ServeSettings) -> ServeSettings:
    """Return settings for a replica: who may enter is decided before, for all of them together."""
    extra = settings.max_places + settings.max_drawing
    return settings.replace(max_waiting=settings.max_waiting + 2 * extra)


def _begin(engine: Engine, order: Order, media: Stored | None, tell: TellText | None) -> Ticket:
    if order.kind == "draw" and isinstance(order.wish, DrawingWish):
        return engine.draw(order.wish, client=order.client)
    if order.kind == "ask" and isinstance(order.wish, Wish):
        on_text = None if tell is None else lambda _, text: tell(text)
        [ticket] = engine.ask([order.wish], media, client=order.client, on_text=on_text)
        return ticket
    against = order.against or media
    if order.kind == "check" and against is not None:
        return engine.check(order.text, against, client=order.client)
    if order.kind == "look" and media is not None:
        return engine.look(media, client=order.client)
    raise BadInput(f"a replica cannot {order.kind} without what it is about")


async def _never() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}
