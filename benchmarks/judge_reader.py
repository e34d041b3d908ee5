"""Train the attribute reader that judges drawings in the rendered style, and test it.

It learns from faces that the renderer draws for it alone: no picture of any training set, no
weights of any shipped model. It is tested on further faces, each a combination of attributes that
drawings are asked for, through the same 96 px portraits.

The faces are kept in READER, which takes far longer than the training; a reader that is there is
tested alone.

    python benchmarks/judge_reader.py READER --count 6000 --epochs 16
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from draw_truth import DRAWN, balanced_accuracy, read_pictures, wide_from_portrait
from lineament.annotation import Annotation, annotation_from_dict
from lineament.model.attributes import UNKNOWN, AttributeReader
from lineament.training.attribute_reader import Variation, train_reader
from lineament.training.augment import MILD
from lineament.training.draw_tiny_combinations import sample_seen, sample_unseen
from lineament.training.draw_tiny_portraits import DRAWING, render_portrait
from lineament.training.labels import age_span, read_states
from lineament.training.wide_crops import NAMES, Crops

RESULT = Path(__file__).resolve().parent / "results" / "judge_reader.json"
# Drawings are asked for by numbers from 0, training portraits are drawn from 3,000,000 on.
FIRST_NUMBER, FIRST_TEST_NUMBER, FIRST_SEED = 100_000, 500_000, 60_000_000
CHUNK = 100
# Hair of a colour, and drawings softened by an image tokenizer.
VARIATION = Variation(replace(MILD, blur_share=0.6), gray_share=0.0, hidden_share=0.1)

Face = tuple[Annotation, np.ndarray]


def draw_faces(span: tuple[int, int]) -> list[Face]:
    """Draw faces by their numbers: by turns one of a pair held out, and one of any kind."""
    torch.set_num_threads(1)
    faces = []
    for number in range(*span):
        annotation = sample_unseen(number)[0] if number % 2 else sample_seen(FIRST_SEED + number)
        if annotation is not None:
            seed = int(annotation.extra["seed"])
            faces.append((annotation, render_portrait(annotation, seed, DRAWING).pixels))
    return faces


def draw_many(folder: Path, first: int, count: int, num_workers: int) -> list[Face]:
    """Draw faces in order, as far as the folder does not hold them yet."""
    folder.mkdir(parents=True, exist_ok=True)
    spans = [(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    lacking = [span for span in spans if not _path(folder, span).is_file()]
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        drawn = zip(lacking, pool.map(draw_faces, lacking), strict=True)
        for number, (span, faces) in enumerate(drawn, start=1):
            rows = [json.dumps(annotation.to_dict()) for annotation, _ in faces]
            pixels = np.stack([picture for _, picture in faces])
            np.savez_compressed(_path(folder, span), rows=np.array(rows), pixels=pixels)
            print(f"faces: {number * CHUNK} of {len(lacking) * CHUNK}", flush=True)
    return [face for span in spans for face in _read_faces(_path(folder, span))]


def _path(folder: Path, span: tuple[int, int]) -> Path:
    return folder / f"faces-{span[0]}-{span[1]}.npz"


def _read_faces(path: Path) -> Iterator[Face]:
    with np.load(path) as kept:
        for row, picture in zip(kept["rows"], kept["pixels"], strict=True):
            yield annotation_from_dict(json.loads(str(row))), picture


def label(faces: list[Face]) -> Crops:
    """Bring faces to what a reader is trained on."""
    states, spans = [], []
    for annotation, _ in faces:
        known = read_states(annotation)
        states.append([int(known[name]) if name in known else UNKNOWN for name in NAMES])
        span = age_span(annotation)
        spans.append(span if span[0] >= 0 else (UNKNOWN, UNKNOWN))
    pixels = np.stack([wide_from_portrait(picture) for _, picture in faces])
    return Crops(pixels, np.array(states), np.array(spans), np.ones(len(faces)))


def learn(out: Path, count: int, epochs: float, num_workers: int) -> None:
    """Draw faces, train a reader on them and save it."""

    def tell(step: int, steps: int, loss: float) -> None:
        if step % 50 == 0 or step == steps:
            print(f"step {step} of {steps}: loss {loss:.3f}", flush=True)

    learned = draw_many(out / "learned", FIRST_NUMBER, count, num_workers)
    reader = train_reader(label(learned), epochs=epochs, variation=VARIATION, on_step=tell)
    reader.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path, help="folder of the reader; one that is there is tested")
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--num-test", type=int, default=1000)
    parser.add_argument("--epochs", type=float, default=16.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if not (options.out / "config.json").is_file():
        learn(options.out, options.count, options.epochs, options.workers)
    reader = AttributeReader.from_pretrained(options.out)
    folder = options.out / "tested"
    tested = draw_many(folder, FIRST_TEST_NUMBER, options.num_test, options.workers)
    found = read_pictures(reader, [picture for _, picture in tested])
    truths = [read_states(annotation) for annotation, _ in tested]
    rows = {}
    for name in DRAWN:
        value = balanced_accuracy([truth.get(name) for truth in truths], found[name])
        if value is not None:
            rows[name] = {
                "value": value,
                "num_true": sum(truth.get(name, False) for truth in truths),
            }
    mean = float(np.mean([row["value"] for row in rows.values()]))
    worst = min(rows, key=lambda name: rows[name]["value"])
    asked = f"READER --count {options.count} --epochs {options.epochs:g}"
    result = {
        "command": f"python benchmarks/judge_reader.py {asked}",
        "mean": mean, "worst": rows[worst]["value"],
        "num_tested": len(tested), "attributes": rows,
    }  # fmt: skip
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, row in itertools.chain(rows.items(), [("mean", {"value": mean})]):
        print(f"{name}: {row['value']:.3f}")
    print(options.out, RESULT, sep="\n")


if __name__ == "__main__":
    main()
