"""Aerial scenes scored: skill above the best constants, yes-bias, and which items are worst."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.errors import BadInput
from lineament.evaluation.flags import Verdicts, find_yes_bias
from lineament.evaluation.given import Given, Scored
from lineament.evaluation.item import Item, Kind
from lineament.evaluation.measure import Measure
from lineament.evaluation.reading import fold, read_short
from lineament.evaluation.result import Figure
from lineament.evaluation.scorers import (
    score_captions,
    score_classes,
    score_grounding,
    score_vqa,
)
from lineament.evaluation.tasks.priors import MEAN_OVER_TYPES, add_priors
from lineament.evaluation.tasks.told_scores import MIN_PART, SURE_PRIOR
from lineament.metrics.intervals import Sums, divide

SCORERS: Mapping[Kind, Callable[[Given], Scored]] = {
    "exact": score_vqa, "text": score_captions, "box": score_grounding, "class": score_classes,
}  # fmt: skip
HEADLINES: Mapping[Kind, str] = {
    "exact": "skill", "text": "cider", "box": "accuracy_50", "class": "uar",
}  # fmt: skip
TYPE_PREFIX = "exact_match_"
# What an item is worth, and from where on it is not among the wrong ones. A caption is wrong
# where it is worth no more than what one fixed caption gets on the whole.
_WORTH: Mapping[Kind, str] = {
    "exact": "exact_match", "text": "cider", "box": "mean_iou", "class": "accuracy",
}  # fmt: skip
_ENOUGH: Mapping[Kind, float] = {"exact": 1.0, "box": 0.5, "class": 1.0}
_JUST_ABOVE = 1e-9


@dataclass(frozen=True, slots=True)
class PartScores:
    """The scores of items that are asked in one form.

    Attributes:
        measures: By metric name.
        figures: Further figures, which cannot be compared in pairs.
        tables: For the report.
        wrong_ids: Worst first.
        unread_ids: Answers in which nothing could be read.
    """

    measures: Mapping[str, Measure]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    wrong_ids: tuple[str, ...] = ()
    unread_ids: tuple[str, ...] = ()


def score_part(items: Sequence[Item], answers: Mapping[str, str], where: str) -> PartScores:
    """Score items of one kind as ``lineament score`` does; what has no answer is wrong.

    Args:
        items: All of one kind; the last part of a group's name is the type of question.
        answers: By item id.
        where: For messages.

    Raises:
        BadInput: There is nothing to score.
    """
    if not items:
        raise BadInput(f"{where}: nothing to score", hint="is any question of this part left?")
    kind = items[0].kind
    rows = [write_row(item, answers.get(item.id, "")) for item in items]
    found, tables, about = SCORERS[kind](Given(rows, where))
    measures = add_priors(found, rows, SCORERS[kind])
    figures: Mapping[str, Figure] = {}
    if kind == "exact":
        measures = {"skill": measure_skill(measures), **measures}
        measures, figures = add_yes_bias(measures, items, answers)
    return PartScores(
        measures, figures, tables, find_wrong(kind, measures), tuple(about.get("unread_ids", ()))
    )


def write_row(item: Item, prediction: str) -> dict[str, Any]:
    """Return an item and its answer as a row of ``lineament score``."""
    row: dict[str, Any] = {"id": item.id, "prediction": prediction, "subject": item.subject}
    keys = {"exact": "answer", "text": "references", "box": "box", "class": "label"}
    truth = list(item.truth) if isinstance(item.truth, tuple) else item.truth
    return row | {keys[item.kind]: truth, "type": type_of(item)}


def type_of(item: Item) -> str:
    """Return the type of question: what stands last in the name of its group."""
    return item.group.rpartition("/")[2]


def measure_skill(measures: Mapping[str, Measure]) -> Measure:
    """Return the mean over types of (exact match - prior) / (1 - prior).

    It is 0 for the best constant answer of each type and 1 for whoever is always right. Types
    with few questions, and those that a constant answers, say nothing and are left out.
    """
    parts = [m for name, m in measures.items() if is_type(name)] or [measures["exact_match"]]
    kept = [
        (measure, measure.prior)
        for measure in parts
        if len(measure.ids) >= MIN_PART and measure.prior is not None
        if measure.prior < SURE_PRIOR
    ]
    priors = np.array([prior for _, prior in kept], np.float64)
    ids = [name for measure, _ in kept for name in measure.ids]
    stats = np.zeros((len(ids), 2 * len(kept)))
    start = 0
    for place, (measure, _) in enumerate(kept):
        stop = start + len(measure.ids)
        stats[start:stop, 2 * place : 2 * place + 2] = measure.stats
        start = stop

    def mean_skill(sums: Sums) -> Float[np.ndarray, " resamples"]:
        gains = (divide(sums[:, 0::2], sums[:, 1::2]) - priors) / (1 - priors)
        known = ~np.isnan(gains)  # a resample may miss a rare type
        return divide(np.where(known, gains, 0.0).sum(1), known.sum(1).astype(np.float64))

    subjects = [name for measure, _ in kept for name in measure.subjects]
    return Measure(ids, subjects, stats, mean_skill, prior=0.0, extra={"num_types": len(kept)})


def is_type(name: str) -> bool:
    """Say whether a figure is the exact match of one type of question."""
    return name.startswith(TYPE_PREFIX) and name != MEAN_OVER_TYPES


def add_yes_bias(
    measures: Mapping[str, Measure], items: Sequence[Item], answers: Mapping[str, str]
) -> tuple[dict[str, Measure], dict[str, Figure]]:
    """Tell how much too often yes is said, where all of a type is answered by yes or no.

    Returns:
        The measures, each such type's with its own ``yes_bias`` and ``num_unread`` in its extra;
        and the figure ``yes_bias`` of all such types together, if there is any.
    """
    measures = dict(measures)
    flags, verdicts = find_flags(items, answers)
    for name in sorted({type_of(flag) for flag in flags}):
        own = [flag for flag in flags if type_of(flag) == name]
        measure = measures.get(f"{TYPE_PREFIX}{name}")
        if measure is not None:
            extra = {
                **measure.extra, "yes_bias": find_yes_bias(own, verdicts),
                "num_unread": sum(verdicts[flag.id] is None for flag in own),
            }  # fmt: skip
            measures[f"{TYPE_PREFIX}{name}"] = replace(measure, extra=extra)
    if not flags:
        return measures, {}
    return measures, {"yes_bias": Figure(find_yes_bias(flags, verdicts), num_items=len(flags))}


def find_flags(items: Sequence[Item], answers: Mapping[str, str]) -> tuple[list[Item], Verdicts]:
    """Return the items of types that yes and no answer, as flags, and what is said of each.

    An answer is read by its first word: ``Yes, a road.`` says yes, whether or not it matches.
    """
    by_type: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_type[type_of(item)].append(item)
    flags = [
        replace(item, kind="yes_no", truth=read_yes(str(item.truth)))
        for own in by_type.values()
        if all(read_short(str(item.truth)) in ("yes", "no") for item in own)
        for item in own
    ]
    return flags, {flag.id: read_yes(answers.get(flag.id, "")) for flag in flags}


def read_yes(answer: str) -> bool | None:
    """Return whether an answer's first word is yes or no; None where it is neither."""
    return {"yes": True, "no": False}.get(fold(read_short(answer)).split(" ")[0])


def find_wrong(kind: Kind, measures: Mapping[str, Measure]) -> tuple[str, ...]:
    """Return the ids of the items that are wrong by the scorer's own value, worst first."""
    measure = measures[_WORTH[kind]]
    enough = _ENOUGH.get(kind, (measure.prior or 0.0) + _JUST_ABOVE)
    worths = np.asarray(measure.statistic(measure.stats))  # each row as a sum of its own
    order = sorted(range(len(worths)), key=worths.__getitem__)
    return tuple(measure.ids[place] for place in order if worths[place] < enough)
