"""Nearest training picture of drawings, beside that of real faces that were held out.

By features of the attribute reader, which hold no identity, or of the model's own eyes. A drawing
that repeats a training picture is much nearer to it than a new real face is to any.

    python benchmarks/memorisation.py draw-tiny --prepared RUN/tokenizer/prepared \
        --held-out GALLERIES/ffhq-dev --held-out GALLERIES/fairface-dev --reader READER
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image

from draw_truth import wide_from_portrait
from lineament.describe.mark import write_marked
from lineament.model.attributes import AttributeReader
from lineament.model.drawing import DrawingModel, load_drawing_model
from lineament.model.hub import find_folder
from lineament.model.portrait_eyes import load_portrait_eyes
from lineament.training.attribute_reader import pixel_values_of
from lineament.training.draw_tiny_portraits import Portraits, cut_portraits
from lineament.training.gallery import MANIFEST
from lineament.training.unified_captions import write_prompt

RESULT = Path(__file__).resolve().parent / "results" / "memorisation.json"
BATCH, NUM_SHOWN = 64, 10
REAL = ("fairface-train", "ffhq-train", "lfw-train")

Features = Callable[[np.ndarray], np.ndarray]


def reader_features(folder: Path) -> Features:
    """Return what an attribute reader's heads see."""
    reader = AttributeReader.from_pretrained(folder).eval()

    @torch.no_grad()
    def find(pictures: np.ndarray) -> np.ndarray:
        crops = np.stack([wide_from_portrait(np.asarray(picture)) for picture in pictures])
        return reader(pixel_values_of(crops)).features.numpy()

    return find


def eye_features(folder: Path) -> Features:
    """Return what the model's experts look at."""
    eyes = load_portrait_eyes(folder)

    def find(pictures: np.ndarray) -> np.ndarray:
        whole, face = eyes.look(np.asarray(pictures))
        return torch.cat([whole.mean(dim=1), face], dim=1).numpy()

    return find


def find_features(find: Features, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return features of length 1, picture by picture."""
    parts = [
        find(np.asarray(pictures[start : start + BATCH]))
        for start in range(0, len(pictures), BATCH)
    ]
    features = np.concatenate(parts).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True).clip(min=1e-9)


def find_nearest(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine distance to the nearest of the others, and which it is."""
    likeness = ours @ theirs.T
    place = likeness.argmax(axis=1)
    return 1 - likeness[np.arange(len(ours)), place], place


def summarise(distances: np.ndarray) -> dict[str, Any]:
    """Return how near the nearest ones are."""
    first, tenth, middle = np.quantile(distances, (0.01, 0.1, 0.5))
    return {"count": len(distances), "p01": float(first), "p10": float(tenth),
            "median": float(middle)}  # fmt: skip


def draw_like_training(model: DrawingModel, portraits: Sequence[Portraits], count: int) -> list:
    """Draw from prompts for training pictures, which is where a repeated one would show."""
    texts = []
    for number in range(count):
        rng = Random(f"memorisation {number}")
        chosen = rng.choice(portraits)
        texts.append(write_prompt(chosen.annotation(rng.randrange(len(chosen))), rng))
    drawn: list[np.ndarray] = []
    for start in range(0, count, 32):
        part = texts[start : start + 32]
        drawn += list(model.draw(part, list(range(start, start + len(part)))))
        print(f"{len(drawn)} of {count} drawn", flush=True)
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--prepared", type=Path, required=True, help="holds portraits/")
    parser.add_argument("--held-out", type=Path, action="append", default=[], help="galleries")
    parser.add_argument("--reader", type=Path, help="attribute reader; the model's eyes without")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    model = load_drawing_model(options.model)
    find = (
        reader_features(options.reader)
        if options.reader
        else eye_features(find_folder(options.model))
    )
    folders = [options.prepared / "portraits" / name for name in REAL]
    portraits = [Portraits(folder) for folder in folders if (folder / MANIFEST).is_file()]
    training = [np.asarray(pixels) for folder in portraits for pixels in folder.pixels]
    known = find_features(find, training)
    drawn = draw_like_training(model, portraits, options.count)
    distances, places = find_nearest(find_features(find, drawn), known)
    held_out = [p.pixels for folder in options.held_out for p in cut_portraits(folder)]
    rows = {"drawings": summarise(distances)}
    share_nearer = 0.0
    if held_out:
        real, _ = find_nearest(find_features(find, held_out), known)
        rows["held-out real faces"] = summarise(real)
        share_nearer = float((distances < np.quantile(real, 0.01)).mean())
    result = {
        "command": f"python benchmarks/memorisation.py {model.name} --prepared "
        "RUN/tokenizer/prepared --held-out GALLERY --reader READER",
        "model": model.name, "num_training": len(training), "distances": rows,
        "features": "the attribute reader's features" if options.reader else "its own eyes",
        "share_nearer": share_nearer,
    }  # fmt: skip
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    # The nearest pairs are looked at, and stay on this machine: one side are real people.
    nearest = distances.argsort()[:NUM_SHOWN]
    pairs = [np.concatenate([drawn[one], training[places[one]]]) for one in nearest]
    sheet = options.prepared / "memorisation_pairs.png"
    write_marked(sheet, np.asarray(Image.fromarray(np.concatenate(pairs, axis=1))), origin="edited")
    print(json.dumps(rows, indent=1))
    print(f"{options.out}; nearest pairs, not to be published: {sheet}")


if __name__ == "__main__":
    main()
