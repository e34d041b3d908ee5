"""``lineament build``: labelled media become verified instruction data."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lineament.cli.progress import show_progress
from lineament.errors import BadInput

if TYPE_CHECKING:
    from lineament.records.build import BuildSettings
    from lineament.records.sources.source import Source

SourceArgument = Annotated[
    str,
    typer.Argument(
        help="A source such as ffhq-features, a build such as favchat-170k, or a recipe (.toml)."
    ),
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the source data.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for the built data set.")]
WriterOption = Annotated[
    str, typer.Option(help="Who writes: template, endpoint (a server) or batch (files).")
]
SplitOption = Annotated[str, typer.Option(help="Split to read; default: the first of the source.")]
KindsOption = Annotated[
    str, typer.Option(help="Kinds of records, with commas; adapted: only the labels themselves.")
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Read at most this many annotations.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="Number of processes.")]
RayOption = Annotated[str, typer.Option("--ray", help="Run on Ray: local, or a cluster address.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Count and estimate only; write and pay nothing.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Another seed gives other texts.")]
MaxTurnsOption = Annotated[
    int, typer.Option(min=1, help="At most this many answers about one annotation.")
]
NeedsMediaOption = Annotated[
    bool, typer.Option("--require-media", help="Drop annotations whose media files are missing.")
]
DropNearOption = Annotated[
    bool,
    typer.Option(
        "--drop-near", help="Drop descriptions that are nearly equal to one of other media."
    ),
]
TagsOption = Annotated[
    bool,
    typer.Option("--tags", help="Begin what labels of aerial scenes are asked as with a task tag."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Option of the writer, as key=value; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def build(
    source: SourceArgument,
    data: DataOption = None,
    out: OutOption = None,
    writer: WriterOption = "template",
    split: SplitOption = "",
    kinds: KindsOption = "",
    limit: LimitOption = None,
    workers: WorkersOption = 1,
    ray: RayOption = "",
    dry_run: DryRunOption = False,
    seed: SeedOption = 0,
    max_turns: MaxTurnsOption = 40,
    require_media: NeedsMediaOption = False,
    drop_near: DropNearOption = False,
    tags: TagsOption = False,
    options: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn labelled pictures and clips into verified instruction data."""
    from lineament.records.build import BuildSettings

    if out is None and not dry_run:
        raise BadInput("--out is missing", hint="say where the data set goes, or --dry-run")
    chosen = find_source(source, data)
    settings = BuildSettings(
        split=split,
        kinds=tuple(kind.strip() for kind in kinds.split(",") if kind.strip()),
        writer=writer,
        seed=seed,
        limit=limit,
        max_turns=max_turns,
        needs_media=require_media,
        drop_near=drop_near,
        use_tags=tags,
        writer_options=tuple(read_option(text) for text in options or ()),
    )
    if dry_run:
        from lineament.records.dry_run import dry_run as estimate

        row = estimate(chosen, data, settings)
    else:
        assert out is not None
        row = run_build(chosen, data, out, settings, workers=workers, ray=ray)
    if as_json:
        print(json.dumps(row))
    else:
        print_build(row)


def find_source(name: str, data: Path | None) -> "Source":
    """Return the source of that name, or the mixture that a recipe file describes.

    Raises:
        BadInput: There is neither.
    """
    if name.endswith(".toml"):
        from lineament.records.mixture import read_mixture

        return read_mixture(Path(name), data)
    from lineament.recipes.builds import BUILDS
    from lineament.records.sources.table import require_source

    return BUILDS[name] if name in BUILDS else require_source(name)


def run_build(
    source: "Source",
    data: Path | None,
    out: Path,
    settings: "BuildSettings",
    *,
    workers: int,
    ray: str,
) -> dict[str, Any]:
    """Run the build with a progress bar and return its JSON."""
    from lineament.records.build import build as build_records

    with show_progress(f"Building {out}", settings.limit or 0) as advance:
        result = build_records(
            source, data, out, settings,
            num_workers=workers, ray_address=ray, on_annotations=advance,
        )  # fmt: skip
    return result.to_dict()


def read_option(text: str) -> tuple[str, str]:
    """Return the two sides of key=value.

    Raises:
        BadInput: There is no equals sign.
    """
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise BadInput(f"--set {text}: expected key=value")
    return key.strip(), value.strip()


def print_build(row: dict[str, Any]) -> None:
    """Print what a build gave, for a person."""
    console = Console()
    if row.get("dry_run"):
        console.print(f"{row['source']}: {row['annotations']:,} annotations (dry run)")
        for key in ("records", "turns"):
            if key in row:
                console.print(f"  about {row[key]:,} {key}", highlight=False)
        if "estimate" in row:
            console.print(f"  estimate: {row['estimate']}", highlight=False)
        _print_counts(console, "dropped", row["dropped"])
        return
    is_old = "was finished before" if row.get("already_there") else f"{row['seconds']:.1f} s"
    console.print(f"[bold]{row['out']}[/bold] ({is_old})", highlight=False, soft_wrap=True)
    for key in ("annotations", "records", "turns", "positive_answers", "negative_answers"):
        console.print(f"  {row[key]:>11,} {key.replace('_', ' ')}", highlight=False)
    media = ", ".join(f"{count:,} {state}" for state, count in row["media"].items() if count)
    console.print(f"  media: {media or 'none'}", highlight=False)
    _print_counts(console, "dropped", row["dropped"])


def _print_counts(console: Console, title: str, counts: dict[str, int]) -> None:
    if not counts:
        return
    console.print(f"  {title}:")
    table = Table(box=None, pad_edge=False, show_header=False)
    for reason, count in counts.items():
        table.add_row("    ", f"{count:,}", reason)
    console.print(table)
