"""Results: figures with their intervals, what stands beside them, and their JSON shape."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lineament.metrics.intervals import Difference, Interval


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Attributes:
        value: The figure.
        low: Lower end of its 95 % interval; nan where none can be given.
        high: Upper end.
        num_items: How many items it rests on.
        num_positives: How many of those are true, for yes/no.
        prior: What saying always the same, or the majority, would give.
        unit: ``percent`` where 100 is best, empty where 1 is.
        extra: Anything more, ready for JSON: by class, sensitivity, ...
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    num_items: int = 0
    num_positives: int | None = None
    prior: float | None = None
    unit: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of one entry of ``metrics``; what is not known is null."""
        row: dict[str, Any] = {
            "value": round_figure(self.value),
            "low": round_figure(self.low),
            "high": round_figure(self.high),
        }
        if self.num_items:
            row["num_items"] = self.num_items
        if self.num_positives is not None:
            row["num_positives"] = self.num_positives
        if self.prior is not None:
            row["prior"] = round_figure(self.prior)
        if self.unit:
            row["unit"] = self.unit
        return row | clean_json(dict(self.extra))


def figure_from_interval(
    interval: Interval,
    *,
    num_items: int,
    num_positives: int | None = None,
    prior: float | None = None,
    scale: float = 1.0,
    extra: Mapping[str, Any] | None = None,
) -> Figure:
    """Make a figure; a scale of 100 makes it percent."""
    return Figure(
        interval.value * scale, interval.low * scale, interval.high * scale, num_items,
        num_positives, None if prior is None else prior * scale,
        "percent" if scale == 100 else "", extra or {},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scores:
    """What a task's scorer says.

    Attributes:
        figures: By metric name; the headline is among them.
        measures: Those of the figures that can be compared in pairs with another system's.
        tables: Further tables for the report: ``confusion``, ``gaps``, ... ready for JSON.
        wrong_ids: Ids of items answered wrong, worst first.
        unread_ids: Ids of answers in which nothing could be read; they count as wrong.
    """

    figures: Mapping[str, Figure]
    measures: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    wrong_ids: tuple[str, ...] = ()
    unread_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run.

    Attributes:
        task: The task's name.
        model: What answered.
        scores: Its figures.
        num_items: How many items were scored.
        seconds: How long the run took.
        about: What it rests on: split, hash of the items, prompts, judge, notes, failures, ...
    """

    task: str
    model: str
    scores: Scores
    num_items: int
    seconds: float
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``lineament eval`` and ``lineament score``."""
        figures = self.scores.figures
        return {
            "task": self.task,
            "model": self.model,
            "num_items": self.num_items,
            "metrics": {name: figure.to_dict() for name, figure in figures.items()},
            "seconds": round(self.seconds, 3),
            **clean_json(dict(self.about)),
            "num_unread": len(self.scores.unread_ids),
            "tables": clean_json(dict(self.scores.tables)),
        }


def difference_row(difference: Difference) -> dict[str, Any]:
    """Return a paired difference for JSON."""
    return {
        "value": round_figure(difference.value),
        "low": round_figure(difference.low),
        "high": round_figure(difference.high),
        "p_value": round_figure(difference.p_value),
    }


def round_figure(value: float) -> float | None:
    """Round for JSON; nan, which JSON has not, becomes null."""
    return None if math.isnan(value) else round(float(value), 6)


def clean_json(value: Any) -> Any:
    """Replace what JSON has no word for: nan by null, tuples by lists, numpy by plain numbers."""
    if isinstance(value, Mapping):
        return {str(key): clean_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(entry) for entry in value]
    if hasattr(value, "tolist"):
        return clean_json(value.tolist())
    return round_figure(value) if isinstance(value, float) else value
