"""Parts of a run's page beside its figures: by level and frames, by class, wordings, groups."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from lineament.evaluation.page_plots import (
    Line,
    draw_bars,
    draw_intervals,
    draw_spreads,
    find_axis,
)
from lineament.evaluation.result import Figure
from lineament.evaluation.table_rows import (
    changed_answers,
    frame_rows,
    level_rows,
    show_figure,
    show_value,
)
from lineament.report import Section, table_html

_FIGURE = ("value", "95 % interval", "prior", "items")
_BETWEEN = " to "
CONFUSION = "confusion"
# Tables with a row for each part: which score is drawn, where its axis ends, and the heading.
PARTS: Mapping[str, tuple[str, float, str]] = {
    "by_label": ("f1", 1.0, "F1 by label"),
    "by_group": ("balanced_accuracy", 100.0, "Balanced accuracy by group of questions, in percent"),
    "by_family": ("recall", 1.0, "Recall by family of attributes"),
}


def draw_tables(tables: Mapping[str, Any]) -> list[Section]:
    """Return a section for each of these tables that the run has."""
    sections = []
    if rows := tables.get("levels"):
        heads = ("level", "metric", *_FIGURE, "blind")
        sections.append(Section("By level", table_html(heads, level_rows(rows, _BETWEEN))))
    for key, title in (("frames", "With fewer frames"), ("shuffled", "Frames out of order")):
        if rows := tables.get(key):
            sections.append(Section(title, _frames_html(rows)))
    return sections


def _frames_html(rows: Mapping[str, Any]) -> str:
    levels, lines = frame_rows(rows, _BETWEEN)
    table = table_html(("frames", "metric", *_FIGURE, "all minus it", *levels), lines)
    told = [(name, *show_figure(row, _BETWEEN)) for name, row in changed_answers(rows).items()]
    heads = ("answers", "share", *_FIGURE[1:])
    return table + (table_html(heads, told) if told else "")


def draw_figures(figures: Mapping[str, Figure]) -> str:
    """Draw every figure with a known interval, its prior as a tick.

    Percentages, shares and what goes beyond, such as CIDEr up to 10, have a plot each; an axis
    reaches as far as its figures do.
    """
    sides: dict[str, list[Line]] = {"shares": [], "percent": [], "further scales": []}
    for name, figure in figures.items():
        if not (math.isfinite(figure.value) and math.isfinite(figure.low)):
            continue
        line = Line(name, figure.value, figure.low, figure.high, figure.prior)
        if figure.unit == "percent":
            sides["percent"].append(line)
        else:
            is_share = all(abs(number) <= 1 for number in line.numbers)
            sides["shares" if is_share else "further scales"].append(line)
    plots = []
    for side, lines in sides.items():
        if lines:
            numbers = [number for line in lines for number in line.numbers]
            axis = find_axis(numbers, 0.0, 100.0 if side == "percent" else 1.0)
            plots.append(draw_intervals(lines, axis, f"figures with intervals, {side}"))
    return "\n".join(plots)


def draw_parts(tables: Mapping[str, Any], figures: Mapping[str, Figure]) -> list[Section]:
    """Return bars by class, label, group and family, and how far the wordings lie apart."""
    sections = []
    for key, recall in find_recalls(tables).items():
        lines = [Line(name, value) for name, value in recall.items()]
        sections.append(_section(_title("Recall by class", key), lines, 1.0))
    for key, (score, stop, title) in PARTS.items():
        rows: Mapping[str, Any] = tables.get(key) or {}
        lines = [_line_of(name, row, score) for name, row in rows.items()]
        if lines:
            sections.append(_section(title, lines, stop))
    if wordings := draw_wordings(tables, figures):
        sections.append(Section("By wording", wordings))
    return sections


def find_recalls(tables: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the recall of each class by table: as told, else out of each confusion matrix."""
    found = {"": dict(tables["recall"])} if tables.get("recall") else {}
    for key, table in tables.items():
        if key.endswith(CONFUSION) and not (key == CONFUSION and found):
            found[key.removesuffix(CONFUSION).strip("_")] = {
                str(name): row[place] / sum(row) if sum(row) else math.nan
                for place, (name, row) in enumerate(
                    zip(table["classes"], table["rows"], strict=True)
                )
            }
    return found


def draw_wordings(tables: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    """Draw the scores of each frozen wording: of a whole task, of ages, of each flag."""
    by_unit: dict[float, dict[str, Sequence[float]]] = {1.0: {}, 100.0: {}}
    for name, scores in (tables.get("phrasings") or {}).items():
        if isinstance(scores, Sequence):
            is_percent = name in figures and figures[name].unit == "percent"
            by_unit[100.0 if is_percent else 1.0][name] = scores
    by_unit[1.0] |= {
        name: figure.extra["by_phrasing"]
        for name, figure in figures.items()
        if figure.extra.get("by_phrasing")
    }
    by_unit[1.0]["age within one group"] = tables.get("age_by_phrasing") or ()
    plots = []
    for stop, rows in by_unit.items():
        spread = {
            name: {f"wording {n}": score for n, score in enumerate(scores, start=1)}
            for name, scores in rows.items()
            if len(scores) > 1
        }
        if spread:
            axis = find_axis(_numbers(spread), 0.0, stop)
            plots.append(draw_spreads(spread, axis, "scores by wording"))
    return "\n".join(plots)


def gaps_html(gaps: Mapping[str, Any]) -> str:
    """Return scores by audit label; the labels are the data set's and are never told."""
    parts = ["<p>Labels are the data sets' own. They serve this audit and nothing else.</p>"]
    for label, groups in gaps.items():
        rows = []
        spread: dict[str, dict[str, float | None]] = {}
        for group, entry in groups.items():
            cells = entry["by_value"]
            values = "; ".join(
                f"{value}: {show_value(cell['value'])} (n {cell['num_items']})"
                for value, cell in cells.items()
            )
            rows.append((group, show_value(entry["gap"]), values))
            if entry["gap"] is not None:
                spread[group] = {value: cell["value"] for value, cell in cells.items()}
        parts.append(f"<h3>{escape(label)}</h3>")
        if spread:
            axis = find_axis(_numbers(spread))
            parts.append(draw_spreads(spread, axis, f"scores by {label}"))
        parts.append(table_html(("metric", "largest minus smallest", "by value"), rows))
    return "".join(parts)


def _numbers(spread: Mapping[str, Mapping[str, float | None]]) -> list[float]:
    return [value for row in spread.values() for value in row.values() if value is not None]


def _section(title: str, lines: Sequence[Line], stop: float) -> Section:
    numbers = [number for line in lines for number in line.numbers]
    return Section(title, draw_bars(lines, find_axis(numbers, 0.0, stop), title))


def _line_of(name: str, row: Mapping[str, Any], score: str) -> Line:
    count = row.get("num_items", row.get("num_claims"))
    note = "" if count is None else f"n {count}"
    return Line(name, row.get(score), prior=row.get("prior"), note=note)


def _title(title: str, key: str) -> str:
    return f"{title}: {key}" if key else title
