"""Which hair colour leads FFHQ's scores: guesses beside a gallery, from before any reader."""

import csv
import json
from pathlib import Path

from lineament.training.gallery import Gallery

# FFHQ's hair scores overlap: the leading colour counts from here, any other one is denied below.
HAIR_COLUMNS = {
    "black_hair": ("hair_black", 0.7), "brown_hair": ("hair_brown", 0.8),
    "blonde_hair": ("hair_blond", 0.6), "gray_hair": ("hair_gray", 0.6),
    "red_hair": ("hair_red", 0.6),
}  # fmt: skip
HAIR_DENIED = 0.35


def write_hair(folder: Path, labels: Path) -> None:
    """Write which hair colour leads FFHQ's scores, for training alone.

    Instruction data name a colour only where the scores leave no doubt, which would leave
    eighteen black-haired people to learn from.
    """
    with labels.open(encoding="utf-8") as file:
        rows = {int(row["image"]): row for row in csv.DictReader(file)}
    gallery = Gallery(folder)
    lines = []
    for item in gallery.items:
        row = rows[int(Path(item["annotation"]["media"]).stem)]
        lines.append(json.dumps(_leading_hair(row)))
    (folder / "hair.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "guesses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _leading_hair(row: dict[str, str]) -> dict[str, bool]:
    if not row["hair_black"]:
        return {}
    scores = {name: float(row[column]) for name, (column, _) in HAIR_COLUMNS.items()}
    top = max(scores, key=lambda name: scores[name])
    states = {name: False for name, score in scores.items() if score < HAIR_DENIED}
    if scores[top] >= HAIR_COLUMNS[top][1]:
        states[top] = True
    return states


def read_hair_guesses(folder: Path) -> list[dict[str, bool]]:
    """Read what was written beside a gallery before any reader was trained."""
    path = folder / "hair.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
