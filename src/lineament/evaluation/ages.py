"""Ages in words scored: stated years to age groups, right and within one group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lineament.evaluation.item import Item
from lineament.evaluation.measure import Measure
from lineament.evaluation.reading import read_years
from lineament.metrics.classes import class_stats, recall_of
from lineament.metrics.intervals import mean_of, mean_stats

AGE_GROUPS = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")
FIRST_YEARS, GROUP_YEARS = 20.0, 10.0


def find_age_group(years: float) -> int:
    """Return the place of an age's group; adults below 20 belong to the first."""
    place = int((years - FIRST_YEARS) // GROUP_YEARS)
    return min(max(place, 0), len(AGE_GROUPS) - 1)


def measure_ages(
    items: Sequence[Item], answers: Mapping[str, str], *, prefix: str = ""
) -> tuple[dict[str, Measure], dict[str, Any], tuple[str, ...]]:
    """Measure stated ages against groups.

    Returns:
        Measures (right, within one group, both also as means over the true groups), tables
        (confusion, by phrasing), and the ids of answers that state no age.
    """
    plain = [item for item in items if item.phrasing == 0]
    if not plain:
        return {}, {}, ()
    said = {item.id: read_group(item, answers.get(item.id)) for item in items}
    truth = [AGE_GROUPS.index(item.truth) for item in plain]
    groups = [said[item.id] for item in plain]
    right = [place == own for place, own in zip(groups, truth, strict=True)]
    near = [
        place is not None and abs(place - own) <= 1
        for place, own in zip(groups, truth, strict=True)
    ]
    classes = range(len(AGE_GROUPS))
    near_class = [own if is_near else None for own, is_near in zip(truth, near, strict=True)]
    shares = np.bincount(truth, minlength=len(classes)) / len(truth)
    reach = [shares[max(place - 1, 0) : place + 2].sum() for place in classes]
    common: dict[str, Any] = {
        "ids": [item.id for item in plain],
        "subjects": [item.subject or item.media for item in plain],
    }
    num_known = int((shares > 0).sum())
    spread = max(
        sum(abs(own - place) <= 1 for own in classes if shares[own] > 0) for place in classes
    )

    def mean(values: Sequence[bool], prior: float) -> Measure:
        stats = mean_stats(np.array(values, np.float64))
        return Measure(**common, stats=stats, statistic=mean_of, prior=prior)

    def recall(said_class: Sequence[int | None], prior: float) -> Measure:
        stats = class_stats(truth, said_class, classes)
        return Measure(**common, stats=stats, statistic=recall_of, prior=prior)

    measures = {
        f"{prefix}age_within_one_group": mean(near, float(max(reach))),
        f"{prefix}age_group": mean(right, float(shares.max())),
        f"{prefix}age_within_one_balanced": recall(near_class, spread / num_known),
        f"{prefix}age_group_balanced": recall(groups, 1 / num_known),
    }
    tables = {
        "age_confusion": _confusion(truth, groups),
        "age_by_phrasing": _by_phrasing(items, said),
    }
    return measures, tables, tuple(name for name, place in said.items() if place is None)


def read_group(item: Item, answer: str | None) -> int | None:
    """Return the group of the age that an answer states, or None."""
    years = None if answer is None else read_years(item.question, answer)
    return None if years is None else find_age_group(years)


def _confusion(truth: Sequence[int], said: Sequence[int | None]) -> dict[str, Any]:
    rows = [[0] * (len(AGE_GROUPS) + 1) for _ in AGE_GROUPS]
    for own, place in zip(truth, said, strict=True):
        rows[own][len(AGE_GROUPS) if place is None else place] += 1
    return {"classes": list(AGE_GROUPS), "columns": [*AGE_GROUPS, "none"], "rows": rows}


def _by_phrasing(items: Sequence[Item], said: Mapping[str, int | None]) -> list[float]:
    shares = []
    for number in sorted({item.phrasing for item in items}):
        own = [item for item in items if item.phrasing == number]
        near = [
            (place := said[item.id]) is not None and abs(place - AGE_GROUPS.index(item.truth)) <= 1
            for item in own
        ]
        shares.append(float(np.mean(near)))
    return shares
