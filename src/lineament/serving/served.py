"""What a request finds at hand: engine, media desk, limits; and who is asking."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from lineament.errors import BadInput, BadMedia
from lineament.serving.counters import Counters
from lineament.serving.keys import Keys, RateLimit
from lineament.serving.media_desk import MediaDesk
from lineament.serving.responder import Responder
from lineament.serving.settings import ServeSettings
from lineament.serving.spool import Stored
from lineament.serving.wire import round_seconds


class UnknownModel(BadInput):
    """A model that this server does not serve."""


@dataclass
class Served:
    """One server's parts.

    Attributes:
        engine: Answers, looks and draws.
        desk: Takes media in.
        settings: Limits.
        counters: For those who watch.
        keys: Who may ask; everybody without them.
        rate: How often.
        started: Seconds since 1970.
        is_ready: Whether requests are answered at once.
    """

    engine: Responder
    desk: MediaDesk
    settings: ServeSettings
    counters: Counters
    keys: Keys | None
    rate: RateLimit
    started: float
    is_ready: bool = field(default=True)

    def list_models(self) -> list[dict[str, object]]:
        """Return the models in OpenAI's shape."""
        names = {self.engine.name: "chat"}
        if self.engine.artist is not None:
            names.setdefault(self.engine.artist.name, "draw")
        return [
            {
                "id": name,
                "object": "model",
                "created": round_seconds(self.started),
                "owned_by": "lineament",
                "kind": kind,
            }
            for name, kind in names.items()
        ]

    def require_chat_model(self, name: str) -> None:
        """Refuse other models than the one that answers.

        Raises:
            UnknownModel: It is another one.
        """
        if name != self.engine.name:
            raise UnknownModel(
                "model: there is no such model that answers",
                hint=f"this server answers with {self.engine.name}",
            )

    @asynccontextmanager
    async def media(self, url: str, client: str) -> AsyncIterator[Stored]:
        """Hold what a URL or file id names while the block runs."""
        stored = await self.take(url, client, "media")
        try:
            yield stored
        finally:
            self.desk.spool.drop(stored)

    async def take(self, url: str, client: str, where: str) -> Stored:
        """Store what a URL or file id names; see `MediaDesk.take`.

        Args:
            url: As the client wrote it.
            client: Who asks.
            where: Where in the request it stood, for errors.
        """
        try:
            return await run_in_threadpool(self.desk.take, url, client)
        except BadMedia as error:
            raise BadMedia(f"{where}: {error.message}", hint=error.hint) from None


def served_of(request: Request) -> Served:
    """Return the parts of the server that got a request."""
    return cast(Served, request.app.state.served)


def client_of(request: Request) -> str:
    """Return who is asking: a key's number, or an address."""
    return str(request.scope["state"]["client"])
