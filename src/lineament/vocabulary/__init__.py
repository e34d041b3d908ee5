"""The words: fact names, families, opposites, thresholds and label maps."""

from lineament.vocabulary.words import (
    DOMAINS,
    Kind,
    LabelSets,
    Name,
    Threshold,
    Value,
    Vocabulary,
    nearest_hint,
    read_label_sets,
    read_vocabulary,
)

__all__ = [
    "DOMAINS",
    "Kind",
    "LabelSets",
    "Name",
    "Threshold",
    "Value",
    "Vocabulary",
    "nearest_hint",
    "read_label_sets",
    "read_vocabulary",
]
