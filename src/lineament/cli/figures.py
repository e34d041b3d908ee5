"""Figures on the terminal: one table of metrics, and those by level and by frames."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from lineament.evaluation.result import Result


def print_result(result: "Result") -> None:
    """Print the figures for a person."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    blind = (result.about.get("blind") or {}).get("metrics", {})
    compared: dict[str, dict] = result.about.get("compared") or {}
    table = Table(box=None, pad_edge=False, header_style="dim")
    heads = ["metric", "value", "95 %", "prior", "n", "pos", "denied", "agree", "yes-bias"]
    heads += ["blind"] if blind else []
    heads += list(compared)
    for place, heading in enumerate(heads):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    headline = result.about.get("headline")
    for name, figure in result.scores.figures.items():
        cells = [
            f"[bold]{name}[/bold]" if name == headline else name,
            _show(figure.value), _show_pair(figure.low, figure.high), _show(figure.prior),
            str(figure.num_items or ""),
            "" if figure.num_positives is None else str(figure.num_positives),
            *(_show(figure.extra.get(key)) for key in ("denied", "agreement", "yes_bias")),
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
    if result.about.get("num_failures"):
        number = result.about["num_failures"]
        console.print(f"failed, counted as wrong: {number}", markup=False, highlight=False)
    if result.scores.unread_ids:
        number = len(result.scores.unread_ids)
        console.print(f"unread, counted as wrong: {number}", markup=False, highlight=False)


def print_tables(tables: Mapping[str, Any], console: Console) -> None:
    """Print scores by level, with fewer frames, and with frames out of order."""
    if tables.get("levels"):
        rows = tables["levels"]
        table = _start_table("level", "metric", "value", "95 %", "prior", "n", "blind")
        for name, row in rows.items():
            table.add_row(
                name, row.get("metric", ""), *_cells(row), _show(row.get("blind")),
            )  # fmt: skip
        console.print(table)
    for key, title in (("frames", "frames kept"), ("shuffled", "frames")):
        if tables.get(key):
            console.print(_frames_table(tables[key], title))
    for name, row in (tables.get("shuffled") or {}).get("shuffled", {}).get("changed", {}).items():
        value, ends = _show(row["value"]), _show_pair(_nan(row["low"]), _nan(row["high"]))
        line = f"answers {name}: {value} ({ends}), prior 0, n {row['num_items']}"
        console.print(line, markup=False, highlight=False)


def _frames_table(rows: Mapping[str, Any], title: str) -> Table:
    """Draw the headline for each number of frames, or for the right and the wrong order."""
    known = rows["all"]["metrics"]
    metric = rows["metric"] if rows["metric"] in known else next(iter(known), "")
    variants = {"all": rows["all"], **rows.get("counts", {})}
    if "shuffled" in rows:
        variants["out of order"] = rows["shuffled"]
    names = list(rows["all"]["levels"])
    table = _start_table(title, "metric", "value", "95 %", "prior", "n", "all minus it", *names)
    blind = rows.get("blind", {}).get(metric)
    for name, row in variants.items():
        figure = row["metrics"].get(metric, {})
        gap = row["difference"].get(metric)
        levels = [_show(row["levels"].get(level, {}).get("value")) for level in names]
        table.add_row(
            name, metric, *_cells({"num_items": row["num_items"], **figure}),
            "" if gap is None else _show(gap["value"]), *levels,
        )  # fmt: skip
    if blind is not None:
        table.add_row("blind", metric, *_cells({"num_items": rows["num_items"], **blind}))
    return table


def _start_table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(heads):
        table.add_column(heading, justify="left" if place < 2 else "right", no_wrap=True)
    return table


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return value, interval, prior and number of items."""
    ends = _show_pair(_nan(row.get("low")), _nan(row.get("high")))
    return _show(row.get("value")), ends, _show(row.get("prior")), str(row.get("num_items", ""))


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _show(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"


def _show_pair(low: float, high: float) -> str:
    return "" if low != low else f"{low:.3f}-{high:.3f}"


def _show_other(figure: dict | None) -> str:
    return "" if figure is None else _show(figure["value"])
