"""When-questions scored: spans read from answers, matched with what happens when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from lineament.evaluation.item import Item
from lineament.evaluation.measure import Measure
from lineament.evaluation.reading import Span, read_spans
from lineament.metrics.intervals import Sums, divide
from lineament.metrics.spans import count_spans

MIN_IOU = 0.5


def measure_spans(
    items: Sequence[Item], answers: Mapping[str, str], *, min_iou: float = MIN_IOU
) -> tuple[dict[str, Measure], tuple[str, ...]]:
    """Return F1 of all spans and by name, and the ids of answers that state no time.

    The prior is what naming the whole clip every time gives.
    """
    if not items:
        return {}, ()
    said: dict[str, list[Span] | None] = {}
    for item in items:
        answer = answers.get(item.id)
        duration = item.truth["duration"]
        said[item.id] = (
            None if answer is None else read_spans(item.question, answer, item.name, duration)
        )
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups["when_f1"].append(item)
        groups[item.group].append(item)
    measures = {name: _measure(own, said, min_iou) for name, own in groups.items()}
    return measures, tuple(name for name, spans in said.items() if spans is None)


def _measure(
    items: Sequence[Item], said: Mapping[str, list[Span] | None], min_iou: float
) -> Measure:
    whole = {item.id: [(0.0, item.truth["duration"])] for item in items}
    prior = float(f1_of(_stats(items, whole, min_iou).sum(0, keepdims=True))[0])
    return Measure(
        ids=[item.id for item in items],
        subjects=[item.subject for item in items],
        stats=_stats(items, said, min_iou),
        statistic=f1_of,
        prior=prior,
        extra={"num_unread": sum(said[item.id] is None for item in items)},
    )


def _stats(
    items: Sequence[Item], said: Mapping[str, Sequence[Span] | None], min_iou: float
) -> Float[np.ndarray, "items 3"]:
    return np.array(
        [count_spans(said[i.id] or [], i.truth["spans"], min_iou=min_iou) for i in items],
        np.float64,
    )


def f1_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return F1 from sums of hits, false alarms and misses."""
    return divide(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2])
