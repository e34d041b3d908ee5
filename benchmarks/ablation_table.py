"""Rows of the ablations to a table with intervals, and to a picture."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import study_rows
from study_rows import interval

GROUPS = ("real", "clips")
BLIND = tuple(f"{group} blind" for group in GROUPS)
MEASURES = (*GROUPS, "loss")
COLUMNS = ("arm", "seed", "steps", "weights", *MEASURES, *BLIND, "asked", "seconds")


@dataclass(frozen=True)
class Question:
    """One claim: the reference, and what it is compared with.

    Attributes:
        asked: What is asked.
        reference: The arm that is said to be better.
        others: The arms it is said to be better than.
    """

    asked: str
    reference: str
    others: tuple[str, ...]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of all runs that are done, with their figures as numbers."""
    return [
        {name: value if name == "arm" else float(value) for name, value in row.items()}
        for row in study_rows.read_rows(path)
    ]


def add_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append one run's row."""
    study_rows.add_row(path, row, COLUMNS)


def summarise(
    rows: Sequence[Mapping[str, Any]], questions: Sequence[Question]
) -> dict[str, dict[str, Any]]:
    """Return every question's arms, and what the reference is ahead by, paired by seed."""
    by_run = {(row["arm"], row["seed"]): row for row in rows}
    table: dict[str, dict[str, Any]] = {}
    for question in questions:
        for arm in (question.reference, *question.others):
            seeds = sorted(seed for name, seed in by_run if name == arm)
            cells: dict[str, Any] = {"seeds": len(seeds)}
            for measure in (*MEASURES, *BLIND):
                cells[measure] = interval([by_run[arm, seed][measure] for seed in seeds])
            both = [seed for seed in seeds if (question.reference, seed) in by_run]
            for measure in MEASURES if arm != question.reference else ():
                ahead = [
                    by_run[question.reference, seed][measure] - by_run[arm, seed][measure]
                    for seed in both
                ]
                cells[f"reference minus this, {measure}"] = interval(ahead)
            table[f"{question.asked}: {arm}"] = cells
    return table


def write_markdown(table: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table for the docs, one line an arm."""
    heads = (*MEASURES, *BLIND, *(f"reference minus this, {measure}" for measure in MEASURES))
    lines = [f"| question: arm | seeds | {' | '.join(heads)} |", "|---|--:|" + "---|" * len(heads)]
    for name, cells in table.items():
        values = " | ".join(str(cells.get(head, "")) for head in heads)
        lines.append(f"| {name} | {cells['seeds']} | {values} |")
    return "\n".join(lines) + "\n"


def draw_plot(rows: Sequence[Mapping[str, Any]], arms: Sequence[str], path: Path) -> None:
    """Draw every run's accuracy on real pictures and on clips, one line of dots an arm."""
    import matplotlib.figure

    shown = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
    figure = matplotlib.figure.Figure(figsize=(9, 0.35 * len(shown) + 1))
    for panel, measure in zip(figure.subplots(1, 2, sharey=True), MEASURES[:2], strict=True):
        for place, arm in enumerate(shown):
            values = [row[measure] for row in rows if row["arm"] == arm]
            panel.plot(values, [place] * len(values), "o", alpha=0.6, color="tab:blue")
            panel.plot([statistics.mean(values)], [place], "|", markersize=14, color="black")
        panel.set_title(f"balanced accuracy, {measure}")
        panel.set_yticks(range(len(shown)), shown)
        panel.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
