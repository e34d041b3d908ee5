"""Time `lineament score` on 100,000 predictions of each kind, and CIDEr beside pycocoevalcap's.

The reference runs in an environment of its own, on the same pre-tokenised words:
``python benchmarks/metrics_speed.py --reference coco/bin/python``. What is not asked for again
keeps its figures.
"""

import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lineament.evaluation.scorers import score_file
from lineament.metrics.captions import bleu, cider_d, count_captions, rouge_l

RESULT = Path(__file__).resolve().parent / "results" / "metrics_speed.json"
SCRIPT = Path(__file__).resolve().parent / "reference_captions.py"
Corpus = tuple[list[list[str]], list[list[list[str]]]]
Row = dict[str, Any]


def make_corpus(count: int, seed: int = 0) -> Corpus:
    """Make captions whose words are as unevenly common as real ones are."""
    rng = random.Random(seed)
    words = [f"w{n}" for n in range(3000)]
    weights = [1 / (n + 2) for n in range(3000)]

    def caption() -> list[str]:
        return rng.choices(words, weights, k=rng.randint(6, 16))

    return [caption() for _ in range(count)], [[caption() for _ in range(5)] for _ in range(count)]


def make_captions(count: int) -> list[Row]:
    candidates, references = make_corpus(count)
    return [
        {"prediction": " ".join(own), "references": [" ".join(text) for text in theirs]}
        for own, theirs in zip(candidates, references, strict=True)
    ]


def make_vqa(count: int) -> list[Row]:
    rng = random.Random(1)
    answers = {"presence": ("yes", "no"), "area": ("rural", "urban"), "count": ("1", "two", "14")}
    kinds = rng.choices(list(answers), k=count)
    return [
        {
            "prediction": rng.choice(answers[k]).title() + ".",
            "answer": rng.choice(answers[k]),
            "type": k,
        }
        for k in kinds
    ]


def make_classes(count: int) -> list[Row]:
    rng = random.Random(2)
    names = [f"class {n}" for n in range(45)]
    return [{"prediction": rng.choice(names), "label": rng.choice(names)} for _ in range(count)]


def make_boxes(count: int, *, is_rotated: bool) -> list[Row]:
    """Make one to four boxes an item, said a little beside where they are."""
    rng = random.Random(3)

    def box() -> list[float]:
        x, y = rng.uniform(0, 80), rng.uniform(0, 80)
        found = [x, y, x + rng.uniform(4, 20), y + rng.uniform(4, 20)]
        return [*found, rng.choice((0, 30, 45, 90))] if is_rotated else found

    def move(sides: list[float]) -> list[float]:
        return [round(side + rng.uniform(-3, 3), 1) for side in sides[:4]] + sides[4:]

    truth = [[box() for _ in range(rng.choice((1, 1, 2, 4)))] for _ in range(count)]
    return [{"prediction": str([move(one) for one in boxes]), "box": boxes} for boxes in truth]


def make_claims(count: int) -> list[Row]:
    """Make short descriptions in varied order, half of what they say in the annotation."""
    rng = random.Random(4)
    said = {
        "smile": "She smiles.", "wearing_hat": "She wears a hat.", "eyeglasses": "She has glasses.",
        "blink": "She blinks.", "black_hair": "Her hair is black.", "bangs": "She has bangs.",
        "nod": "She nods.", "talk": "She talks.", "wavy_hair": "Her hair is wavy.",
    }  # fmt: skip
    rows = []
    for _ in range(count):
        names = rng.sample(list(said), k=5)
        facts = [{"name": name, "value": rng.random() < 0.5} for name in names[:4]]
        text = " ".join(said[name] for name in names)
        rows.append({
            "prediction": text, "annotation": {"subjects": [{"id": "face 0", "facts": facts}]},
        })  # fmt: skip
    return rows


