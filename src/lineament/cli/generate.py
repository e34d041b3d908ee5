"""``lineament generate``: faces from words, and faces changed by words."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lineament.cli.progress import hide_loading_bars, show_progress
from lineament.errors import BadInput


def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw, in English.")],
    out: Annotated[Path, typer.Option("--out", help="The .png, .jpg or .webp file to write.")],
    count: Annotated[int, typer.Option(help="How many; several are numbered.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the first one; the same face again.")] = 0,
    model: Annotated[str, typer.Option(help="An installed model, or a folder.")] = "draw-tiny",
    steps: Annotated[int, typer.Option(help="Passes of the network for each face.")] = 16,
    guidance: Annotated[float, typer.Option(help="How strictly to follow the words.")] = 1.75,
    edit: Annotated[
        Path | None, typer.Option("--edit", help="Change this face crop instead.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Part to draw anew: left,top,right,bottom in 0..1.")
    ] = None,
    visible_mark: Annotated[
        bool, typer.Option("--visible-mark", help="Also say in the picture that it was drawn.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw faces from words; every file is marked as drawn by a model."""
    from lineament.describe import draw

    box = None if region is None else read_region(region)
    if edit is None and box is not None:
        raise BadInput("--region needs a picture", hint="--edit FACE.png --region 0,0,1,0.4")
    if edit is not None and count != 1:
        raise BadInput(f"--count {count}: one picture is edited at a time", hint="leave it out")
    draw.read_face_prompt(prompt)  # what is wrong with the command comes before anything slow
    draw.number_files(out, count)
    draw.check_seed(seed, count)
    if edit is not None:
        draw.read_picture(edit)
    hide_loading_bars()
    settings = draw.make_settings(steps, guidance)
    loaded = draw.load_model(model)
    if edit is not None:
        drawn = draw.edit_face(
            edit,
            prompt,
            out,
            region=box,
            seed=seed,
            model=loaded,
            settings=settings,
            is_visibly_marked=visible_mark,
        )
    else:
        with show_progress(f"Drawing {out.name}", count) as advance:
            drawn = draw.draw_faces(
                prompt,
                out,
                count=count,
                seed=seed,
                model=loaded,
                settings=settings,
                is_visibly_marked=visible_mark,
                report_done=advance,
            )
    if as_json:
        print(json.dumps(drawn.to_dict()))
        return
    console = Console(stderr=True)
    for note in drawn.notes():
        console.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
    for path in drawn.files:
        print(path)


def read_region(text: str) -> tuple[float, float, float, float]:
    """Read ``left,top,right,bottom``.

    Raises:
        BadInput: It is no box within 0..1.
    """
    from lineament.describe.draw import check_region

    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"--region {text}: expected four numbers", hint="left,top,right,bottom: 0,0,1,0.4"
        ) from None
    box = (left, top, right, bottom)
    check_region(box)
    return box
