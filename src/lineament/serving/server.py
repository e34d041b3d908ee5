"""The server: an app on a socket, until it is told to stop."""

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from lineament.errors import BadInput, LineamentError
from lineament.serving.served import Served
from lineament.serving.ticket import ServerStopped

log = logging.getLogger(__name__)

HEADER_BYTES = 32_768
KEEP_ALIVE_SECONDS = 15
STOP_SECONDS = 10


def bind(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes any that is free.

    Raises:
        BadInput: It cannot be taken.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise BadInput(
            f"{host}:{port}: cannot listen there ({reason})", hint="choose another --port"
        ) from None


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_server(app: FastAPI, max_connections: int) -> uvicorn.Server:
    """Return a server that has not begun yet."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # the shield writes one without what clients put into paths
        server_header=False,
        proxy_headers=False,  # or anybody on this machine could ask in another client's name
        http="h11",  # refuses what two readers of one request could read in two ways
        ws="none",
        lifespan="on",
        limit_concurrency=max_connections,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return uvicorn.Server(config)


def run_app(app: FastAPI, listener: socket.socket, *, prepare: Callable[[], None]) -> None:
    """Serve until a signal says stop.

    Args:
        app: From `make_app`.
        listener: From `bind`.
        prepare: Runs beside the first requests; the app is ready when it returns.
    """
    served: Served = app.state.served
    served.is_ready = False

    def get_ready() -> None:
        try:
            prepare()
        except ServerStopped:
            return
        except LineamentError as error:
            log.error("not ready: %s", error.message)
            return
        served.is_ready = True

    threading.Thread(target=get_ready, daemon=True).start()
    make_server(app, served.settings.max_connections).run(sockets=[listener])
