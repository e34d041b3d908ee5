"""Scores of texts by their claims: precision, recall, and what an annotation contradicts."""

from collections import Counter
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.annotation import annotation_from_dict
from lineament.claims import Checker, read_statements
from lineament.evaluation.given import Given, Scored, name_rows
from lineament.evaluation.measure import Measure
from lineament.metrics.intervals import Sums, divide


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
        checker = Checker(annotation)
        # Statements are claims without their places in the text, which nobody asks for here.
        said = [(one.name, checker.judge(one)) for one in read_statements(row["prediction"])]
        supported = [name for name, verdict in said if verdict == "supported"]
        contradicted = [name for name, verdict in said if verdict == "contradicted"]
        true_flags = {fact.name for fact in annotation.facts if fact.value is True}
        names.update(contradicted)
        stats[place] = (
            len(supported), len(contradicted), len(said), len(true_flags.intersection(supported)),
            len(true_flags),
        )  # fmt: skip
    shared: dict[str, Any] = name_rows(rows) | {"stats": stats}
    measures = {
        "claim_precision": Measure(**shared, statistic=_claim_precision),
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
    # Whoever claims nothing has claimed nothing right; without true flags nothing is to be found.
    precision = np.nan_to_num(_claim_precision(sums))
    recall = divide(sums[:, 3], sums[:, 4])
    f1 = divide(2 * precision * recall, precision + recall)
    return np.where(precision + recall == 0, 0.0, f1)
