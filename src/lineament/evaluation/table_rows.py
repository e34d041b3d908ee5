"""Rows of a run's tables as texts: by level, with fewer frames, with frames out of order."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class FrameRows(NamedTuple):
    """The headline for each number of frames, or for the right and the wrong order.

    Attributes:
        levels: Headings of the last columns.
        lines: Name, metric, `show_figure`, the whole minus it, and the value of each level.
    """

    levels: list[str]
    lines: list[tuple[str, ...]]


def level_rows(rows: Mapping[str, Any], between: str) -> list[tuple[str, ...]]:
    """Return name, metric, `show_figure` and the blind value of each level.

    Args:
        rows: The run's table ``levels``.
        between: Stands between the ends of an interval.
    """
    return [
        (name, row.get("metric", ""), *show_figure(row, between), show_value(row.get("blind")))
        for name, row in rows.items()
    ]


def frame_rows(rows: Mapping[str, Any], between: str) -> FrameRows:
    """Return a line for all frames, for each other number or order of them, and for the blind.

    Args:
        rows: The run's table ``frames`` or ``shuffled``.
        between: Stands between the ends of an interval.
    """
    known = rows["all"]["metrics"]
    metric = rows["metric"] if rows["metric"] in known else next(iter(known), "")
    variants = {"all": rows["all"], **rows.get("counts", {})}
    if "shuffled" in rows:
        variants["out of order"] = rows["shuffled"]
    levels = list(rows["all"]["levels"])
    lines: list[tuple[str, ...]] = []
    for name, row in variants.items():
        figure = {"num_items": row["num_items"], **row["metrics"].get(metric, {})}
        gap = row["difference"].get(metric) or {}
        by_level = [show_value((row["levels"].get(level) or {}).get("value")) for level in levels]
        cells = show_figure(figure, between)
        lines.append((name, metric, *cells, show_value(gap.get("value")), *by_level))
    if (blind := rows.get("blind", {}).get(metric)) is not None:
        figure = {"num_items": rows["num_items"], **blind}
        lines.append(("blind", metric, *show_figure(figure, between), "", *("" for _ in levels)))
    return FrameRows(levels, lines)


def changed_answers(rows: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how many answers another order changed, by name, from the table ``shuffled``."""
    return (rows.get("shuffled") or {}).get("changed", {})


def show_figure(row: Mapping[str, Any], between: str) -> tuple[str, str, str, str]:
    """Return value, interval, prior and number of items."""
    ends = show_interval(row.get("low"), row.get("high"), between)
    prior, num_items = show_value(row.get("prior")), str(row.get("num_items", ""))
    return show_value(row.get("value")), ends, prior, num_items


def show_interval(low: float | None, high: float | None, between: str) -> str:
    """Return both ends, or nothing."""
    start = show_value(low)
    return f"{start}{between}{show_value(high)}" if start else ""


def show_value(value: float | None) -> str:
    """Return three decimals, or nothing where there is no number."""
    return "" if value is None or value != value else f"{value:.3f}"
