"""Rows of a study: one line of a CSV file for each run, so that a stopped study goes on."""

import csv
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Of Student's distribution, two-sided 95 %, by the number of seeds.
T_FACTORS = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of all runs that are done."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_done(path: Path) -> set[tuple[str, int]]:
    """Return which runs have a row already, as arm and seed."""
    return {(row["arm"], int(row["seed"] or 0)) for row in read_rows(path)}


def add_row(path: Path, row: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Append one run's row."""
    is_new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def choose_arms(names: Sequence[str], arms: Mapping[str, Any]) -> list[str]:
    """Return the arms that were named, or all."""
    unknown = [name for name in names if name not in arms]
    if unknown:
        raise SystemExit(f"no such arm: {unknown[0]!r}; there are {', '.join(arms)}")
    return list(names or arms)


def interval(values: Sequence[float]) -> str:
    """Return mean and 95 % interval over seeds."""
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else "-"
    factor = T_FACTORS.get(len(values), T_FACTORS[max(T_FACTORS)])
    half = factor * statistics.stdev(values) / len(values) ** 0.5
    mean = statistics.mean(values)
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]"
