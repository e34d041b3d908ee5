"""What the attribute reader guesses about pictures that have few labels.

Its guesses are training material, never a score.
"""

import json
from pathlib import Path

import numpy as np

from lineament.model.attributes import AttributeReader
from lineament.training.attribute_reader import read_probabilities
from lineament.training.gallery import Gallery
from lineament.training.wide_crops import NAMES, crop_wide

GUESSED = (
    "smile", "eyeglasses", "sunglasses", "beard", "mustache", "black_hair", "brown_hair",
    "blonde_hair", "gray_hair", "bald", "wearing_lipstick", "eye_makeup", "wearing_hat",
    "sideburns", "male",
)  # fmt: skip
COLOR_GUESSES = frozenset(
    ("black_hair", "brown_hair", "blonde_hair", "gray_hair", "wearing_lipstick", "eye_makeup")
)
SURE = 0.8  # a guess below this is none


def write_guesses(reader: AttributeReader, folder: Path) -> None:
    """Write what the reader is sure of beside a gallery, one line for each item."""
    gallery = Gallery(folder)
    kept = [index for index in range(len(gallery)) if len(gallery.look(index).rows)]
    looks = [gallery.look(index) for index in kept]
    crops = np.stack([crop_wide(look.frames[0], np.asarray(look.rows[0])) for look in looks])
    chances, _ = read_probabilities(reader, crops)
    guesses: list[dict[str, bool]] = [{} for _ in range(len(gallery))]
    is_gray = gallery.origin == "lfw-train"
    for index, row in zip(kept, chances, strict=True):
        for name in GUESSED:
            chance = float(row[NAMES.index(name)])
            if max(chance, 1 - chance) > SURE and not (is_gray and name in COLOR_GUESSES):
                guesses[index][name] = chance > 0.5
    text = "\n".join(map(json.dumps, guesses)) + "\n"
    (folder / "guesses.jsonl").write_text(text, encoding="utf-8")
