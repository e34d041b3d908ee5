"""Figures on the terminal: one table of metrics, and those by level and by frames."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from lineament.evaluation.basis import say_basis
from lineament.evaluation.table_rows import (
    changed_answers,
    frame_rows,
    level_rows,
    show_interval,
    show_value,
)

if TYPE_CHECKING:
    from lineament.evaluation.result import Result

_FIGURE = ("value", "95 %", "prior", "n")
_BETWEEN = "-"
SHOWN_FAILURES = 5


def print_result(result: "Result") -> None:
    """Print the figures for a person."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    blind = (result.about.get("blind") or {}).get("metrics", {})
    compared: dict[str, dict] = result.about.get("compared") or {}
    table = Table(box=None, pad_edge=False, header_style="dim")
    heads = ["metric", *_FIGURE, "pos", "denied", "agree", "yes-bias"]
    heads += ["blind"] if blind else []
    heads += list(compared)
    for place, heading in enumerate(heads):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    headline = result.about.get("headline")
    for name, figure in result.scores.figures.items():
        cells = [
            f"[bold]{name}[/bold]" if name == headline else name,
            show_value(figure.value), show_interval(figure.low, figure.high, _BETWEEN),
            show_value(figure.prior),
            str(figure.num_items or ""),
            "" if figure.num_positives is None else str(figure.num_positives),
            *(show_value(figure.extra.get(key)) for key in ("denied", "agreement", "yes_bias")),
        ]  # fmt: skip
        cells += [_show_other(blind.get(name))] if blind else []
        cells += [_show_other(other["metrics"].get(name)) for other in compared.values()]
        table.add_row(*cells)
    console.print(
        f"{result.task}: {result.model}, {result.num_items} items", markup=False, highlight=False
    )
    console.print(table)
    print_tables(result.scores.tables, console)
    for key in ("excluded", "dropped"):
        for reason, number in (result.about.get(key) or {}).items():
            console.print(f"{key}: {number} {reason}", markup=False, highlight=False)
    print_failures(result.about.get("failures") or {}, console)
    if result.scores.unread_ids:
        number = len(result.scores.unread_ids)
        console.print(f"unread, counted as wrong: {number}", markup=False, highlight=False)
    for line in say_basis(result):
        console.print(line, markup=False, highlight=False)


def print_failures(failures: Mapping[str, str], console: Console) -> None:
    """Print how many questions have no answer, the first few, and how many more there are."""
    if not failures:
        return
    lines = [f"failed, counted as wrong: {len(failures)}"]
    lines += [f"  {name}: {why}" for name, why in list(failures.items())[:SHOWN_FAILURES]]
    if (more := len(failures) - SHOWN_FAILURES) > 0:
        lines.append(f"  and {more} more; --json and result.json list all")
    for line in lines:
        console.print(line, markup=False, highlight=False)


def print_tables(tables: Mapping[str, Any], console: Console) -> None:
    """Print scores by level, with fewer frames, and with frames out of order."""
    if tables.get("levels"):
        table = _start_table("level", "metric", *_FIGURE, "blind")
        console.print(_fill_table(table, level_rows(tables["levels"], _BETWEEN)))
    for key, title in (("frames", "frames kept"), ("shuffled", "frames")):
        if tables.get(key):
            levels, lines = frame_rows(tables[key], _BETWEEN)
            table = _start_table(title, "metric", *_FIGURE, "all minus it", *levels)
            console.print(_fill_table(table, lines))
    for name, row in changed_answers(tables.get("shuffled") or {}).items():
        value, ends = show_value(row["value"]), show_interval(row["low"], row["high"], _BETWEEN)
        line = f"answers {name}: {value} ({ends}), prior 0, n {row['num_items']}"
        console.print(line, markup=False, highlight=False)


def _start_table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(heads):
        table.add_column(heading, justify="left" if place < 2 else "right", no_wrap=True)
    return table


def _fill_table(table: Table, lines: Iterable[Sequence[str]]) -> Table:
    for line in lines:
        table.add_row(*line)
    return table


def _show_other(figure: dict | None) -> str:
    return "" if figure is None else show_value(figure["value"])
