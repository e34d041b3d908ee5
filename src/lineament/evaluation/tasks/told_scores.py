"""Scores of answers against references: by kind and level, above chance, and by a judge."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.evaluation.item import LEVEL_NAMES, Item, hash_text
from lineament.evaluation.measure import Measure
from lineament.evaluation.result import Scores
from lineament.evaluation.tasks.grades import Graded, KeptGrades, name_priors
from lineament.evaluation.tasks.told_answers import (
    compare_claims,
    has_declined,
    is_affirmed,
    score_answer,
)
from lineament.metrics.classes import balanced_of, binary_stats
from lineament.metrics.intervals import Sums, divide, mean_of, mean_stats

CONSTANTS = ("Yes.", "No.", "I cannot tell.")
NUM_COMMON = 5  # answers of a kind that are tried as constants, the commonest
MIN_PART = 5  # questions; kinds with fewer say nothing of skill
SURE_PRIOR = 0.999
MAX_JUDGED_PRIOR = 200
_FAMILY_STATS = 5  # stated, in the reference, supported, said, contradicted


def score_told(
    items: Sequence[Item], answers: Mapping[str, str], judge: KeptGrades | None = None
) -> Scores:
    """Score answers by rule, and by a judge where there is one.

    ``skill`` is the mean over kinds of (score - prior) / (1 - prior): 0 for the best constant
    answer of each kind, 1 for whoever is always right.
    """
    said = {item.id: answers.get(item.id, "") for item in items}
    told = [item for item in items if item.truth.form != "decline"]
    constants = find_constants(told)
    scores = {item.id: score_answer(item.truth, said[item.id]) for item in told}
    guesses = {item.id: score_answer(item.truth, constants[item.group]) for item in told}
    parts: dict[str, list[Item]] = defaultdict(list)
    levels: dict[str, list[Item]] = defaultdict(list)
    for item in told:
        parts[item.group].append(item)
        levels[LEVEL_NAMES.get(item.level, "other")].append(item)
    measures: dict[str, Measure] = {}
    if told:
        measures["skill"] = _measure_skill(parts, scores, guesses)
        measures["score"] = _measure_with_prior(told, scores, guesses)
    names = [name for name in LEVEL_NAMES.values() if name in levels]
    measures |= {f"level/{n}": _measure_with_prior(levels[n], scores, guesses) for n in names}
    for name, own in sorted(parts.items()):
        measures[f"kind/{name}"] = _measure_with_prior(own, scores, guesses, is_part=True)
    measures |= _measure_declines(items, said)
    described = [item for item in told if item.truth.form == "description"]
    tables: dict[str, Any] = {"constants": constants}
    if described:
        measures |= _measure_attributes(described, said, constants)
        tables["by_family"] = _by_family(described, said, constants)
    if judge is not None:
        measures["judge"] = _measure_judge(items, said, judge)
    return Scores(
        {name: measure.figure() for name, measure in measures.items()}, measures, tables,
        wrong_ids=tuple(i.id for i in sorted(told, key=lambda i: scores[i.id]) if scores[i.id] < 1),
        unread_ids=tuple(item.id for item in items if not said[item.id].strip()),
    )  # fmt: skip


def find_constants(items: Sequence[Item]) -> dict[str, str]:
    """Return the best constant answer of each kind: yes, no, cannot tell, or a common answer."""
    parts: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        parts[item.group].append(item)
    best: dict[str, str] = {}
    for name, own in parts.items():
        texts = sorted((str(item.truth) for item in own), key=hash_text)
        common = [text for text, _ in Counter(texts).most_common(NUM_COMMON)]
        tried = {
            text: sum(score_answer(item.truth, text) for item in own)
            for text in (*CONSTANTS, *common)
        }
        best[name] = max(tried, key=tried.__getitem__)
    return best


def _named(items: Sequence[Item]) -> dict[str, Any]:
    return {"ids": [i.id for i in items], "subjects": [i.subject or i.media for i in items]}


def _measure_with_prior(
    items: Sequence[Item], scores: Mapping[str, float], guesses: Mapping[str, float],
    *, is_part: bool = False,
) -> Measure:  # fmt: skip
    measure = _measure(items, scores, is_part=is_part)
    return replace(measure, prior=_measure(items, guesses, is_part=is_part).value)


def _measure(items: Sequence[Item], scores: Mapping[str, float], *, is_part: bool) -> Measure:
    values = np.array([scores[item.id] for item in items], np.float64)
    if is_part and (sides := _find_sides(items)) is not None:
        stats = binary_stats(sides, values > 0)
        positives = int(sides.sum())
        return Measure(**_named(items), stats=stats, statistic=balanced_of, num_positives=positives)
    return Measure(**_named(items), stats=mean_stats(values), statistic=mean_of)


def _find_sides(items: Sequence[Item]) -> np.ndarray | None:
    """Return for yes/no questions whether yes is right; None if they are no such, or one-sided."""
    if any(item.truth.form != "flag" for item in items):
        return None
    sides = np.array([is_affirmed(item.truth) for item in items], bool)
    return sides if 0 < sides.sum() < len(sides) else None


def _measure_skill(
    parts: Mapping[str, Sequence[Item]], scores: Mapping[str, float], guesses: Mapping[str, float]
) -> Measure:
    kept: list[tuple[Measure, float]] = []
    for own in parts.values():
        prior = _measure(own, guesses, is_part=True).value
        if len(own) >= MIN_PART and prior < SURE_PRIOR:
            kept.append((_measure(own, scores, is_part=True), prior))
    width = 4  # of balanced accuracy; means use two
    ids = [name for measure, _ in kept for name in measure.ids]
    stats = np.zeros((len(ids), width * len(kept)))
    start = 0
    for place, (measure, _) in enumerate(kept):
        stop, size = start + len(measure.ids), measure.stats.shape[1]
        stats[start:stop, width * place : width * place + size] = measure.stats
        start = stop

    def mean_skill(sums: Sums) -> Float[np.ndarray, " resamples"]:
        gains = []
        for place, (measure, prior) in enumerate(kept):
            block = sums[:, width * place : width * place + measure.stats.shape[1]]
            gains.append((measure.statistic(block) - prior) / (1 - prior))
        if not gains:
            return np.full(len(sums), np.nan)
        table = np.stack(gains)
        known = ~np.isnan(table)  # a resample may miss a rare side
        return divide(np.where(known, table, 0.0).sum(0), known.sum(0).astype(np.float64))

    subjects = [name for measure, _ in kept for name in measure.subjects]
    return Measure(ids, subjects, stats, mean_skill, prior=0.0, extra={"num_kinds": len(kept)})


def _measure_declines(items: Sequence[Item], said: Mapping[str, str]) -> dict[str, Measure]:
    """Return how well it is told apart what can be told and what cannot: 0.5 for a constant."""
    hidden = np.array([item.truth.form == "decline" for item in items], bool)
    if not 0 < hidden.sum() < len(hidden):
        return {}
    declined = np.array([has_declined(said[item.id]) for item in items], bool)
    answered = np.array([bool(said[item.id].strip()) for item in items], bool)
    stats = binary_stats(hidden, (declined == hidden) & answered)
    measure = Measure(
        **_named(items), stats=stats, statistic=balanced_of, prior=0.5,
        num_positives=int(hidden.sum()),
    )  # fmt: skip
    return {"declines": measure}


def _measure_attributes(
    items: Sequence[Item], said: Mapping[str, str], constants: Mapping[str, str]
) -> dict[str, Measure]:
    """Return recall, precision and F1 of what descriptions claim, and what is contradicted."""
    stats = _count_claims(items, said)
    guessed = _count_claims(items, {item.id: constants[item.group] for item in items})
    statistics: Mapping[str, Callable[[Any], Any]] = {
        "attribute_f1": _attribute_f1,
        "attribute_recall": lambda sums: divide(sums[:, 0], sums[:, 1]),
        "attribute_precision": lambda sums: divide(sums[:, 2], sums[:, 3]),
        "contradicted_rate": lambda sums: divide(sums[:, 4], sums[:, 3]),
    }
    whole = guessed.sum(0, keepdims=True)
    return {
        name: Measure(
            **_named(items), stats=stats, statistic=statistic, prior=float(statistic(whole)[0])
        )
        for name, statistic in statistics.items()
    }


def _attribute_f1(sums: Sums) -> Float[np.ndarray, " resamples"]:
    recall, precision = divide(sums[:, 0], sums[:, 1]), divide(sums[:, 2], sums[:, 3])
    precision = np.nan_to_num(precision)  # whoever says nothing has claimed nothing right
    return np.nan_to_num(divide(2 * recall * precision, recall + precision))


def _count_claims(
    items: Sequence[Item], said: Mapping[str, str]
) -> Float[np.ndarray, "items stats"]:
    stats = np.zeros((len(items), _FAMILY_STATS))
    for row, item in zip(stats, items, strict=True):
        found = compare_claims(item.truth, said[item.id])
        row[:] = (
            found.num_stated, len(found.families), found.num_supported, found.num_said,
            found.num_contradicted,
        )  # fmt: skip
    return stats


def _by_family(
    items: Sequence[Item], said: Mapping[str, str], constants: Mapping[str, str]
) -> dict[str, Any]:
    """Return recall of each family of attributes, and that of the constant description."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for item in items:
        own = compare_claims(item.truth, said[item.id]).families
        guessed = compare_claims(item.truth, constants[item.group]).families
        for (family, is_stated), (_, is_guessed) in zip(own, guessed, strict=True):
            row = counts[family]
            row[0] += 1
            row[1] += is_stated
            row[2] += is_guessed
    return {
        family: {"num_claims": total, "recall": stated / total, "prior": guessed / total}
        for family, (total, stated, guessed) in sorted(counts.items())
    }


