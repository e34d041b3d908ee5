"""The shield before all routes: names, keys, rates, body limits, headers, counts and the log."""

import asyncio
import json
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineament.errors import LineamentError
from lineament.serving.faults import log_fault
from lineament.serving.replies import Refusal, refuse_error
from lineament.serving.served import Served

log = logging.getLogger(__name__)

# Answered without a key: they tell nothing of anybody.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/"})
PAGE_PREFIX = "/page/"
# Requests that take a place: refused before their body is read when there is none.
PLACE_PATHS = frozenset({"/v1/chat/completions", "/annotate", "/check"})
CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
]


@dataclass
class ByteBudget:
    """How much all request bodies together may take while they are here."""

    limit: int
    taken: int = 0


@dataclass
class _Exchange:
    """One request and its response, as far as they have come."""

    scope: Scope
    receive: Receive
    send: Send
    began: float = field(default_factory=time.monotonic)
    num_bytes: int = 0
    status: int = 0
    is_body_whole: bool = False

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def route(self) -> str:
        """The route's pattern; never what a client put into it."""
        return str(getattr(self.scope.get("route"), "path", "other"))


class Shield:
    """What every request passes.

    Args:
        app: All routes.
        served: The server's parts.
        names: Hosts that requests may be addressed to, so that no other site's name can be
            turned to this address; None for any.
    """

    def __init__(self, app: ASGIApp, served: Served, names: Collection[str] | None) -> None:
        self._app, self._served = app, served
        self._names = None if names is None else {name.lower() for name in names}
        self._budget = ByteBudget(served.settings.body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            refusal = self._refuse(exchange)
            if refusal is not None:
                await self._answer(exchange, refusal)
                return
            await self._app(scope, self._limit_body(exchange), self._mark(exchange))
        except Exception as error:  # noqa: BLE001 - the last place where one can be answered
            log_fault(log, f"a request to {exchange.route} failed", error)
            if not exchange.status:
                await self._answer(exchange, refuse_error(error))
        finally:
            self._budget.taken -= exchange.num_bytes
            self._note(exchange)

    def _refuse(self, exchange: _Exchange) -> Refusal | None:
        """Return why a request does not pass; notes who is asking."""
        headers = Headers(scope=exchange.scope)
        address = (exchange.scope.get("client") or ("unknown",))[0]
        state = exchange.scope.setdefault("state", {})
        state["client"] = f"address {address}"
        host = headers.get("host", "")
        if self._names is not None and _name_of(host) not in self._names:
            return Refusal(421, "the server is not known by that name", code="unknown_host")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return Refusal(403, "pages of other sites may not ask here", code="other_origin")
        if exchange.path in OPEN_PATHS or exchange.path.startswith(PAGE_PREFIX):
            return None
        if self._served.keys is not None:
            client = self._served.keys.find_client(_read_key(headers))
            if client is None:
                return Refusal(
                    401,
                    "no known API key was given",
                    "authentication_error",
                    "invalid_api_key",
                    hint="Authorization: Bearer KEY",
                )
            state["client"] = client
        return self._refuse_busy(exchange, headers, state["client"])

    def _refuse_busy(self, exchange: _Exchange, headers: Headers, client: str) -> Refusal | None:
        seconds = self._served.rate.take(client)
        if seconds:
            return Refusal(
                429,
                "too many requests a minute",
                "rate_limit_error",
                "rate_limit_exceeded",
                retry_seconds=seconds,
            )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._served.settings.max_body_bytes:
            return _too_long(self._served.settings.max_body_bytes)
        if exchange.path in PLACE_PATHS and exchange.scope["method"] == "POST":
            try:
                self._served.engine.require_place(client)
            except LineamentError as error:
                return refuse_error(error)
        return None

    def _limit_body(self, exchange: _Exchange) -> Receive:
        settings = self._served.settings

        async def receive() -> Message:
            if exchange.is_body_whole:
                return await exchange.receive()
            left = exchange.began + settings.body_seconds - time.monotonic()
            try:
                async with asyncio.timeout(max(left, 0.0)):
                    message = await exchange.receive()
            except TimeoutError:
                raise HTTPException(408, "the body takes too long to arrive") from None
            if message["type"] != "http.request":
                return message
            self._count_bytes(exchange, len(message.get("body", b"")))
            exchange.is_body_whole = not message.get("more_body", False)
            return message

        return receive

    def _count_bytes(self, exchange: _Exchange, count: int) -> None:
        exchange.num_bytes += count
        self._budget.taken += count
        most = self._served.settings.max_body_bytes
        if exchange.num_bytes > most:
            raise HTTPException(413, _too_long(most).message)
        if self._budget.taken > self._budget.limit:
            raise HTTPException(429, "too much is being sent", headers={"Retry-After": "2"})

    def _mark(self, exchange: _Exchange) -> Send:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                there = {name.lower() for name, _ in message.get("headers", ())}
                added = [(name, value) for name, value in HEADERS if name not in there]
                message["headers"] = [*message.get("headers", ()), *added]
            await exchange.send(message)

        return send

    async def _answer(self, exchange: _Exchange, refusal: Refusal) -> None:
        body = json.dumps(refusal.to_dict()).encode()
        told = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        told |= refusal.headers()
        if refusal.status == 401:
            told["WWW-Authenticate"] = "Bearer"
        headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        send = self._mark(exchange)
        start: dict[str, Any] = {"status": refusal.status, "headers": headers}
        await send({"type": "http.response.start"} | start)
        await send({"type": "http.response.body", "body": body})

    def _note(self, exchange: _Exchange) -> None:
        seconds = time.monotonic() - exchange.began
        method, status = str(exchange.scope["method"]), exchange.status
        known = method if method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT") else "other"
        self._served.counters.count(known, exchange.route, status, seconds)
        client = exchange.scope.get("state", {}).get("client", "unknown")
        log.info("%s %s %d %.0f ms, %s", known, exchange.route, status, seconds * 1000, client)


def _read_key(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    mark = "]" if host.startswith("[") else ":"
    name, found, _ = host.lower().partition(mark)
    return name + found if mark == "]" else name


def _too_long(most: int) -> Refusal:
    return Refusal(413, f"a request may have {most:,} bytes at most", code="request_too_large")
