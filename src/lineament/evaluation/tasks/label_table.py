"""Tables of labels: lists or yes/no answers entered, then F1, balanced accuracy and priors."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from lineament.evaluation.flags import MIN_PER_SIDE, find_gap
from lineament.evaluation.item import Item
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import read_prompts
from lineament.evaluation.reading import fold, read_flag
from lineament.evaluation.tasks.clips import find_named
from lineament.metrics.classes import balanced_accuracy
from lineament.metrics.intervals import Sums, divide, mean_of, mean_stats
from lineament.vocabulary import read_vocabulary


@functools.cache
def words_of(label: str) -> tuple[str, ...]:
    """Return how a label is shown, first, and by what else it is read."""
    return tuple(read_prompts("attributes")["words"].get(label, [label.replace("_", " ")]))


def read_list(answer: str, labels: Sequence[str]) -> frozenset[str] | None:
    """Return the labels that an answer names; None where nothing can be read."""
    found = find_named(answer, {label: words_of(label) for label in labels})
    said = fold(answer).split()
    none = read_prompts("attributes")["nothing"]["words"]
    return frozenset(found) if found or set(said) & set(none) or said == ["no"] else None


@dataclass
class LabelTable:
    """Truth and answers as a table: a row per media and part, a column per label.

    Attributes:
        items: What was asked.
        labels: The labels of each part.
        rows: The row of each media and part.
        verdicts: What was read from each yes/no answer, by item id.
    """

    items: Sequence[Item]
    labels: Mapping[str, tuple[str, ...]]
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    verdicts: dict[str, bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = {
            (part, label): number
            for number, (part, label) in enumerate(
                (part, label) for part, own in self.labels.items() for label in own
            )
        }
        self.subjects: list[str] = []
        self.audits: list[Mapping[str, str]] = []
        for item in self.items:
            key = (item.media, item.group.split("/")[0])
            if self.rows.setdefault(key, len(self.rows)) == len(self.subjects):
                self.subjects.append(item.subject)
                self.audits.append(item.audit)
        shape = (len(self.rows), len(self.columns))
        # True: the label holds; it was asked; it was said; the answer could be read.
        self.truth, self.asked, self.said, self.heard = (np.zeros(shape, bool) for _ in range(4))

    def add(self, item: Item, answer: str) -> bool:
        """Enter an item's truth and what was answered; return whether it could be read."""
        part, _, label = item.group.partition("/")
        row = self.rows[item.media, part]
        if label:
            column = self.columns[part, label]
            verdict = self.verdicts[item.id] = read_flag(item.question, answer, item.name)
            # A label such as no_beard is asked by what it denies.
            turned = read_vocabulary().canonical(label, True)[1] is False
            self.asked[row, column] = True
            self.truth[row, column] = item.truth is not turned
            if verdict is not None:
                self.heard[row, column] = True
                self.said[row, column] = verdict is not turned
            return verdict is not None
        named = read_list(answer, self.labels[part])
        for label in self.labels[part]:
            column = self.columns[part, label]
            self.asked[row, column] = True
            self.truth[row, column] = label in item.truth
            self.said[row, column] = named is not None and label in named
            self.heard[row, column] = named is not None
        return named is not None

    def score_of(self, item: Item) -> float:
        """Return the F1 of a list, or whether a yes/no answer is right."""
        part, _, label = item.group.partition("/")
        row = self.rows[item.media, part]
        if label:
            column = self.columns[part, label]
            is_right = self.said[row, column] == self.truth[row, column]
            return float(is_right and self.heard[row, column])
        return float(score_samples(*(t[row][None] for t in (self.truth, self.said, self.heard)))[0])

    def measures(self, part: str) -> dict[str, Measure]:
        """Return the five figures of one part, or of all parts where none is named."""
        rows = [row for (_, own), row in self.rows.items() if part in ("", own)]
        columns = [column for (own, _), column in self.columns.items() if part in ("", own)]
        cut = np.ix_(rows, columns)
        truth, asked, said, heard = (
            t[cut] for t in (self.truth, self.asked, self.said, self.heard)
        )
        hits, lacks = truth & said, asked & ~truth
        parts = (hits, said, truth, lacks & ~said & heard, lacks)
        stats = np.concatenate(parts, axis=1).astype(np.float64)
        keys = list(self.rows)
        shared: dict[str, Any] = {
            "ids": ["/".join(keys[row]) for row in rows],
            "subjects": [self.subjects[row] for row in rows],
        }
        prior = find_priors(truth, asked)
        prefix = f"{part}/" if part else ""
        sample = mean_stats(score_samples(truth, said, heard))
        positives = int(truth.sum())
        return {
            f"{prefix}balanced_accuracy": Measure(
                **shared, stats=stats, statistic=balanced_over_labels, prior=0.5,
                num_positives=positives,
            ),
            f"{prefix}mean_accuracy": Measure(
                **shared, stats=stats, statistic=accuracy_over_labels, prior=prior["mean_accuracy"]
            ),
            f"{prefix}macro_f1": Measure(
                **shared, stats=stats, statistic=macro_of, prior=prior["macro_f1"],
                num_positives=positives,
            ),
            f"{prefix}micro_f1": Measure(
                **shared, stats=stats, statistic=micro_of, prior=prior["micro_f1"]
            ),
            f"{prefix}sample_f1": Measure(
                **shared, stats=sample, statistic=mean_of, prior=prior["sample_f1"]
            ),
        }  # fmt: skip

    def balanced_accuracy(self) -> float:
        """Return the balanced accuracy of all labels, without an interval."""
        return self.measures("")["balanced_accuracy"].value

    def gaps(self) -> dict[str, Any]:
        """Return each label's balanced accuracy by audit label, in the shape of `find_gaps`.

        Subgroups with too few positives or negatives are counted and not scored.
        """
        right = (self.said == self.truth) & self.heard
        gaps: dict[str, Any] = {}
        for audit in sorted({audit for own in self.audits for audit in own}):
            of_row = np.array([own.get(audit, "") for own in self.audits])
            values = [str(value) for value in np.unique(of_row) if value]
            for (part, label), column in self.columns.items():
                asked = self.asked[:, column]
                by_value = {
                    value: _score_side(self.truth[own, column], right[own, column])
                    for value in values
                    if (own := asked & (of_row == value)).any()
                }
                entry = {"by_value": by_value, "gap": find_gap(by_value)}
                gaps.setdefault(audit, {})[f"{part}/{label}"] = entry
        return gaps

    def by_label(self) -> dict[str, Any]:
        """Return each label's balanced accuracy, F1 with its prior, and how often it holds."""
        positives, said = self.truth.sum(0), self.said.sum(0)
        hits, asked = (self.truth & self.said).sum(0), self.asked.sum(0)
        f1 = divide(2.0 * hits, (positives + said).astype(np.float64))
        prior = divide(2.0 * positives, (positives + asked).astype(np.float64))
        lacks = self.asked & ~self.truth
        spared = (lacks & ~self.said & self.heard).sum(0)
        recalls = divide(hits.astype(np.float64), positives.astype(np.float64))
        balanced = (recalls + divide(spared.astype(np.float64), lacks.sum(0) * 1.0)) / 2
        return {
            f"{part}/{label}": {
                "balanced_accuracy": float(balanced[n]), "f1": float(f1[n]),
                "prior": float(prior[n]), "num_items": int(asked[n]),
                "num_positives": int(positives[n]),
            }
            for (part, label), n in self.columns.items()
        }  # fmt: skip


