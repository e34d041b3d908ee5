"""Labels that no source reads: columns for the audit of gaps, and leading hair colours."""

from collections.abc import Mapping
from pathlib import Path

from lineament.evaluation.ages import AGE_GROUPS, find_age_group
from lineament.records.sources.rows import find_file, read_csv_rows
from lineament.records.sources.source import Dropped
from lineament.vocabulary import read_label_sets

HAIR_COLUMNS = ("hair_black", "hair_brown", "hair_blond", "hair_red", "hair_gray", "hair_other")
ASKED_COLORS = ("black_hair", "blonde_hair")


def find_stem(media: str) -> str:
    """Return a picture's name without folder and suffix."""
    return media.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def read_audit(folder: Path, columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Read labels that serve the audit of gaps alone, by picture; ages become groups.

    Args:
        folder: The data set's folder; without ``labels.csv`` nothing is known.
        columns: Column of each label.
    """
    path = find_file(folder, "labels.csv")
    if path is None or not columns:
        return {}
    table: dict[str, dict[str, str]] = {}
    for row in read_csv_rows(path, ("image", *columns.values())):
        if isinstance(row, Dropped):
            continue
        labels = {label: row[column] for label, column in columns.items() if row[column]}
        if "age" in labels:
            try:
                labels["age"] = AGE_GROUPS[find_age_group(float(labels["age"]))]
            except ValueError:
                del labels["age"]
        table[find_stem(row["image"])] = labels
    return table


def read_leading_hair(folder: Path) -> dict[str, dict[str, bool | None]]:
    """Read whether hair is black or blond from FFHQ's scores: true where the colour leads.

    The data engine wants more, a lead over the second colour, and so has few black-haired
    faces; for a test set the leading colour above the same border is enough.
    """
    path = find_file(folder, "labels.csv")
    if path is None:
        return {}
    thresholds = read_label_sets().thresholds["ffhq_features"]
    table: dict[str, dict[str, bool | None]] = {}
    for row in read_csv_rows(path, ("image", "hair_invisible", *HAIR_COLUMNS)):
        if isinstance(row, Dropped):
            continue
        known: dict[str, bool | None] = dict.fromkeys(ASKED_COLORS)
        table[find_stem(row["image"])] = known
        if row["hair_invisible"] not in ("0", "0.0") or not all(row[c] for c in HAIR_COLUMNS):
            continue
        scores = {column: float(row[column]) for column in HAIR_COLUMNS}
        for name in ASKED_COLORS:
            threshold = thresholds[name]
            flag = threshold.flag(scores[threshold.column])
            leads = scores[threshold.column] == max(scores.values())
            known[name] = None if flag and not leads else flag
    return table
