"""Classes: accuracy, balanced accuracy, F1s, UAR and WAR, AUC, calibration-free and pure."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from lineament.metrics.intervals import Sums, divide

MISSING = -1  # a prediction that is none of the classes, or none at all: always wrong


def count_classes(
    truth: Sequence[Hashable], predicted: Sequence[Hashable], classes: Sequence[Hashable]
) -> Int[np.ndarray, "classes columns"]:
    """Count a confusion matrix: rows are true classes, columns predicted ones.

    The last column counts answers that are no class, so every row sums to its class's items.
    """
    places = {name: place for place, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes) + 1), np.int64)
    for true, said in zip(truth, predicted, strict=True):
        matrix[places[true], places.get(said, len(classes))] += 1
    return matrix


def class_stats(
    truth: Sequence[Hashable], predicted: Sequence[Hashable], classes: Sequence[Hashable]
) -> Float[np.ndarray, "items stats"]:
    """Return one row per item of hits, items and predictions by class, for resampling."""
    num = len(classes)
    places = {name: place for place, name in enumerate(classes)}
    stats = np.zeros((len(truth), 3 * num))
    for row, true, said in zip(stats, truth, predicted, strict=True):
        row[num + places[true]] = 1
        place = places.get(said)
        if place is not None:
            row[2 * num + place] = 1
            row[places[true]] = place == places[true]
    return stats


def accuracy_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the share of items that are right (WAR) from sums of `class_stats`."""
    hits, items, _ = np.split(sums, 3, axis=1)
    return divide(hits.sum(1), items.sum(1))


def recall_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the mean recall over the classes that occur: balanced accuracy, UAR."""
    hits, items, _ = np.split(sums, 3, axis=1)
    recalls = divide(hits, items)
    known = ~np.isnan(recalls)
    return divide(np.where(known, recalls, 0.0).sum(1), known.sum(1).astype(np.float64))


def macro_f1_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return the mean F1 over the classes that occur or are predicted."""
    hits, items, said = np.split(sums, 3, axis=1)
    f1 = divide(2 * hits, items + said)
    known = ~np.isnan(f1)
    return divide(np.where(known, f1, 0.0).sum(1), known.sum(1).astype(np.float64))


def binary_stats(
    truth: Bool[np.ndarray, " items"], is_right: Bool[np.ndarray, " items"]
) -> Float[np.ndarray, "items 4"]:
    """Return the summands of `balanced_of`: hits and items of each of two classes.

    What could not be read is given as not right, whichever class it is.
    """
    truth = np.asarray(truth, bool)
    right = np.asarray(is_right, bool)
    columns = (truth & right, truth, ~truth & right, ~truth)
    return np.stack(columns, axis=1).astype(np.float64)


def balanced_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    """Return balanced accuracy from sums of `binary_stats`; nan where a class has no item."""
    return (divide(sums[:, 0], sums[:, 1]) + divide(sums[:, 2], sums[:, 3])) / 2


def balanced_accuracy(
    truth: Bool[np.ndarray, " items"], is_right: Bool[np.ndarray, " items"]
) -> float:
    """Return the mean of the recalls of both classes; 0.5 for whoever always says the same."""
    return float(balanced_of(binary_stats(truth, is_right).sum(0, keepdims=True))[0])


def accuracy(truth: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """Return the share of items that are right (WAR where the items are classes)."""
    if not truth:
        return float("nan")
    return sum(a == b for a, b in zip(truth, predicted, strict=True)) / len(truth)


def recall_by_class(
    matrix: Int[np.ndarray, "classes columns"],
) -> Float[np.ndarray, " classes"]:
    """Return each class's recall from a confusion matrix; nan where it has no item."""
    return divide(np.diagonal(matrix).astype(np.float64), matrix.sum(1).astype(np.float64))


def uar(matrix: Int[np.ndarray, "classes columns"]) -> float:
    """Return the unweighted average recall over the classes that have items."""
    recalls = recall_by_class(matrix)
    known = recalls[~np.isnan(recalls)]
    return float(known.mean()) if len(known) else float("nan")


def war(matrix: Int[np.ndarray, "classes columns"]) -> float:
    """Return the weighted average recall: plain accuracy."""
    total = matrix.sum()
    return float(np.diagonal(matrix).sum() / total) if total else float("nan")


def f1_from_counts(hits: float, false_alarms: float, misses: float) -> float:
    """Return F1; nothing to find and nothing found is perfect."""
    below = 2 * hits + false_alarms + misses
    return 2 * hits / below if below else 1.0


def multilabel_f1(
    truth: Bool[np.ndarray, "items labels"], predicted: Bool[np.ndarray, "items labels"]
) -> dict[str, float]:
    """Return micro, macro and mean per-sample F1 of label sets.

    Macro is the mean over labels that occur in truth or prediction; a sample without labels,
    predicted without labels, counts as 1.
    """
    hits = truth & predicted
    by_label = divide(2.0 * hits.sum(0), (truth.sum(0) + predicted.sum(0)).astype(np.float64))
    below = (truth.sum(1) + predicted.sum(1)).astype(np.float64)
    by_sample = np.where(below == 0, 1.0, divide(2.0 * hits.sum(1), below))
    known = by_label[~np.isnan(by_label)]
    return {
        "micro_f1": f1_from_counts(
            float(hits.sum()), float((predicted & ~truth).sum()), float((truth & ~predicted).sum())
        ),
        "macro_f1": float(known.mean()) if len(known) else float("nan"),
        "sample_f1": float(by_sample.mean()) if len(by_sample) else float("nan"),
    }


def auc(truth: Bool[np.ndarray, " items"], scores: Float[np.ndarray, " items"]) -> float:
    """Return the area under the ROC curve; ties count half, nan without both classes."""
    truth = np.asarray(truth, bool)
    num_true, num_false = int(truth.sum()), int((~truth).sum())
    if not num_true or not num_false:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]  # ties share the middle of their ranks
    above = ranks[truth].sum() - num_true * (num_true + 1) / 2
    return float(above / (num_true * num_false))
