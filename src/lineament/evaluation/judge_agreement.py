"""Several judges of one run: their scores put on record, and how far they agree."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from jaxtyping import Float

from lineament.errors import BadInput
from lineament.evaluation.item import ItemSet
from lineament.evaluation.judges import Case, Judge, Judged, cases_from_items
from lineament.evaluation.result import Result
from lineament.metrics.intervals import Interval, Sums, bootstrap_interval

PASS = 0.5  # from here on an answer counts as right, where only right or wrong is wanted


@final
class KeptJudge:
    """A judge that remembers, so that nothing is asked, and paid, twice.

    Attributes:
        inner: Whoever grades.
        name: What goes on record.
    """

    def __init__(self, judge: Judge) -> None:
        self.inner = judge
        self.name = judge.name
        self._about: Mapping[str, Any] = {}
        self._kept: dict[tuple[str, str, str], tuple[float | None, str]] = {}

    def judge(self, question: str, reference: str, answer: str) -> float | None:
        """Grade one answer."""
        return self.judge_all([Case("", question, reference, answer)]).scores[""]

    def judge_all(self, cases: Sequence[Case]) -> Judged:
        """Grade what is new; what was graded before keeps its grade, or the want of one."""
        texts = {case.id: (case.question, case.reference, case.answer) for case in cases}
        fresh = [text for text in dict.fromkeys(texts.values()) if text not in self._kept]
        if fresh:
            asked = [Case(str(place), *text) for place, text in enumerate(fresh)]
            judged = self.inner.judge_all(asked)
            self._about = judged.about
            for case, text in zip(asked, fresh, strict=True):
                self._kept[text] = judged.scores.get(case.id), judged.malformed.get(case.id, "")
        kept = {id: self._kept[text] for id, text in texts.items()}
        scores = {id: score for id, (score, _) in kept.items()}
        return Judged(self.name, scores, {id: why for id, (_, why) in kept.items() if why},
                      self._about)  # fmt: skip


def judge_result(
    result: Result, found: ItemSet, answers: Mapping[str, str], judges: Sequence[Judge]
) -> Result:
    """Return a result with what judges say of its answers, and how far each two agree.

    Their figures are called ``judge/NAME``; prompt, model, date and malformed replies go on record.

    Raises:
        BadInput: No item has a reference in words, or two judges have one name.
    """
    if not judges:
        return result
    names = [judge.name for judge in judges]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two judges are called {name!r}", hint="leave out one of them")
    # What is asked again in other words counts in no other figure either.
    cases = cases_from_items([item for item in found.items if item.phrasing == 0], answers)
    if not cases:
        raise BadInput(f"{result.task}: no item has a reference in words to judge by")
    subjects = {item.id: item.subject or item.media for item in found.items}
    judged = [judge.judge_all(cases) for judge in judges]
    figures = {f"judge/{one.judge}": one.measure(subjects).figure() for one in judged}
    scores = dataclasses.replace(result.scores, figures={**result.scores.figures, **figures})
    pairs = [compare_judges(one, other) for one, other in itertools.combinations(judged, 2)]
    about = {"judges": [one.to_dict() for one in judged], "judge_agreement": pairs}
    return dataclasses.replace(result, scores=scores, about={**result.about, **about})


def compare_judges(one: Judged, other: Judged) -> dict[str, Any]:
    """Return how far two judges agree on what both have judged.

    ``kappa`` is Cohen's kappa of right and wrong from `PASS` on, ``spearman`` the rank correlation
    of their scores, ``mean_difference`` the first one's mean minus the other's.
    """
    ids = [
        id for id, score in one.scores.items()
        if score is not None and other.scores.get(id) is not None
    ]  # fmt: skip
    first, second = (np.array([j.scores[id] for id in ids], np.float64) for j in (one, other))
    kappa = cohens_kappa(first >= PASS, second >= PASS)
    return {
        "judges": [one.judge, other.judge],
        "num_items": len(ids),
        "num_left_out": len(set(one.scores) | set(other.scores)) - len(ids),
        "kappa": kappa.value, "kappa_low": kappa.low, "kappa_high": kappa.high,
        "spearman": spearman(first, second),
        "mean_difference": float((first - second).mean()) if ids else float("nan"),
    }  # fmt: skip


def cohens_kappa(first: np.ndarray, second: np.ndarray) -> Interval:
    """Return Cohen's kappa of two raters' labels, with its interval; nan if both say one thing."""
    labels = np.unique(np.concatenate([first, second]))
    num = max(len(labels), 1)
    places = [np.searchsorted(labels, side) for side in (first, second)]
    stats = np.eye(num * num)[places[0] * num + places[1]].reshape(len(first), num * num)

    def statistic(sums: Sums) -> Float[np.ndarray, " resamples"]:
        table = sums.reshape(-1, num, num)
        total = table.sum((1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            same = np.trace(table, axis1=1, axis2=2) / total
            chance = (table.sum(1) * table.sum(2)).sum(1) / total**2
            return np.where(chance < 1, (same - chance) / (1 - chance), np.nan)

    return bootstrap_interval(stats, statistic)


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation; ties have their mean rank; nan where one side is constant."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(_rank(first), _rank(second))[0, 1])


def _rank(values: np.ndarray) -> Float[np.ndarray, " items"]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]