MAKERS: Mapping[str, tuple[str, Callable[[int], list[Row]]]] = {
    "captions": ("captions", make_captions),
    "vqa": ("vqa", make_vqa),
    "grounding": ("grounding", lambda count: make_boxes(count, is_rotated=False)),
    "grounding, rotated": ("grounding", lambda count: make_boxes(count, is_rotated=True)),
    "classes": ("classes", make_classes),
    "claims": ("claims", make_claims),
}


def compare(python: str, corpus: Corpus, rounds: int) -> dict:
    """Run both sides by turns, and compare values and medians of seconds."""
    candidates, references = corpus
    ours: list[float] = []
    theirs: list[float] = []
    said: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.json"
        path.write_text(json.dumps({"candidates": candidates, "references": references}))
        for _ in range(rounds):
            started = time.perf_counter()
            scores = cider_d(count_captions(candidates, references))
            ours.append(time.perf_counter() - started)
            reply = subprocess.run(
                [python, str(SCRIPT), str(path)], capture_output=True, check=True, text=True
            )
            said = json.loads(reply.stdout)
            theirs += said["seconds"]["cider"]
    found = bleu(candidates, references)
    return {
        "captions": len(candidates),
        "cider_largest_difference": float(np.abs(scores - said["cider_each"]).max()),
        "rouge_l_largest_difference": float(
            np.abs(rouge_l(candidates, references) - said["rouge_l_each"]).max()
        ),
        "bleu_largest_difference": max(
            abs(a - b) for a, b in zip(found, said["bleu"], strict=True)
        ),
        "cider_seconds": round(statistics.median(ours), 3),
        "cider_reference_seconds": round(statistics.median(theirs), 3),
        "cider_ratio": round(statistics.median(theirs) / statistics.median(ours), 2),
    }


def time_kind(name: str, count: int) -> dict:
    """Score a file of so many lines as ``lineament score`` does: reading and intervals included."""
    kind, make = MAKERS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number, row in enumerate(make(count)):
                file.write(json.dumps({"id": str(number), **row}) + "\n")
        started, busy = time.perf_counter(), time.process_time()
        result = score_file(path, kind)
    return {
        "predictions": result.num_items,
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(time.process_time() - busy, 1),
    }


def merge(before: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures found, those of an earlier run kept where they were not taken again."""
    merged = {**before, **found}
    merged["whole"] = {**before.get("whole", {}), **found.get("whole", {})}
    return merged


def read_before(path: Path) -> dict[str, Any]:
    """Return the figures of an earlier run; those of captions alone stood bare once."""
    if not path.is_file():
        return {}
    before = json.loads(path.read_text(encoding="utf-8"))
    if "predictions" in before.get("whole", {}):
        before["whole"] = {"captions": before["whole"]}
    return {key: before[key] for key in ("against_pycocoevalcap", "whole") if key in before}


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", help="A Python that has pycocoevalcap.")
    parser.add_argument("--captions", type=int, default=5000, help="For the comparison.")
    parser.add_argument("--count", type=int, default=100_000, help="Lines of each file.")
    parser.add_argument("--kinds", nargs="*", choices=list(MAKERS), default=list(MAKERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = sys.argv[1:] if given is None else given
    arguments = parser.parse_args(given)
    shown = shlex.join(["python", "benchmarks/metrics_speed.py", *hide_paths(given)])
    found: dict[str, Any] = {"whole": {}}
    if arguments.reference:
        corpus = make_corpus(arguments.captions)
        found["against_pycocoevalcap"] = {
            **compare(arguments.reference, corpus, arguments.rounds),
            "command": shown, "load": round(os.getloadavg()[0], 2),
        }  # fmt: skip
    for kind in arguments.kinds:
        found["whole"][kind] = {
            **time_kind(kind, arguments.count),
            "command": shown, "load": round(os.getloadavg()[0], 2),
        }  # fmt: skip
    result = {"command": shown, **merge(read_before(arguments.out), found)}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def hide_paths(given: list[str]) -> list[str]:
    """Return the command line with the last parts of absolute paths alone."""
    return [str(Path(*Path(part).parts[-3:])) if part.startswith("/") else part for part in given]


if __name__ == "__main__":
    main()
