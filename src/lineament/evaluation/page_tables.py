"""Tables of a run's page beside the figures: by level, with fewer frames, frames out of order."""

from collections.abc import Mapping
from typing import Any

from lineament.evaluation.table_rows import changed_answers, frame_rows, level_rows, show_figure
from lineament.report import Section, table_html

_FIGURE = ("value", "95 % interval", "prior", "items")
_BETWEEN = " to "


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
