"""Tables of a run's page beside the figures: by level, with fewer frames, frames out of order."""

from collections.abc import Mapping
from typing import Any

from lineament.report import Section, table_html


def draw_tables(tables: Mapping[str, Any]) -> list[Section]:
    """Return a section for each of these tables that the run has."""
    sections = []
    if rows := tables.get("levels"):
        sections.append(Section("By level", _levels_html(rows)))
    for key, title in (("frames", "With fewer frames"), ("shuffled", "Frames out of order")):
        if rows := tables.get(key):
            sections.append(Section(title, _frames_html(rows)))
    return sections


def _levels_html(rows: Mapping[str, Any]) -> str:
    heads = ("level", "metric", "value", "95 % interval", "prior", "items", "blind")
    return table_html(
        heads,
        [
            (name, row["metric"], *_cells(row), _show(row.get("blind")))
            for name, row in rows.items()
        ],
    )


def _frames_html(rows: Mapping[str, Any]) -> str:
    known = rows["all"]["metrics"]
    metric = rows["metric"] if rows["metric"] in known else next(iter(known), "")
    shown = {"all": rows["all"], **rows.get("counts", {})}
    if "shuffled" in rows:
        shown["out of order"] = rows["shuffled"]
    levels = list(rows["all"]["levels"])
    heads = ("frames", "metric", "value", "95 % interval", "prior", "items", "all minus it")
    lines = []
    for name, row in shown.items():
        gap = row["difference"].get(metric) or {}
        by_level = [_show((row["levels"].get(level) or {}).get("value")) for level in levels]
        figure = {"num_items": row["num_items"], **row["metrics"].get(metric, {})}
        lines.append((name, metric, *_cells(figure), _show(gap.get("value")), *by_level))
    if (blind := rows.get("blind", {}).get(metric)) is not None:
        figure = {"num_items": rows["num_items"], **blind}
        lines.append(("blind", metric, *_cells(figure), "", *("" for _ in levels)))
    table = table_html((*heads, *levels), lines)
    changed = (rows.get("shuffled") or {}).get("changed", {})
    told = [(name, *_cells(row)) for name, row in changed.items()]
    heads = ("answers", "share", "95 % interval", "prior", "items")
    return table + (table_html(heads, told) if told else "")


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return value, interval, prior and number of items."""
    low, high = _show(row.get("low")), _show(row.get("high"))
    items = str(row.get("num_items", ""))
    return (
        _show(row.get("value")),
        f"{low} to {high}" if low else "",
        _show(row.get("prior")),
        items,
    )


def _show(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"
