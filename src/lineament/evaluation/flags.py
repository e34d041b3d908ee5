"""Yes/no questions scored: balanced accuracy, twins that must agree, yes-bias, wordings, gaps."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.evaluation.item import Item
from lineament.evaluation.measure import Measure
from lineament.evaluation.sensitivity import find_ranges
from lineament.metrics.classes import balanced_of, binary_stats
from lineament.metrics.intervals import Sums, divide, mean_of, mean_stats

MIN_PER_SIDE = 10  # a subgroup with fewer positives or negatives tells nothing of a gap

Verdicts = Mapping[str, bool | None]
Reader = Callable[[Item, str], bool | None]


def read_verdicts(items: Sequence[Item], answers: Mapping[str, str], read: Reader) -> Verdicts:
    """Return what each answer says of its item's attribute; None where it does not say."""
    return {item.id: read(item, answers[item.id]) if item.id in answers else None for item in items}


def measure_flags(items: Sequence[Item], verdicts: Verdicts) -> dict[str, Measure]:
    """Return balanced accuracy per group, of the first phrasing's plain questions.

    Its extra holds the denied twin's score, how often the two agree, the yes-bias, and, where
    all phrasings were asked, the score of each.
    """
    by_group: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_group[item.group].append(item)
    measures: dict[str, Measure] = {}
    for group, own in by_group.items():
        plain = [item for item in own if not item.is_denied and item.phrasing == 0]
        if plain:
            measures[group] = _measure_group(plain, own, verdicts)
    return measures


def _measure_group(plain: list[Item], own: list[Item], verdicts: Verdicts) -> Measure:
    return Measure(
        ids=[item.id for item in plain],
        subjects=[item.subject or item.media for item in plain],
        stats=stats_of(plain, verdicts),
        statistic=balanced_of,
        prior=0.5,
        num_positives=sum(item.truth for item in plain),
        extra=_twins(own, verdicts) | _phrasings(own, verdicts) | _plain_accuracy(plain, verdicts),
    )


def stats_of(items: Sequence[Item], verdicts: Verdicts) -> Float[np.ndarray, "items 4"]:
    """Return the summands of balanced accuracy; what was not read is wrong."""
    truth = np.array([item.truth for item in items], bool)
    right = np.array([verdicts[item.id] is item.truth for item in items], bool)
    return binary_stats(truth, right)


def score_balanced(items: Sequence[Item], verdicts: Verdicts) -> float:
    """Return balanced accuracy; nan where one side is missing."""
    if not items:
        return float("nan")
    return float(balanced_of(stats_of(items, verdicts).sum(0, keepdims=True))[0])


def _plain_accuracy(plain: Sequence[Item], verdicts: Verdicts) -> dict[str, Any]:
    truths = [item.truth for item in plain]
    return {
        "accuracy": float(np.mean([verdicts[item.id] is item.truth for item in plain])),
        "majority_accuracy": max(sum(truths), len(truths) - sum(truths)) / len(truths),
        "num_unread": sum(verdicts[item.id] is None for item in plain),
    }


def _twins(own: Sequence[Item], verdicts: Verdicts) -> dict[str, Any]:
    """Compare each question with its denied twin of the same wording."""
    denied = [item for item in own if item.is_denied and item.phrasing == 0]
    if not denied:
        return {}
    key = {(item.media, item.subject): verdicts[item.id] for item in denied}
    pairs = [
        (verdicts[item.id], key[item.media, item.subject])
        for item in own
        if not item.is_denied and item.phrasing == 0 and (item.media, item.subject) in key
    ]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    return {
        "denied": score_balanced(denied, verdicts),
        "agreement": sum(one is other for one, other in both) / len(pairs) if pairs else None,
        "yes_bias": find_yes_bias([i for i in own if i.phrasing == 0], verdicts),
    }


def find_yes_bias(items: Sequence[Item], verdicts: Verdicts) -> float:
    """Return the share of answers that say yes, minus the share for which yes is right.

    Yes is meant literally: denying a denied question is a yes. Unread answers are left out.
    """
    read = [item for item in items if verdicts[item.id] is not None]
    if not read:
        return float("nan")
    said = np.mean([verdicts[item.id] is not item.is_denied for item in read])
    right = np.mean([item.truth is not item.is_denied for item in read])
    return float(said - right)


