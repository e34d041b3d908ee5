"""Given: what a scorer of anybody's predictions gets, and the mean that most of them begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lineament.evaluation.events import EventMatcher
from lineament.evaluation.measure import Measure
from lineament.evaluation.predictions import Row
from lineament.metrics.intervals import mean_of, mean_stats

Measures = dict[str, Measure]
Scored = tuple[Measures, dict[str, Any], dict[str, Any]]  # figures, tables, what is on record
NORMALISED = "plain"


@dataclass(frozen=True, slots=True)
class Given:
    """What a scorer gets.

    Attributes:
        rows: The predictions, checked.
        where: The file, for messages.
        normalise: How words are split.
        events: Who matches the events of captions; nobody where it is empty.
    """

    rows: Sequence[Row]
    where: str
    normalise: str = NORMALISED
    events: Sequence[EventMatcher] = ()


def name_rows(rows: Sequence[Row]) -> dict[str, Any]:
    """Return ids and subjects; a row without a subject is its own."""
    ids = [str(row["id"]) for row in rows]
    return {"ids": ids, "subjects": [str(row.get("subject", row["id"])) for row in rows]}


def measure_mean(rows: Sequence[Row], values: Any, scale: float = 1.0, **more: Any) -> Measure:
    """Return the mean of one value for each row."""
    stats = mean_stats(np.asarray(values, np.float64))
    return Measure(**name_rows(rows), stats=stats, statistic=mean_of, scale=scale, **more)
