"""``lineament data``: look at, verify, convert and browse built data sets."""

import enum
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lineament.cli.progress import show_progress
from lineament.errors import BadInput

if TYPE_CHECKING:
    from lineament.annotation import Annotation
    from lineament.records.sources.source import Dropped
    from lineament.records.store import RecordStore

app = typer.Typer(
    help="Look at, verify, convert and browse a built data set.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
FolderArgument = Annotated[Path, typer.Argument(help="The folder of a built data set.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
MediaOption = Annotated[Path | None, typer.Option("--data", help="Folder of the media.")]


class Layout(enum.StrEnum):
    """What others read."""

    LLAVA = "llava"
    SHAREGPT = "sharegpt"


@app.command("stats")
def stats(
    folder: FolderArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for a data card and plots.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Count records, lengths, facts, levels, and what was left out."""
    from lineament.records.statistics import count_store, write_card, write_plots
    from lineament.records.store import RecordStore

    counted = count_store(RecordStore(folder))
    row: dict[str, Any] = counted.to_dict() | {"cost": read_cost(folder)}
    if out is not None:
        files = [write_card(counted, out), *write_plots(counted, out)]
        row["files"] = [str(path) for path in files]
    if as_json:
        print(json.dumps(row))
        return
    console = Console()
    for key, value in row.items():
        if isinstance(value, Mapping):
            print_mapping(console, key, value)
        else:
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            console.print(f"{key.replace('_', ' ')}: {shown}", highlight=False, markup=False)


def read_cost(folder: Path) -> float:
    """Return what the ledger of a build says was paid; 0 where there is none."""
    from lineament.records.ledger import FILE, Ledger

    if not (folder / FILE).is_file():
        return 0.0
    with Ledger(folder / FILE) as ledger:
        return round(ledger.spent().cost, 6)


def print_mapping(console: Console, title: str, rows: Mapping[str, Any]) -> None:
    """Print a heading and a table of two columns."""
    console.print(f"{title.replace('_', ' ')}:", highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, value in islice(rows.items(), 40):
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
        table.add_row("  ", shown, str(key))
    console.print(table)


@app.command("verify")
def verify(
    folder: FolderArgument,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the source, to judge claims by its labels."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Another data set, which must share no person.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read every answer back; with --data, judge every claim by the labels."""
    from lineament.records.audit import audit_store, find_shared_people
    from lineament.records.store import RecordStore

    store = RecordStore(folder)
    store.check_hashes()
    annotations = None if data is None else read_source(store, data)
    row = audit_store(store, annotations).to_dict()
    if against is not None:
        row["shared_people"] = len(find_shared_people(store, RecordStore(against)))
    if as_json:
        print(json.dumps(row))
    else:
        console = Console()
        for key in ("records", "claims", "supported", "contradicted", "unsupported"):
            console.print(f"{row[key]:>11,} {key}", highlight=False)
        if "shared_people" in row:
            console.print(f"{row['shared_people']:>11,} people shared with {against}")
        if row["faults"]:
            print_mapping(console, "faults", row["faults"])
        for example in row["examples"][:5]:
            console.print(
                f"  {example['id']}: {example['reason']}: {example['detail']}", markup=False
            )
    if row["faults"] or row.get("shared_people"):
        raise typer.Exit(1)


def read_source(store: "RecordStore", data: Path) -> "Iterator[Annotation | Dropped]":
    """Return the annotations from which a store was built.

    Raises:
        BadInput: The manifest does not say from which source it was built.
    """
    from lineament.records.sources.table import require_source

    about = store.manifest.about
    if "source" not in about or "split" not in about:
        raise BadInput(f"{store.folder}: the manifest names no source", hint="leave out --data")
    return require_source(str(about["source"])).read(data, str(about["split"]))


@app.command("export")
def export(
    folder: FolderArgument,
    layout: Annotated[Layout, typer.Argument(help="Layout of the JSON.")],
    out: Annotated[Path, typer.Option("--out", help="The JSON file to write.")],
    best: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Keep only this share, the best by quality.")
    ] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Write a data set as LLaVA or ShareGPT JSON."""
    from lineament.records.exchange import write_exchange
    from lineament.records.quality import choose_best
    from lineament.records.store import RecordStore

    store = RecordStore(folder)
    records = iter(store)
    if best < 1.0:
        chosen = set(choose_best(store.column("quality"), best))
        records = (record for row, record in enumerate(store) if row in chosen)
    count = write_exchange(out, records, str(layout))  # type: ignore[arg-type]
    row = {"out": str(out), "layout": str(layout), "records": count}
    print(json.dumps(row) if as_json else f"{out}: {count:,} records")


@app.command("import")
def import_json(
    file: Annotated[Path, typer.Argument(help="LLaVA or ShareGPT JSON, or JSON Lines.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the data set.")],
    as_json: JsonOption = False,
) -> None:
    """Read LLaVA or ShareGPT JSON into a data set, unchanged and unchecked."""
    from lineament.records.exchange import read_exchange
    from lineament.records.record import Record
    from lineament.records.store import write_records

    dropped: Counter[str] = Counter()
    rows = read_exchange(file)
    first = list(islice(rows, 1))  # a file that cannot be read ends here, before --out is made

    def records() -> Iterator[Record]:
        for row in chain(first, rows):
            if isinstance(row, Record):
                yield row
            else:
                dropped[row.reason] += 1

    manifest = write_records(out, records(), {"source": file.name})
    row = {"out": str(out), "records": manifest.num_rows, "dropped": dict(dropped)}
    print(
        json.dumps(row)
        if as_json
        else f"{out}: {manifest.num_rows:,} records, dropped {dropped.total():,}"
    )


@app.command("show")
def show(
    folder: FolderArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder for index.html.")],
    data: MediaOption = None,
    first: Annotated[int, typer.Option(min=0, help="Row to start at, from 0.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=2000, help="Number of rows.")] = 60,
    kind: Annotated[str, typer.Option(help="Only records of this kind.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Write a page of records with their pictures."""
    from lineament.records.gallery import write_gallery
    from lineament.records.store import RecordStore

    store = RecordStore(folder)
    rows = range(min(first, len(store)), len(store))
    chosen: list[int] = list(islice(rows, count))
    if kind:
        kinds = store.column("kind")
        if kind not in kinds:
            raise BadInput(
                f"no record of kind {kind!r}", hint=f"kinds: {', '.join(sorted(set(kinds)))}"
            )
        chosen = list(islice((row for row in rows if kinds[row] == kind), count))
    with show_progress("Drawing the page", 1.0):
        path = write_gallery(store.read_rows(chosen), out, f"{folder}", data)
    row = {"page": str(path), "records": len(chosen)}
    print(json.dumps(row) if as_json else f"{path}: {len(chosen)} records")