def _phrasings(own: Sequence[Item], verdicts: Verdicts) -> dict[str, Any]:
    numbers = sorted({item.phrasing for item in own if not item.is_denied})
    scores = [
        score_balanced([i for i in own if i.phrasing == n and not i.is_denied], verdicts)
        for n in numbers
    ]
    return find_ranges(scores)


def join_measures(measures: Sequence[Measure], *, prior: float = 0.5) -> Measure:
    """Return the mean of several balanced accuracies, resampled over all their subjects.

    Groups in which one side has no item have no balanced accuracy, and are left out.
    """
    whole = [m for m in measures if not np.isnan(balanced_of(m.stats.sum(0, keepdims=True))[0])]
    measures = whole or measures
    width = 4
    stats = np.zeros((sum(len(m.ids) for m in measures), width * len(measures)))
    start = 0
    for place, measure in enumerate(measures):
        stop = start + len(measure.ids)
        stats[start:stop, place * width : (place + 1) * width] = measure.stats
        start = stop

    def mean_balanced(sums: Sums) -> Float[np.ndarray, " resamples"]:
        blocks = np.split(sums, len(measures), axis=1)
        scores = np.stack([balanced_of(block) for block in blocks])
        known = ~np.isnan(scores)  # a resample may miss a rare side
        return divide(np.where(known, scores, 0.0).sum(0), known.sum(0).astype(np.float64))

    return Measure(
        ids=[name for m in measures for name in m.ids],
        subjects=[name for m in measures for name in m.subjects],
        stats=stats,
        statistic=mean_balanced,
        prior=prior,
    )


def measure_agreement(items: Sequence[Item], verdicts: Verdicts) -> Measure | None:
    """Return how often a question and its denied twin get answers that agree."""
    twins = {
        (i.group, i.media, i.subject): verdicts[i.id]
        for i in items
        if i.is_denied and i.phrasing == 0
    }
    plain = [
        i
        for i in items
        if not i.is_denied and i.phrasing == 0 and (i.group, i.media, i.subject) in twins
    ]
    if not plain:
        return None
    agree = [
        verdicts[i.id] is not None and verdicts[i.id] is twins[i.group, i.media, i.subject]
        for i in plain
    ]
    return Measure(
        ids=[i.id for i in plain],
        subjects=[i.subject or i.media for i in plain],
        stats=mean_stats(np.array(agree, np.float64)),
        statistic=mean_of,
        prior=0.0,  # the same word to both never agrees
    )


def find_gaps(items: Sequence[Item], verdicts: Verdicts) -> dict[str, Any]:
    """Return balanced accuracy by audit label, for groups and as largest minus smallest.

    Subgroups with too few positives or negatives are counted and not scored.
    """
    by_cell: dict[tuple[str, str, str], list[Item]] = defaultdict(list)
    for item in items:
        if item.is_denied or item.phrasing:
            continue
        for label, value in item.audit.items():
            by_cell[label, item.group, value].append(item)
    gaps: dict[str, Any] = {}
    for (label, group, value), own in sorted(by_cell.items(), key=lambda cell: cell[0]):
        positives = sum(item.truth for item in own)
        entry = gaps.setdefault(label, {}).setdefault(group, {"by_value": {}})
        is_enough = min(positives, len(own) - positives) >= MIN_PER_SIDE
        entry["by_value"][value] = {
            "num_items": len(own),
            "num_positives": positives,
            "value": score_balanced(own, verdicts) if is_enough else None,
        }
    for groups in gaps.values():
        for entry in groups.values():
            entry["gap"] = find_gap(entry["by_value"])
    return gaps


def find_gap(by_value: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Return the largest minus the smallest score of subgroups; None below two that are known."""
    known = [entry["value"] for entry in by_value.values() if entry["value"] is not None]
    return max(known) - min(known) if len(known) > 1 else None


def list_wrong(items: Sequence[Item], verdicts: Verdicts) -> tuple[str, ...]:
    """List what was answered wrong: first where both wordings of a twin are wrong."""
    wrong = [i for i in items if i.phrasing == 0 and verdicts[i.id] is not i.truth]
    twice = defaultdict(int)
    for item in wrong:
        twice[item.group, item.media] += 1
    plain = [item for item in wrong if not item.is_denied]
    order = sorted(plain, key=lambda item: -twice[item.group, item.media])
    return tuple(item.id for item in order)
