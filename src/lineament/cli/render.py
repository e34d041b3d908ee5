"""``lineament render``: synthetic clips and pictures with their annotations."""

import enum
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from lineament.cli.progress import show_progress
from lineament.errors import BadInput
from lineament.vocabulary import Value, read_vocabulary

ANNOTATIONS = "annotations.jsonl"


class Kind(enum.StrEnum):
    """What can be drawn."""

    FACES = "faces"
    SCENES = "scenes"


class Style(enum.StrEnum):
    """How it is drawn."""

    SHADED = "shaded"
    FLAT = "flat"


def render(
    out: Annotated[Path, typer.Argument(help="The folder to write into.")],
    count: Annotated[int, typer.Option(min=1, help="How many to draw.")] = 10,
    kind: Annotated[Kind, typer.Option(help="What to draw.")] = Kind.FACES,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the others follow.")] = 0,
    style: Annotated[
        Style, typer.Option(help="Like a photograph (shaded) or a cartoon (flat).")
    ] = (Style.SHADED),
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side length in pixels.")] = 256,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Draw pictures instead of clips.")
    ] = False,
    require: Annotated[
        list[str] | None,
        typer.Option(help="Fact that must hold, such as wearing_hat or male=false."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes; default: all cores.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw faces or aerial scenes from annotations, and write both."""
    if kind is Kind.FACES and str(out) == Kind.SCENES:
        raise BadInput(
            "out: 'scenes' would be a folder of faces",
            hint="--kind scenes draws scenes; ./scenes is a folder of that name",
        )
    if kind is Kind.SCENES and style is Style.FLAT:
        raise BadInput("style: scenes are drawn in one style", hint="leave --style out")
    required = read_requirements(require or [])
    began = perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    draw: Callable[[int], str] = partial(draw_scene_one, out=out, size_px=size, required=required)
    if kind is Kind.FACES:
        draw = partial(
            draw_one, out=out, style=str(style), size_px=size, is_picture=pictures,
            required=required,
        )  # fmt: skip
    num_workers = min(workers or len(os.sched_getaffinity(0)), count)
    first = draw(seed)  # alone, so that wrong requirements end here with one clear error
    rest = range(seed + 1, seed + count)
    with (
        show_progress(f"Drawing into {out}", count) as advance,
        (out / ANNOTATIONS).open("w", encoding="utf-8") as lines,
    ):
        for number, line in enumerate(chain([first], _map(draw, rest, num_workers)), start=1):
            lines.write(line + "\n")
            advance(number)
    seconds = round(perf_counter() - began, 2)
    if as_json:
        row = {"out": str(out), "count": count, "kind": str(kind), "seed": seed}
        print(json.dumps(row | {"style": str(style), "seconds": seconds}))
    else:
        what = "pictures" if pictures or kind is Kind.SCENES else "clips"
        print(f"{out}: {count} {what} and {ANNOTATIONS}, in {seconds:g} s")


def draw_one(
    seed: int,
    *,
    out: Path,
    style: str,
    size_px: int,
    is_picture: bool,
    required: Mapping[str, Value],
) -> str:
    """Draw one face into the folder and return its annotation as a line of JSON."""
    from dataclasses import replace

    from PIL import Image

    from lineament.render import draw_clip, sample_face
    from lineament.video import write_clip

    annotation = sample_face(seed, require=required, is_picture=is_picture)
    name = f"{seed:08d}.{'png' if is_picture else 'mp4'}"
    annotation = replace(annotation, media=name)
    style_name: Any = style
    frames, _ = draw_clip(annotation, style=style_name, size_px=size_px, seed=seed)
    if is_picture:
        Image.fromarray(frames[0]).save(out / name)
    else:
        write_clip(out / name, frames, fps=annotation.fps)
    return json.dumps(annotation.to_dict())


def draw_scene_one(seed: int, *, out: Path, size_px: int, required: Mapping[str, Value]) -> str:
    """Draw one aerial scene into the folder and return its annotation as a line of JSON."""
    from dataclasses import replace

    from PIL import Image

    from lineament.render.scenes import draw_scene, sample_scene

    annotation = sample_scene(seed, require=required, size_px=size_px)
    name = f"{seed:08d}.png"
    annotation = replace(annotation, media=name)
    Image.fromarray(draw_scene(annotation, size_px=size_px, seed=seed)).save(out / name)
    return json.dumps(annotation.to_dict())


def read_requirements(texts: list[str]) -> dict[str, Value]:
    """Read ``name`` and ``name=value`` as facts that must hold.

    Raises:
        BadInput: A name is unknown, or a value is none of its own.
    """
    vocabulary = read_vocabulary()
    required: dict[str, Value] = {}
    for text in texts:
        name, _, value = text.partition("=")
        entry = vocabulary.require(vocabulary.negatives.get(name, name))
        if entry.kind == "flag":
            flags = {"": True, "true": True, "false": False}
            if value.lower() not in flags:
                raise BadInput(f"--require {text}: {name} is true or false")
            required[name] = flags[value.lower()]
        elif value in entry.choices:
            required[name] = value
        else:
            choices = ", ".join(entry.choices) or "nothing that can be required"
            raise BadInput(f"--require {text}: {name} is one of {choices}")
    return required


def _map(draw: Callable[[int], str], seeds: range, num_workers: int) -> Any:
    if num_workers == 1 or len(seeds) < 2:
        return map(draw, seeds)
    return _map_in_processes(draw, seeds, num_workers)


def _map_in_processes(draw: Callable[[int], str], seeds: range, num_workers: int) -> Any:
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_call, repeat(draw), seeds, chunksize=4)


def _call(draw: Callable[[int], str], seed: int) -> str:
    return draw(seed)
