"""``lineament convert``: foreign checkpoints in; ours out, merged and in one piece."""

import enum
import json
from pathlib import Path
from typing import Annotated

import typer

from lineament.errors import BadInput, MissingExtra


class Kind(enum.StrEnum):
    """What is converted."""

    CLIP = "clip"
    LLAVA = "llava"
    MERGE = "merge"
    CONSOLIDATE = "consolidate"


def convert(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="clip: OpenAI CLIP or FaRL to a face encoder; llava: LLaVA-1.5 to a model; "
            "merge: adapters of a trained model into its weights; consolidate: the shards of a "
            "run of many processes into one model."
        ),
    ],
    source: Annotated[Path, typer.Argument(help="File or folder to read.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Convert a checkpoint of another project, or merge or consolidate one of ours."""
    if not source.exists():
        raise BadInput(f"{source}: no such file or folder", hint="check the path")
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise BadInput(f"{out}: is there already", hint="choose a new folder")
    try:
        from lineament.training import conversion
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "model") from None
    conversions = {
        Kind.CLIP: conversion.convert_clip,
        Kind.LLAVA: conversion.convert_llava,
        Kind.MERGE: conversion.merge_adapters,
        Kind.CONSOLIDATE: conversion.consolidate_shards,
    }
    num_weights = conversions[kind](source, out)
    row = {"kind": str(kind), "source": str(source), "out": str(out), "weights": num_weights}
    print(json.dumps(row) if as_json else f"{out}: {num_weights:,} weights")
