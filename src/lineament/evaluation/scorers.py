"""Scorers of anybody's predictions: captions, questions, boxes, classes and claims."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.annotation import annotation_from_dict
from lineament.claims import check_claims, read_claims
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
from lineament.metrics.intervals import Sums, divide, mean_of, mean_stats
from lineament.metrics.words import find_normalisation

Measures = dict[str, Measure]
Scored = tuple[Measures, dict[str, Any], dict[str, Any]]  # figures, tables, what is on record
NORMALISED = "plain"
MAX_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Given:
    """What a scorer gets.

    Attributes:
        rows: The predictions, checked.
        where: The file, for messages.
        normalise: How words are split.
    """

    rows: Sequence[Row]
    where: str
    normalise: str = NORMALISED


def score_file(path: Path, kind: str, *, normalise: str = NORMALISED) -> Result:
    """Score a file of predictions.

    Args:
        path: JSON Lines; see `SHAPES`.
        kind: One of `SCORERS`.
        normalise: How words are split, for captions.

    Raises:
        BadInput: A line cannot be used; the message names file and line.
    """
    started = time.perf_counter()
    find_normalisation(normalise)
    rows = read_rows(path, kind)
    measures, tables, about = SCORERS[kind](Given(rows, str(path), normalise))
    figures = {name: measure.figure() for name, measure in measures.items()}
    unread = tuple(about.pop("unread_ids", ()))
    scores = Scores(figures, measures, tables, unread_ids=unread)
    seconds = time.perf_counter() - started
    return Result(kind, path.stem, scores, len(rows), seconds, about)


def _shared(rows: Sequence[Row]) -> dict[str, Any]:
    """Return ids and subjects; a row without a subject is its own."""
    ids = [str(row["id"]) for row in rows]
    return {"ids": ids, "subjects": [str(row.get("subject", row["id"])) for row in rows]}


def _mean(rows: Sequence[Row], values: Any, scale: float = 1.0, **more: Any) -> Measure:
    stats = mean_stats(np.asarray(values, np.float64))
    return Measure(**_shared(rows), stats=stats, statistic=mean_of, scale=scale, **more)


def score_captions(given: Given) -> Scored:
    """Score captions: corpus BLEU, and means of ROUGE-L, CIDEr-D and plain CIDEr.

    Intervals resample items; document frequencies of CIDEr stay those of the whole file.
    """
    rows = given.rows
    split = find_normalisation(given.normalise)
    candidates = [split(row["prediction"]) for row in rows]
    references = [[split(text) for text in row["references"]] for row in rows]
    counted = count_captions(candidates, references)
    stats = bleu_stats(counted)
    shared = _shared(rows)

    def bleu_measure(order: int) -> Measure:
        return Measure(
            **shared, stats=stats, statistic=lambda sums: bleu_of(sums, order), scale=100.0
        )

    measures = {f"bleu{order}": bleu_measure(order) for order in range(1, 5)}
    measures["cider"] = _mean(rows, cider_d(counted))
    measures["rouge_l"] = _mean(rows, rouge_l(candidates, references))
    measures["cider_plain"] = _mean(rows, cider(counted))
    about = {
        "normalise": given.normalise,
        "notes": [
            "bleu1 to bleu4 are corpus BLEU in percent, closest reference length.",
            "cider is CIDEr-D, 0 to 10, as COCO's caption evaluation reports CIDEr; cider_plain "
            "has no clipping and no length penalty. rouge_l is F with beta 1.2, 0 to 1.",
        ],
        "num_empty": sum(not words for words in candidates),
    }
    return measures, {}, about


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
    measures = {"exact_match": _mean(rows, right, 100.0, prior=_majority(truth))}
    if set(by_type) != {""}:
        measures["exact_match_mean_over_types"] = _mean_over(rows, right, by_type)
        for name, places in sorted(by_type.items()):
            own = [rows[place] for place in places]
            prior = _majority([truth[place] for place in places])
            measures[f"exact_match_{name or 'other'}"] = _mean(
                own, right[places], 100.0, prior=prior
            )
    about = {
        "normalise": "first line, lower case, final dot dropped, number words as digits",
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

    return Measure(**_shared(rows), stats=stats, statistic=mean_of_means, scale=100.0)


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
        return {"accuracy": _mean(rows, right, 100.0)}, {}, {"num_classes": len(classes)}
    shared = _shared(rows) | {"stats": stats, "scale": 100.0}
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
    shared = _shared(rows)
    f1 = Measure(**shared, stats=table[:, 3:6], statistic=_box_f1)
    cumulative = Measure(**shared, stats=table[:, 6:8], statistic=mean_of)
    measures = {
        "accuracy_50": _mean(rows, table[:, 1], 100.0),
        "accuracy_70": _mean(rows, table[:, 2], 100.0),
        "mean_iou": _mean(rows, iou),
        "cumulative_iou": cumulative,
        "box_f1_50": f1,
    }
    sizes = Counter("one" if table[place, 5] == 1 else "several" for place in range(len(rows)))
    if len(sizes) > 1:
        single = [place for place in range(len(rows)) if table[place, 5] == 1]
        own = [rows[place] for place in single]
        measures["accuracy_50_one_box"] = _mean(own, table[single, 1], 100.0)
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


def score_claims(given: Given) -> Scored:
    """Score texts by their claims against annotations.

    Precision is supported over judged claims, the hallucination rate contradicted over all
    claims, recall the share of an annotation's true flags that a supported claim states.
    """
    rows = given.rows
    stats = np.zeros((len(rows), 5))
    names: Counter[str] = Counter()
    for place, row in enumerate(rows):
        annotation = annotation_from_dict(row["annotation"], where=f"{given.where}, id {row['id']}")
        checked = check_claims(read_claims(row["prediction"]), annotation)
        true_flags = {fact.name for fact in annotation.facts if fact.value is True}
        stated = {c.name for c in checked.claims if c.verdict == "supported"} & true_flags
        names.update(c.name for c in checked.claims if c.verdict == "contradicted")
        stats[place] = (
            checked.supported, checked.contradicted, len(checked.claims), len(stated),
            len(true_flags),
        )  # fmt: skip
    shared: dict[str, Any] = _shared(rows) | {"stats": stats}
    measures = {
        "claim_precision": Measure(
            **shared, statistic=lambda s: divide(s[:, 0], s[:, 0] + s[:, 1])
        ),
        "claim_recall": Measure(**shared, statistic=lambda s: divide(s[:, 3], s[:, 4])),
        "claim_f1": Measure(**shared, statistic=_claim_f1),
        "hallucination_rate": Measure(**shared, statistic=lambda s: divide(s[:, 1], s[:, 2])),
        "unknown_rate": Measure(
            **shared, statistic=lambda s: divide(s[:, 2] - s[:, 0] - s[:, 1], s[:, 2])
        ),
    }
    total = stats.sum(0)
    about = {
        "num_claims": int(total[2]),
        "num_supported": int(total[0]),
        "num_contradicted": int(total[1]),
        "most_contradicted": dict(names.most_common(10)),
    }
    return measures, {}, about


def _claim_precision(sums: Sums) -> Float[np.ndarray, " resamples"]:
    return divide(sums[:, 0], sums[:, 0] + sums[:, 1])


def _claim_f1(sums: Sums) -> Float[np.ndarray, " resamples"]:
    precision = _claim_precision(sums)
    recall = divide(sums[:, 3], sums[:, 4])
    return divide(2 * precision * recall, precision + recall)


Scorer = Callable[[Given], Scored]
SCORERS: Mapping[str, Scorer] = {
    "captions": score_captions,
    "vqa": score_vqa,
    "grounding": score_grounding,
    "classes": score_classes,
    "claims": score_claims,
}
