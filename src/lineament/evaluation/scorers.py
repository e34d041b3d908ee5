"""Scorers of anybody's predictions: captions, questions, boxes, classes and claims."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.errors import BadInput
from lineament.evaluation.claim_scores import score_claims
from lineament.evaluation.events import EventMatcher
from lineament.evaluation.given import (
    NORMALISED,
    Given,
    Measures,
    Scored,
    measure_mean,
    name_rows,
)
from lineament.evaluation.measure import Measure
from lineament.evaluation.predictions import Row, parse_boxes, read_rows
from lineament.evaluation.reading import read_short
from lineament.evaluation.result import Result, Scores
from lineament.metrics.boxes import match_boxes, sum_areas
from lineament.metrics.captions import (
    bleu_of,
    bleu_stats,
    cider,
    cider_d,
    count_captions,
    rouge_l,
)
from lineament.metrics.classes import (
    accuracy_of,
    class_stats,
    count_classes,
    macro_f1_of,
    recall_of,
)
from lineament.metrics.events import EventScore
from lineament.metrics.intervals import Sums, divide, mean_of
from lineament.metrics.words import find_normalisation

MAX_CLASSES = 1000
SHORT_NORMALISED = "first line, lower case, final dot dropped, number words as digits"


def score_file(
    path: Path, kind: str, *, normalise: str = NORMALISED, events: Sequence[EventMatcher] = ()
) -> Result:
    """Score a file of predictions.

    Args:
        path: JSON Lines; see `SHAPES`.
        kind: One of `SCORERS`.
        normalise: How words are split, for captions.
        events: Who matches events, for captions; each gives figures of its own.

    Raises:
        BadInput: A line cannot be used; the message names file and line. Or events are to be
            matched in what are no captions.
    """
    started = time.perf_counter()
    if events and kind != "captions":
        raise BadInput(f"events are matched in captions, not in {kind}", hint="leave out --events")
    find_normalisation(normalise)
    rows = read_rows(path, kind)
    measures, tables, about = SCORERS[kind](Given(rows, str(path), normalise, events))
    figures = {name: measure.figure() for name, measure in measures.items()}
    unread = tuple(about.pop("unread_ids", ()))
    scores = Scores(figures, measures, tables, unread_ids=unread)
    seconds = time.perf_counter() - started
    return Result(kind, path.stem, scores, len(rows), seconds, about)


def score_captions(given: Given) -> Scored:
    """Score captions: corpus BLEU, means of ROUGE-L, CIDEr-D and plain CIDEr, events if wanted.

    Intervals resample items; document frequencies of CIDEr stay those of the whole file.
    """
    rows = given.rows
    split = find_normalisation(given.normalise)
    candidates = [split(row["prediction"]) for row in rows]
    references = [[split(text) for text in row["references"]] for row in rows]
    counted = count_captions(candidates, references)
    stats = bleu_stats(counted)
    shared = name_rows(rows)

    def bleu_measure(order: int) -> Measure:
        return Measure(
            **shared, stats=stats, statistic=lambda sums: bleu_of(sums, order), scale=100.0
        )

    measures = {f"bleu{order}": bleu_measure(order) for order in range(1, 5)}
    measures["cider"] = measure_mean(rows, cider_d(counted))
    measures["rouge_l"] = measure_mean(rows, rouge_l(candidates, references))
    measures["cider_plain"] = measure_mean(rows, cider(counted))
    for matcher in given.events:
        measures |= measure_events(rows, matcher)
    about = {
        "normalise": given.normalise,
        "notes": [
            "bleu1 to bleu4 are corpus BLEU in percent, closest reference length.",
            "cider is CIDEr-D, 0 to 10, as COCO's caption evaluation reports CIDEr; cider_plain "
            "has no clipping and no length penalty. rouge_l is F with beta 1.2, 0 to 1.",
            *([_EVENTS] if given.events else ()),
        ],
        "num_empty": sum(not words for words in candidates),
    }
    return measures, {}, about


_EVENTS = (
    "event_precision and event_recall: the share of events that the other text holds, too; "
    "event_order: longest common subsequence over the longer list of events."
)


def measure_events(rows: Sequence[Row], matcher: EventMatcher) -> Measures:
    """Measure events of captions: precision, recall, their F1, and agreement of the order.

    Precision, recall and order are means over captions, F1 is that of the two means. Of several
    references the one that fits best counts. Captions none of whose references holds an event,
    or can be compared, are left out and counted.
    """
    pairs = [(row["prediction"], text) for row in rows for text in row["references"]]
    scored = iter(matcher.match_all(pairs))
    kept: list[Row] = []
    table: list[EventScore] = []
    for row in rows:
        own = [score for score in (next(scored) for _ in row["references"]) if score is not None]
        if own:
            kept.append(row)
            table.append(max(own, key=lambda score: (score.f1, score.order)))
    stats = np.array([[s.precision, s.recall, s.order, 1.0] for s in table]).reshape(-1, 4)
    shared: dict[str, Any] = name_rows(kept) | {"stats": stats}
    about = {"events": matcher.name, "num_unscored": len(rows) - len(kept)}
    name = f"{matcher.prefix}event"
    return {
        f"{name}_f1": Measure(
            **shared, statistic=_f1_of_means, extra={**about, **matcher.to_dict()}
        ),
        f"{name}_precision": Measure(**shared, statistic=lambda s: divide(s[:, 0], s[:, 3])),
        f"{name}_recall": Measure(**shared, statistic=lambda s: divide(s[:, 1], s[:, 3])),
        f"{name}_order": Measure(**shared, statistic=lambda s: divide(s[:, 2], s[:, 3])),
    }


def _f1_of_means(sums: Sums) -> Float[np.ndarray, " resamples"]:
    precision, recall = divide(sums[:, 0], sums[:, 3]), divide(sums[:, 1], sums[:, 3])
    f1 = divide(2 * precision * recall, precision + recall)
    return np.where(precision + recall == 0, 0.0, f1)


def score_vqa(given: Given) -> Scored:
    """Score short answers by exact match, in all and by type, in percent.

    The prior is the best constant answer; the mean over types gives each type equal weight.
    """
    rows = given.rows
    said = [read_short(str(row["prediction"])) for row in rows]
    truth = [read_short(str(row["answer"])) for row in rows]
    right = np.array([one == other for one, other in zip(said, truth, strict=True)], float)
    by_type: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        by_type[row.get("type", "")].append(place)
    measures = {"exact_match": measure_mean(rows, right, 100.0, prior=_majority(truth))}
    if set(by_type) != {""}:
        measures["exact_match_mean_over_types"] = _mean_over(rows, right, by_type)
        for name, places in sorted(by_type.items()):
            own = [rows[place] for place in places]
            prior = _majority([truth[place] for place in places])
            measures[f"exact_match_{name or 'other'}"] = measure_mean(
                own, right[places], 100.0, prior=prior
            )
    about = {
        "normalise": SHORT_NORMALISED,
        "num_empty": sum(not text for text in said),
    }
    return measures, {}, about


def _majority(truth: Sequence[str]) -> float:
    return Counter(truth).most_common(1)[0][1] / len(truth)


def _mean_over(
    rows: Sequence[Row], right: Float[np.ndarray, " items"], groups: Mapping[str, Sequence[int]]
) -> Measure:
    stats = np.zeros((len(rows), 2 * len(groups)))
    for number, places in enumerate(groups.values()):
        stats[places, 2 * number] = right[places]
        stats[places, 2 * number + 1] = 1

    def mean_of_means(sums: Sums) -> Float[np.ndarray, " resamples"]:
        shares = divide(sums[:, 0::2], sums[:, 1::2])
        known = ~np.isnan(shares)
        return divide(np.where(known, shares, 0.0).sum(1), known.sum(1).astype(np.float64))

    return Measure(**name_rows(rows), stats=stats, statistic=mean_of_means, scale=100.0)


def score_classes(given: Given) -> Scored:
    """Score classes: accuracy (WAR), mean recall (UAR) and macro F1, in percent.

    A prediction that is no class of the truth's is wrong. Upper and lower case are alike.
    """
    rows = given.rows
    truth = [read_short(str(row.get("label", row.get("answer")))) for row in rows]
    said = [read_short(str(row["prediction"])) for row in rows]
    classes = sorted(set(truth))
    stats = class_stats(truth, said, classes) if len(classes) <= MAX_CLASSES else None
    right = [one == other for one, other in zip(said, truth, strict=True)]
    if stats is None:
        about = {"normalise": SHORT_NORMALISED, "num_classes": len(classes)}
        return {"accuracy": measure_mean(rows, right, 100.0)}, {}, about
    shared = name_rows(rows) | {"stats": stats, "scale": 100.0}
    measures = {
        "uar": Measure(**shared, statistic=recall_of, prior=1 / len(classes)),
        "accuracy": Measure(**shared, statistic=accuracy_of, prior=_majority(truth)),
        "macro_f1": Measure(**shared, statistic=macro_f1_of),
    }
    matrix = count_classes(truth, said, classes)
    tables = {
        "confusion": {"classes": classes, "columns": [*classes, "none"], "rows": matrix.tolist()}
    }
    about = {
        "normalise": SHORT_NORMALISED,
        "num_classes": len(classes),
        "num_other": int(matrix[:, -1].sum()),
        "notes": ["accuracy is WAR, uar the mean recall over the classes; both in percent."],
    }
    return measures, tables, about


def score_grounding(given: Given) -> Scored:
    """Score boxes: accuracy at IoU 0.5 and 0.7, mean and cumulative IoU, F1 of single boxes.

    Where several boxes are right they are paired one to one, and a missing or surplus box counts
    as IoU 0. A fifth number turns the box. Boxes that cannot be read are misses.
    """
    rows = given.rows
    table = np.zeros((len(rows), 8))
    unread: list[str] = []
    for place, row in enumerate(rows):
        truth = parse_boxes(row["box"])
        said = parse_boxes(row["prediction"])
        assert truth is not None
        if said is None:
            unread.append(str(row["id"]))
        table[place] = measure_boxes(said or [], truth)
    iou = table[:, 0]
    shared = name_rows(rows)
    f1 = Measure(**shared, stats=table[:, 3:6], statistic=_box_f1)
    cumulative = Measure(**shared, stats=table[:, 6:8], statistic=mean_of)
    measures = {
        "accuracy_50": measure_mean(rows, table[:, 1], 100.0),
        "accuracy_70": measure_mean(rows, table[:, 2], 100.0),
        "mean_iou": measure_mean(rows, iou),
        "cumulative_iou": cumulative,
        "box_f1_50": f1,
    }
    sizes = Counter("one" if table[place, 5] == 1 else "several" for place in range(len(rows)))
    if len(sizes) > 1:
        single = [place for place in range(len(rows)) if table[place, 5] == 1]
        own = [rows[place] for place in single]
        measures["accuracy_50_one_box"] = measure_mean(own, table[single, 1], 100.0)
    return measures, {}, {"unread_ids": unread, "num_targets": dict(sizes)}


def measure_boxes(
    said: Sequence[Sequence[float]], truth: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Return IoU, whether it reaches 0.5 and 0.7, hits, boxes said and true, shared and joint area.

    The IoU of an item is the mean over the larger number of boxes, so that missing and surplus
    ones count as 0.
    """
    pairs = match_boxes(said, truth)
    iou = sum(overlap.iou for _, _, overlap in pairs) / max(len(said), len(truth))
    hits = sum(overlap.iou >= 0.5 for _, _, overlap in pairs)
    shared = sum(overlap.intersection for _, _, overlap in pairs)
    joint = sum_areas(said) + sum_areas(truth) - shared
    return (iou, float(iou >= 0.5), float(iou >= 0.7), hits, len(said), len(truth), shared, joint)


def _box_f1(sums: Sums) -> Float[np.ndarray, " resamples"]:
    return divide(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


Scorer = Callable[[Given], Scored]
SCORERS: Mapping[str, Scorer] = {
    "captions": score_captions,
    "vqa": score_vqa,
    "grounding": score_grounding,
    "classes": score_classes,
    "claims": score_claims,
}