def _score_side(
    truth: Bool[np.ndarray, " rows"], is_right: Bool[np.ndarray, " rows"]
) -> dict[str, Any]:
    """Return the balanced accuracy of a subgroup, and how many it has; see `MIN_PER_SIDE`."""
    positives = int(truth.sum())
    is_enough = min(positives, len(truth) - positives) >= MIN_PER_SIDE
    value = balanced_accuracy(truth, is_right) if is_enough else None
    return {"num_items": len(truth), "num_positives": positives, "value": value}


def score_samples(
    truth: Bool[np.ndarray, "rows labels"],
    said: Bool[np.ndarray, "rows labels"],
    heard: Bool[np.ndarray, "rows labels"],
) -> Float[np.ndarray, " rows"]:
    """Return the F1 of each row; nothing true and nothing named is 1, nothing read is 0."""
    below = (truth.sum(1) + said.sum(1)).astype(np.float64)
    f1 = np.where(below == 0, 1.0, divide(2.0 * (truth & said).sum(1), below))
    return np.where(heard.any(1), f1, 0.0)


def find_priors(
    truth: Bool[np.ndarray, "rows labels"], asked: Bool[np.ndarray, "rows labels"]
) -> dict[str, float]:
    """Return what the best constant list would give: any list for macro, the most frequent else."""
    positives, counts = truth.sum(0), asked.sum(0)
    f1 = divide(2.0 * positives, (positives + counts).astype(np.float64))[positives > 0]
    order = np.argsort(-divide(positives.astype(np.float64), counts.astype(np.float64)))
    hits, named = np.cumsum(truth[:, order], axis=1), np.cumsum(asked[:, order], axis=1)
    micro = divide(2.0 * hits.sum(0), (named.sum(0) + positives.sum()).astype(np.float64))
    below = (named + truth.sum(1, keepdims=True)).astype(np.float64)
    sample = np.where(below == 0, 1.0, divide(2.0 * hits, below)).mean(0)
    empty = float((truth.sum(1) == 0).mean())
    shares = divide(positives.astype(np.float64), counts.astype(np.float64))[counts > 0]
    return {
        "mean_accuracy": float(np.maximum(shares, 1 - shares).mean()) if len(shares) else 0.0,
        "macro_f1": float(f1.mean()) if len(f1) else 0.0,
        "micro_f1": float(np.nan_to_num(micro).max()),
        "sample_f1": max(float(sample.max()), empty),
    }


def macro_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the mean F1 of labels that are true or named somewhere."""
    hits, said, truth, _, _ = np.split(sums, 5, axis=1)
    return _mean_known(divide(2 * hits, said + truth))


def micro_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return F1 over all labels in one."""
    hits, said, truth, _, _ = np.split(sums, 5, axis=1)
    return divide(2 * hits.sum(1), said.sum(1) + truth.sum(1))


def balanced_over_labels(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the mean balanced accuracy of the labels that have both sides."""
    hits, _, truth, right_lacks, lacks = np.split(sums, 5, axis=1)
    scores = (divide(hits, truth) + divide(right_lacks, lacks)) / 2
    return _mean_known(scores)


def accuracy_over_labels(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the mean plain accuracy of the labels, which papers call mAcc."""
    hits, _, truth, right_lacks, lacks = np.split(sums, 5, axis=1)
    return _mean_known(divide(hits + right_lacks, truth + lacks))


def _mean_known(scores: Float[np.ndarray, "resamples labels"]) -> Float[np.ndarray, " resamples"]:
    known = ~np.isnan(scores)
    return divide(np.where(known, scores, 0.0).sum(1), known.sum(1).astype(np.float64))
