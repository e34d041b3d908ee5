"""``lineament annotate``: faces, tracks and timed facts of a clip, or of a folder of them."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineament.annotation import Annotation
from lineament.cli.progress import show_progress
from lineament.errors import BadInput

MediaArgument = Annotated[Path, typer.Argument(help="A clip, a picture, or a folder of them.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write an HTML page into this folder.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="For a folder of media: where the store lies.")
]
LandmarkerOption = Annotated[
    Path | None,
    typer.Option("--landmarker", help="A face_landmarker.task file to use instead of our finder."),
]
ModelOption = Annotated[
    str, typer.Option("--model", help="A model of aerial scenes, to ask it what a picture shows.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; all cores by default.")
]


def annotate(
    media: MediaArgument,
    as_json: JsonOption = False,
    report: ReportOption = None,
    out: OutOption = None,
    workers: WorkersOption = None,
    landmarker: LandmarkerOption = None,
    model: ModelOption = "",
) -> None:
    """Find the faces of a clip or picture and say what they do when; or what a scene holds."""
    if os.path.isdir(media):  # unlike Path.is_dir, never fails on an impossible name
        for name, given in (("--report", report), ("--landmarker", landmarker), ("--model", model)):
            if given:
                raise BadInput(
                    f"{name} is for a single clip or picture, {media} is a folder",
                    hint="annotate its files one by one, or leave the option out",
                )
        _annotate_folder(media, out, as_json=as_json, workers=workers)
        return
    if out is not None:
        raise BadInput("--out is for a folder of media", hint="use --report for a single clip")
    from lineament.describe.annotate import annotate_clip
    from lineament.faces.mesh import MeshFinder
    from lineament.faces.tasks import TaskFinder
    from lineament.records.sources.scenes.rasters import open_shown

    clip = open_shown(media)
    make_finder = partial(TaskFinder, landmarker) if landmarker else MeshFinder
    with show_progress(f"Looking at {media.name}", clip.duration_seconds) as advance:
        if model:
            from lineament.describe.scene_model import look_by_model

            annotated = look_by_model(model, media)
        else:
            annotated = annotate_clip(
                media, make_finder=make_finder, num_workers=workers, on_frame=advance
            )
    if report is not None:
        from lineament.describe.page import write_report

        page = write_report(annotated, report)
        Console(stderr=True).print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(annotated.annotation.to_dict()))
    else:
        print_annotation(annotated.annotation)


def print_annotation(annotation: Annotation) -> None:
    """Print the annotation for a person."""
    from lineament.claims.scenes_objects import is_scene
    from lineament.describe.page import summarise, words

    console = Console()
    console.print(
        f"[bold]{escape(annotation.media)}[/bold]: {escape(summarise(annotation))}",
        highlight=False,
        soft_wrap=True,
    )
    if is_scene(annotation):
        print_scene(console, annotation)
        return
    for subject in annotation.subjects:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("", "from", "to", "validated on"):
            table.add_column(heading, justify="right" if heading in ("from", "to") else "left")
        facts = annotation.facts_of(subject.id)
        for fact in sorted(facts, key=lambda f: (f.span_seconds or (-1.0, 0.0), f.name)):
            start, stop = fact.span_seconds or (None, None)
            value = "" if fact.value is True else f" {fact.value}"
            table.add_row(
                f"  {words(fact.name)}{value}",
                "" if start is None else f"{start:.2f} s",
                "" if stop is None else f"{stop:.2f} s",
                fact.validated,
            )
        seen = ""
        if annotation.duration_seconds:
            seen = f", in view {subject.start_seconds:.2f} to {subject.stop_seconds:.2f} s"
        console.print(f"{subject.id}{seen}", highlight=False)
        console.print(table)


def print_scene(console: Console, annotation: Annotation) -> None:
    """Print a row for each object of a scene."""
    from lineament.describe.scene_page import HEADINGS, UNMEASURED, scene_rows

    table = Table(box=None, pad_edge=False, header_style="dim")
    shown = [place for place, heading in enumerate(HEADINGS) if heading != "box"]  # too wide
    for place in shown:
        table.add_column(HEADINGS[place])
    rows = scene_rows(annotation)
    for row in rows:
        table.add_row(*(escape(row[place]) for place in shown))
    if rows:
        console.print(table)
    if any(fact.validated == "none" for fact in annotation.facts):
        console.print(f"validated on {UNMEASURED}", style="dim", highlight=False)


def _annotate_folder(folder: Path, out: Path | None, *, as_json: bool, workers: int | None) -> None:
    if out is None:
        raise BadInput(f"{folder}: is a folder", hint="say where to keep the results: --out STORE")
    from lineament.describe.folder import annotate_folder

    num_workers = workers or len(os.sched_getaffinity(0))
    with show_progress(f"Annotating {folder}", 1.0) as advance:
        result = annotate_folder(
            folder, out, num_workers=num_workers, on_file=lambda done, total: advance(done / total)
        )
    row = {
        "out": str(out),
        "done": result.done,
        "already_there": result.already_there,
        "failed": result.failed,
    }
    if as_json:
        print(json.dumps(row))
        return
    print(f"{out}: {result.done} annotated, {result.already_there} already there")
    for path, reason in result.failed.items():
        print(f"  not readable: {path}: {reason.removeprefix(path).removeprefix(': ')}")
