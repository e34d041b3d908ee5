"""``lineament eval paper:NAME``: a paper's testable sentences, their figures and ours."""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineament.evaluation.papers import (
    NOTE,
    Paper,
    find_results,
    read_paper,
    show_ends,
    show_value,
    write_paper_page,
)

RESULT, PAGE = "result.json", "index.html"


def show_paper(name: str, data: Path | None, out: Path | None, *, as_json: bool) -> None:
    """Print a paper's table, and with a folder write its JSON and its page.

    Args:
        name: ``paper:favchat`` and the like.
        data: The folder of result files; the repository's own when left out.
        out: Where ``result.json`` and ``index.html`` go.
        as_json: Print one JSON object instead of the table.

    Raises:
        BadInput: There is no such paper, or a result file is damaged.
    """
    paper = read_paper(name, find_results(data))
    row = paper.to_dict()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / RESULT).write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        page = write_paper_page(out / PAGE, paper)
        Console(stderr=True).print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(row))
    else:
        print_paper(paper)


def print_paper(paper: Paper) -> None:
    """Print the table for a person."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(box=None, pad_edge=False, header_style="dim", show_lines=False)
    for heading in ("", "sentence", "theirs", "ours", "status"):
        table.add_column(heading, overflow="fold")
    for number, row in enumerate(paper.sentences, start=1):
        theirs = "\n".join(f"{t.value:.10g}  {t.name}" for t in row.theirs) or "no figure given"
        ours = "\n".join(
            f"{show_value(own)}{f' ({ends})' if (ends := show_ends(own)) else ''}  {own.name}"
            for own in row.ours
        )
        status = row.status + (f"\ncaution: {row.caution}" if row.caution else "")
        table.add_row(str(number), _plain(row.says), _plain(theirs), _plain(ours), _plain(status))
    console.print(paper.title, markup=False, highlight=False)
    console.print(table)
    console.print(NOTE, markup=False, highlight=False)


def _plain(text: str) -> str:
    return escape(text)  # brackets of intervals are no markup
