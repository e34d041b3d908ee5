"""Priors: what saying always the same would give, for every figure of a scorer."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lineament.evaluation.item import hash_text
from lineament.evaluation.measure import Measure
from lineament.evaluation.predictions import parse_boxes
from lineament.evaluation.scorers import Given, Scored

NUM_CONSTANTS = 5
MEAN_OVER_TYPES = "exact_match_mean_over_types"
WHOLE, MIDDLE = "[0, 0, 100, 100]", "[25, 25, 75, 75]"


def find_constants(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return answers that somebody who never looks might give to everything.

    For captions a few references of the set itself, drawn by hash; for boxes (on a scale of 100)
    the whole picture, its middle and the mean box; for classes and short answers the commonest.
    """
    if "references" in rows[0]:
        texts = sorted({row["references"][0] for row in rows}, key=hash_text)
        return texts[:NUM_CONSTANTS]
    if "box" in rows[0]:
        boxes = [box for row in rows for box in parse_boxes(row["box"]) or () if len(box) == 4]
        means = [str([round(x, 1) for x in np.mean(boxes, axis=0).tolist()])] if boxes else []
        return [WHOLE, MIDDLE, *means]
    truth = Counter(str(row.get("label", row.get("answer"))) for row in rows)
    return [answer for answer, _ in truth.most_common(NUM_CONSTANTS)]


def add_priors(
    measures: Mapping[str, Measure],
    rows: Sequence[Mapping[str, Any]],
    score: Callable[[Given], Scored],
) -> dict[str, Measure]:
    """Return the measures, each with the best figure that a constant answer reaches.

    A prior that the scorer tells already stays. The mean over types of questions is compared with
    the best constant answer of each type.
    """
    measures = dict(measures)
    whole = measures.get(MEAN_OVER_TYPES)
    if whole is not None and whole.prior is None:
        own = [m.prior for name, m in measures.items() if _is_type(name) and m.prior is not None]
        measures[MEAN_OVER_TYPES] = replace(whole, prior=float(np.mean(own)) if own else None)
    missing = [name for name, measure in measures.items() if measure.prior is None]
    if not missing or not rows:
        return measures
    best: dict[str, float] = {}
    for constant in find_constants(rows):
        said = [{**row, "prediction": constant} for row in rows]
        found = score(Given(said, "prior"))[0]
        for name in missing:
            if name in found:
                best[name] = max(best.get(name, -np.inf), found[name].value)
    return {
        name: replace(measure, prior=best[name]) if np.isfinite(best.get(name, np.nan)) else measure
        for name, measure in measures.items()
    }


def _is_type(name: str) -> bool:
    return name.startswith("exact_match_") and name != MEAN_OVER_TYPES
