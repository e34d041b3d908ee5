"""The app: all routes, behind the shield, with errors in OpenAI's shape."""

import re
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from lineament.errors import LineamentError
from lineament.serving import routes_chat, routes_draw, routes_media, routes_page
from lineament.serving.counters import Counters
from lineament.serving.keys import Keys, RateLimit
from lineament.serving.media_desk import MediaDesk
from lineament.serving.remote import FolderMedia, RemoteMedia
from lineament.serving.replies import Refusal, refuse_error
from lineament.serving.responder import Responder
from lineament.serving.served import Served, UnknownModel, served_of
from lineament.serving.shield import Shield
from lineament.serving.spool import Spool
from lineament.serving.uploads import Uploads

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "request_too_large",
    429: "queue_full",
}
_FIELD = re.compile(r"[a-z_]+")
_PARAM = re.compile(r"[a-z_]+(?:\[\d+\]|\.[a-z_]+)*(?=: )")


def make_app(
    engine: Responder,
    *,
    keys: Keys | None = None,
    names: Collection[str] | None = LOOPBACK_NAMES,
    hosts: Sequence[str] = (),
    folders: Sequence[Path] = (),
    remote: RemoteMedia | None = None,
) -> FastAPI:
    """Make the app around an engine, which ends with it.

    Args:
        engine: Answers, looks and draws.
        keys: Who may ask; everybody when left out.
        names: By which the server is addressed; None for any.
        hosts: From which media may be fetched.
        folders: From which ``file:`` media may be read.
        remote: Fetches media instead of what ``hosts`` would make.
    """
    settings = engine.settings
    most = settings.media.max_bytes
    spool = Spool(settings.upload_bytes)
    served = Served(
        engine=engine,
        desk=MediaDesk(
            spool,
            Uploads(spool, settings.file_seconds),
            remote or RemoteMedia(hosts, max_bytes=most),
            FolderMedia(folders, max_bytes=most),
            max_bytes=most,
        ),
        settings=settings,
        counters=Counters(engine.measure),
        keys=keys,
        rate=RateLimit(settings.rate_per_minute),
        started=time.time(),
    )

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()
        spool.close()

    app = FastAPI(
        title="Lineament",
        version=version("lineament"),
        lifespan=live,
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.served = served
    for routes in (routes_chat, routes_media, routes_draw, routes_page):
        app.include_router(routes.router)
    _add_watch(app)
    app.add_exception_handler(LineamentError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_middleware(Shield, served=served, names=names)  # type: ignore[arg-type]
    return app


def _add_watch(app: FastAPI) -> None:
    """Add what is asked by those who watch the server."""

    @app.get("/healthz")
    async def is_alive() -> dict[str, str]:
        """Say that the process runs."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def is_ready(request: Request) -> Response:
        """Say whether requests are answered at once."""
        served = served_of(request)
        if served.is_ready and served.engine.is_running:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "starting"}, 503, {"Retry-After": "2"})

    @app.get("/metrics")
    async def tell_counters(request: Request) -> Response:
        """Tell the counters to Prometheus."""
        return PlainTextResponse(served_of(request).counters.write())


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, LineamentError)
    param = _PARAM.match(error.message)
    refusal = refuse_error(error, param=param[0] if param else None)
    if isinstance(error, UnknownModel):
        refusal = replace(refusal, status=404, code="model_not_found", param="model")
    return _respond(refusal)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    """Name the field that is wrong; what was sent in it is not repeated."""
    assert isinstance(error, RequestValidationError)
    found: Any = max(error.errors(), key=lambda row: len(row["loc"]))
    if found["type"] == "json_invalid":
        return _respond(Refusal(400, "the body is no JSON", code="invalid_json"))
    param = _name_field(found["loc"])
    said = "is not known here" if found["type"] == "extra_forbidden" else found["msg"].lower()
    message = f"{param}: {said}" if param else "a JSON body is expected"
    return _respond(Refusal(400, message, code="invalid_value", param=param or None))


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    kind = "rate_limit_error" if status == 429 else "invalid_request_error"
    refusal = Refusal(status, str(error.detail).lower(), kind, HTTP_CODES.get(status))
    return _respond(refusal, dict(error.headers or {}))


def _name_field(place: Sequence[str | int]) -> str:
    """Return ``messages[0].content`` for where pydantic found something."""
    named = ""
    for part in place[1:]:
        if isinstance(part, int):
            named += f"[{part}]"
        elif _FIELD.fullmatch(part):
            named += f".{part}" if named else part
    return named


def _respond(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(refusal.to_dict(), refusal.status, (headers or {}) | refusal.headers())
