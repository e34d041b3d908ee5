"""A classifier of 0.6 million weights on chat-tiny's own data: what no words are worth.

Trains the attribute reader at its smallest on the galleries that `lineament train chat-tiny`
prepared, answers the questions of `lineament eval first-light` from it, and writes predictions
for `--compare`:

    python benchmarks/small_classifier.py RUN/prepared --data DATA --out classifier.jsonl
    lineament eval first-light --data DATA --model chat-tiny --compare classifier.jsonl
"""

import argparse
import json
from pathlib import Path

import numpy as np

from lineament.evaluation.item import Item
from lineament.evaluation.tasks.first_light import OLD_YEARS, OLDER, FirstLight
from lineament.evaluation.tasks.task import Options
from lineament.faces.mesh import MeshFinder
from lineament.training.attribute_reader import read_probabilities, train_reader
from lineament.training.gallery import MANIFEST, look_at
from lineament.training.labels import AGE_EDGES_YEARS
from lineament.training.wide_crops import NAMES, SIZE_PX, crop_wide, read_crops

WIDTHS = (16, 32, 64, 112)
# Middles of the age classes, the first and the last by guess.
CENTRES = (22, 27, 32, 37, 42, 47, 52, 57, 62, 67, 74)


def crop_media(items: list[Item], open_media) -> tuple[list[str], np.ndarray]:
    """Cut one wide crop of every picture; where no face is found, the whole picture."""
    finder = MeshFinder()
    names, crops = list(dict.fromkeys(item.media for item in items)), []
    for media in names:
        look = look_at(open_media(media).frames, np.zeros(1), finder)
        frame = look.frames[0]
        if len(look.rows):
            crops.append(crop_wide(frame, np.asarray(look.rows[0])))
        else:
            start = (frame.shape[0] - SIZE_PX) // 2
            crops.append(frame[start : start + SIZE_PX, start : start + SIZE_PX])
    finder.close()
    return names, np.stack(crops)


def answer(item: Item, flags: np.ndarray, ages: np.ndarray) -> str:
    """Answer an item in the words that its reading knows."""
    if item.kind == "age":
        middle = int((np.cumsum(ages) >= 0.5).argmax())
        return f"The person looks about {CENTRES[middle]} years old."
    if item.name == OLDER:
        holds = float(ages[AGE_EDGES_YEARS.index(int(OLD_YEARS)) + 1 :].sum()) > 0.5
    elif item.group.startswith("lfw"):  # happiness against neutral
        holds = bool(flags[NAMES.index("happy")] > flags[NAMES.index("neutral")])
    else:
        holds = bool(flags[NAMES.index(item.name)] > 0.5)
    return "Yes." if holds != item.is_denied else "No."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=5.0)
    options = parser.parse_args()
    names = ("ffhq-train", "fairface-train", "lfw-train", "clips*")
    folders = [
        path.parent
        for name in names
        for path in sorted(options.prepared.glob(f"{name}/{MANIFEST}"))
    ]
    reader = train_reader(
        read_crops(folders),
        epochs=options.epochs,
        widths=WIDTHS,
        on_step=lambda step, total, loss: step % 100 or print(f"{step}/{total} {loss:.3f}"),
    )
    print(f"{sum(p.numel() for p in reader.parameters()) / 1e6:.2f} million weights")
    found = FirstLight().read_items(options.data, Options("", None, False, None))
    media, crops = crop_media(list(found.items), found.open_media)
    flags, ages = read_probabilities(reader, crops)
    row_of = {name: row for row, name in enumerate(media)}
    with options.out.open("w", encoding="utf-8") as lines:
        for item in found.items:
            row = row_of[item.media]
            said = answer(item, flags[row], ages[row])
            lines.write(json.dumps({"id": item.id, "prediction": said}) + "\n")


if __name__ == "__main__":
    main()
