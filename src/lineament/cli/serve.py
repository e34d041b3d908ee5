"""``lineament serve``: the models behind the OpenAI wire, for many clients at once."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineament.config import override
from lineament.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from lineament.serving.engine import Engine
    from lineament.serving.responder import Responder

EXTRAS = {
    "torch": "model",
    "transformers": "model",
    "safetensors": "model",
    "mediapipe": "face",
    "fastapi": "serve",
    "uvicorn": "serve",
    "prometheus_client": "serve",
    "python_multipart": "serve",
}
SMALL_MODEL = 100_000_000  # weights


def serve(
    model: Annotated[
        str, typer.Argument(help="Name of an installed model, or a model folder.")
    ] = "chat-tiny",
    draw: Annotated[
        str | None, typer.Option("--draw", help="Name or folder of a model that draws.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option("--api-key-file", help="File with one key per line; a key is then needed."),
    ] = None,
    allow_anyone: Annotated[
        bool, typer.Option("--allow-anyone", help="Let other machines ask without a key.")
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Host from which media may be fetched.")
    ] = None,
    allow_folder: Annotated[
        list[Path] | None,
        typer.Option("--allow-folder", help="Folder whose media file: URLs may name."),
    ] = None,
    answerer: Annotated[
        str, typer.Option("--answerer", help="Who answers: model, or rule (face landmarks only).")
    ] = "model",
    replicas: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Number of engines, each a process of Ray Serve."),
    ] = None,
    ray: Annotated[
        str, typer.Option("--ray", help="Where replicas run: local, or a cluster address.")
    ] = "",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, such as media.max_seconds=300."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print all settings as JSON and exit.")
    ] = False,
    log: Annotated[
        bool, typer.Option("--log", help="Write one line per request to stderr.")
    ] = False,
) -> None:
    """Serve chat, annotations, checks and drawings over HTTP.

    The address is printed on stdout. The API is that of OpenAI; the address is also a web page.
    """
    require_extras()
    from lineament.serving.keys import Keys
    from lineament.serving.server import bind, is_loopback, run_app
    from lineament.serving.settings import ServeSettings

    settings = override(ServeSettings(), assignments or [])
    if show:
        print(settings.model_dump_json(indent=2))
        return
    if answerer not in ("model", "rule"):
        raise BadInput(f"--answerer: expected model or rule, got {answerer!r}")
    for folder in allow_folder or []:
        if not folder.is_dir():
            raise BadInput(f"{folder}: is no folder", hint="--allow-folder takes one")
    keys = None if api_key_file is None else Keys.read(api_key_file)
    if keys is None and not is_loopback(host) and not allow_anyone:
        raise BadInput(
            f"--host {host}: other machines could ask without a key",
            hint="give --api-key-file FILE, or say --allow-anyone",
        )
    if log or settings.log_prompts:
        logging.getLogger("lineament.serving").setLevel(logging.INFO)
    where = f"[{host}]" if ":" in host else host
    with bind(host, port) as listener:  # what is wrong with the command comes before anything slow
        chosen = model if answerer == "model" else None
        engine: Responder
        if replicas is None and not ray:
            engine, prepare = open_engine(chosen, draw, settings)
        else:
            engine, prepare = open_replicas(chosen, draw, settings, replicas or 1, ray or "local")
        from lineament.serving.app import LOOPBACK_NAMES, make_app

        app = make_app(
            engine,
            keys=keys,
            names=LOOPBACK_NAMES if is_loopback(host) else None,
            hosts=allow_host or (),
            folders=allow_folder or (),
        )
        print(f"http://{where}:{listener.getsockname()[1]}", flush=True)
        print(f"serving {engine.name}; Ctrl+C ends", file=sys.stderr)
        with suppress(KeyboardInterrupt):
            run_app(app, listener, prepare=prepare)


def require_extras() -> None:
    """Say what is not installed before anything is loaded.

    Raises:
        MissingExtra: Naming the package and how to get it.
    """
    from importlib.util import find_spec

    for package, extra in EXTRAS.items():
        if find_spec(package) is None:
            raise MissingExtra(package, extra)


def open_replicas(
    model: str | None, draw: str | None, settings: Any, count: int, address: str
) -> tuple["Responder", Callable[[], None]]:
    """Connect to Ray; returns what stands for all replicas, and what starts them.

    Raises:
        BadModel: There is no such model.
        MissingExtra: Ray is not installed.
        BadInput: There is no cluster at that address.
    """
    from functools import partial

    from lineament.model.hub import find_folder
    from lineament.serving.replica import widen
    from lineament.serving.replicas import Replicas

    # What is wrong with a name is said here; and a replica's own folder is another one.
    model, draw = (
        str(Path(name).resolve()) if name is not None and find_folder(name) == Path(name) else name
        for name in (model, draw)
    )
    name = "rule" if model is None else Path(model).name
    make_engine = partial(open_ready_engine, model, draw, widen(settings))
    made = Replicas(make_engine, count, settings, name=name, address=address)
    return made, made.start


def open_ready_engine(model: str | None, draw: str | None, settings: Any) -> "Engine":
    """Load the models and wait until requests are answered at once."""
    engine, prepare = open_engine(model, draw, settings)
    prepare()
    return engine


def open_engine(
    model: str | None, draw: str | None, settings: Any
) -> tuple["Engine", Callable[[], None]]:
    """Load the models and start what looks; returns the engine, and what to wait for.

    Raises:
        BadModel: There is no such model, or it is damaged.
    """
    import torch

    from lineament.cli.progress import hide_loading_bars
    from lineament.model.hub import load
    from lineament.serving.artist import Artist
    from lineament.serving.engine import Engine
    from lineament.serving.looker_process import ProcessLooker

    hide_loading_bars()
    loaded = None if model is None else load(model)
    if loaded is None or loaded.model.num_parameters() < SMALL_MODEL:
        torch.set_num_threads(1)  # as for `lineament chat`
    artist = None if draw is None else Artist(draw)
    looker = ProcessLooker(settings.media, num_processes=settings.num_lookers)
    name = "rule" if model is None else Path(model).name
    return Engine(loaded, looker, settings, artist=artist, name=name), looker.wait_until_ready
