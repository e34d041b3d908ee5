"""Replicas: engines in processes of Ray Serve's, used as if they were one engine."""

import asyncio
import logging
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from lineament.annotation import Annotation
from lineament.errors import BadInput, LineamentError
from lineament.serving.admission import Admission
from lineament.serving.answering import Wish
from lineament.serving.artist import DrawingWish
from lineament.serving.cluster import connect, deploy, pack, remove
from lineament.serving.counters import GAUGES
from lineament.serving.engine import Engine, EngineFigures
from lineament.serving.faults import log_fault
from lineament.serving.replica import Description, Order, Parcel, Report
from lineament.serving.settings import ServeSettings
from lineament.serving.spool import Stored
from lineament.serving.ticket import ReplicaDied, ServerStopped, StillStarting, Ticket

log = logging.getLogger(__name__)

STARTED_WITHIN_SECONDS = 600.0
NO_FIGURES = EngineFigures(*(0,) * 15)


@dataclass(frozen=True, slots=True)
class RemoteArtist:
    """The model with which replicas draw.

    Attributes:
        name: Of the model.
        size_px: Side of its pictures.
    """

    name: str
    size_px: int


class Replicas:
    """What `Engine` does, done by several of them in processes of their own.

    Who may enter is decided here, so places, keys, rates and uploads are those of one server.
    Each request goes to a replica that has few; Ray starts replicas anew that die.

    Args:
        make_engine: Loads the models in each replica; picklable.
        count: How many.
        settings: Limits of each replica; there are ``count`` times as many places.
        name: What the answering model is called.
        address: ``local`` starts Ray on this machine; else a cluster's address.

    Raises:
        MissingExtra: Ray is not installed.
        BadInput: There is no cluster at that address.
    """

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        count: int,
        settings: ServeSettings,
        *,
        name: str,
        address: str = "local",
    ) -> None:
        self.settings, self.name = settings, name
        self._make_engine, self._count = make_engine, count
        self._artist: RemoteArtist | None = None
        self._places = Admission(settings.max_places * count)
        self._easels = Admission(settings.max_drawing * count)
        self._reports: OrderedDict[str, EngineFigures] = OrderedDict()
        self._gone = NO_FIGURES
        self._running: dict[str, int] = {"ask": 0, "look": 0, "check": 0, "draw": 0}
        self._is_stopped = threading.Event()
        self._handle: Any = None
        self._app_name = f"lineament-{os.getpid()}-{secrets.token_hex(4)}"
        self._is_ray_ours = connect(address, count)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="replicas", daemon=True)
        self._thread.start()

    @property
    def artist(self) -> RemoteArtist | None:
        """The model that draws, as far as that is known yet."""
        return self._artist

    @property
    def is_running(self) -> bool:
        """Whether requests are taken."""
        return self._handle is not None and not self._is_stopped.is_set()

    def start(self) -> None:
        """Start all replicas and wait until they are ready.

        Raises:
            LineamentError: They do not start.
            ServerStopped: They were ended before.
        """
        try:
            handle = deploy(self._make_engine, self._count, self.settings, name=self._app_name)
            asked = handle.describe.remote()
            told: Description = asked.result(timeout_s=STARTED_WITHIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever Ray makes of what goes wrong
            if self._is_stopped.is_set():
                raise ServerStopped from None
            log_fault(log, "the replicas do not start", error)
            raise LineamentError(
                "the replicas do not start", hint="is there a core for each of them?"
            ) from None
        self.name = told.name
        self._artist = None if told.artist is None else RemoteArtist(*told.artist)
        self._handle = handle.options(method_name="work", stream=True)

    def require_place(self, client: str) -> None:
        """Refuse a request before it is read; see `Engine.require_place`."""
        self._places.require_room(client)

    def ask(
        self,
        wishes: Sequence[Wish],
        media: Stored | None,
        *,
        client: str = "",
        on_text: Callable[[int, str], None] | None = None,
    ) -> list[Ticket]:
        """Ask for answers; see `Engine.ask`."""
        tells = [partial(on_text, n) if on_text else None for n in range(len(wishes))]
        tickets = self._admit(self._places, client, tells)
        for ticket, wish in zip(tickets, wishes, strict=True):
            order = Order("ask", client, wish, is_told=on_text is not None)
            self._send(ticket, order, media)
        return tickets

    def look(self, media: Stored, *, client: str = "") -> Ticket:
        """Find faces and facts; see `Engine.look`."""
        [ticket] = self._admit(self._places, client, [None])
        return self._send(ticket, Order("look", client), media)

    def check(self, text: str, against: Stored | Annotation, *, client: str = "") -> Ticket:
        """Check a text; see `Engine.check`."""
        [ticket] = self._admit(self._places, client, [None])
        if isinstance(against, Annotation):
            return self._send(ticket, Order("check", client, text=text, against=against), None)
        return self._send(ticket, Order("check", client, text=text), against)

    def draw(self, wish: DrawingWish, *, client: str = "") -> Ticket:
        """Draw faces; see `Engine.draw`."""
        if self._artist is None:
            raise BadInput("this server draws nothing")
        [ticket] = self._admit(self._easels, client, [None])
        return self._send(ticket, Order("draw", client, wish), None)

    def measure(self) -> EngineFigures:
        """Return what all replicas have done, as far as they have told, and what they are doing."""
        total = add_figures([self._gone, *self._reports.values()])
        running = self._running
        return replace(
            total,
            num_waiting=0,
            num_answering=running["ask"],
            num_looking=running["look"] + running["check"],
            num_drawing=running["draw"],
            num_refused=self._places.num_refused + self._easels.num_refused,
        )

    def close(self) -> None:
        """End everything; waiting requests are told so."""
        if self._is_stopped.is_set():
            return
        self._is_stopped.set()
        remove(self._app_name, is_last=self._is_ray_ours)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        """Run the loop of everything that replicas tell; this is a thread."""
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _admit(self, places: Admission, client: str, tells: Sequence[Any]) -> list[Ticket]:
        if self._is_stopped.is_set():
            raise ServerStopped
        if self._handle is None:
            raise StillStarting
        places.enter(client, len(tells))
        deadline = self.settings.deadline_seconds
        tickets = [Ticket(client, deadline_seconds=deadline, on_text=on_text) for on_text in tells]
        for ticket in tickets:
            ticket.future.add_done_callback(lambda _: places.leave(client))
        return tickets

    def _send(self, ticket: Ticket, order: Order, media: Stored | None) -> Ticket:
        work = self._follow(ticket, order, media)
        ticket.place = _Abroad(asyncio.run_coroutine_threadsafe(work, self._loop))
        return ticket

    async def _follow(self, ticket: Ticket, order: Order, media: Stored | None) -> None:
        """Pass on what a replica tells."""
        from ray.exceptions import RayError
        from ray.serve.exceptions import RayServeException

        self._running[order.kind] += 1
        pieces: Any = None
        try:
            if media is not None:
                content = await asyncio.to_thread(pack, media.path)
                order = replace(order, media=Parcel(media, content))
            pieces = self._handle.remote(order)
            async for piece in pieces:
                if isinstance(piece, Report):
                    self._settle(ticket, piece)
                elif ticket.on_text is not None:
                    ticket.on_text(piece)
            ticket.fail(ReplicaDied())  # unless it is settled
        except asyncio.CancelledError:
            if pieces is not None:
                pieces.cancel()
            raise
        except (RayError, RayServeException) as error:
            log.error("a replica died: %s", type(error).__name__)
            ticket.fail(ServerStopped() if self._is_stopped.is_set() else ReplicaDied())
        except Exception as error:  # noqa: BLE001 - the loop outlives whatever a request does to it
            log_fault(log, "a request failed", error)
            ticket.fail(error)
        finally:
            self._running[order.kind] -= 1

    def _settle(self, ticket: Ticket, report: Report) -> None:
        self._reports[report.replica] = report.figures
        self._reports.move_to_end(report.replica)
        while len(self._reports) > self._count:  # what dead ones have done stays counted
            _, last = self._reports.popitem(last=False)
            done = {name: 0 for name in asdict(last) if name in GAUGES}
            self._gone = add_figures([self._gone, replace(last, **done)])
        if report.error is None:
            ticket.finish(report.result)
        else:
            ticket.fail(report.error)


class _Abroad:
    """Where a ticket is while a replica works for it."""

    def __init__(self, work: Future[None]) -> None:
        self._work = work

    def discard(self, ticket: Ticket) -> bool:  # noqa: ARG002 - as every place
        """End the work."""
        self._work.cancel()
        return True


def add_figures(figures: Sequence[EngineFigures]) -> EngineFigures:
    """Return the sums."""
    rows = [asdict(row) for row in figures]
    return EngineFigures(**{name: sum(row[name] for row in rows) for name in rows[0]})