def _measure_judge(items: Sequence[Item], said: Mapping[str, str], judge: KeptGrades) -> Measure:
    """Return the judge's mean grade; what was not answered has 0.

    The prior is what the right answers to other items get, on some items chosen by a hash. What
    the judge could not grade is left out and counted.
    """
    rows: dict[str, Graded] = {
        item.id: (item.truth.question, item.truth.answer, said[item.id]) for item in items
    }
    swapped = _swap_answers(items)
    grades = judge.grade_all(list(rows.values()))
    kept = [(i, grade) for i, grade in zip(items, grades, strict=True) if grade is not None]
    known = [grade for grade in judge.grade_all(swapped) if grade is not None]
    return Measure(
        **_named([item for item, _ in kept]),
        stats=mean_stats(np.array([grade for _, grade in kept], np.float64)), statistic=mean_of,
        prior=float(np.mean(known)) if known else None,
        extra={
            "judge": judge.name, "num_unjudged": len(items) - len(kept),
            **judge.describe(rows | name_priors(swapped)),
        },
    )  # fmt: skip


def _swap_answers(items: Sequence[Item]) -> list[Graded]:
    """Pair questions with the right answer to another one of their kind."""
    parts: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: hash_text(item.id))[:MAX_JUDGED_PRIOR]:
        parts[item.group].append(item)
    return [
        (item.truth.question, item.truth.answer, other.truth.answer)
        for own in parts.values()
        for item, other in zip(own, [*own[1:], own[0]], strict=True)
        if item is not other
    ]
