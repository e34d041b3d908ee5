"""Time the caption measures: CIDEr beside pycocoevalcap's, and 100,000 predictions end to end.

The reference runs in an environment of its own, on the same pre-tokenised words:
``python benchmarks/metrics_speed.py --reference coco/bin/python``.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from lineament.evaluation.scorers import Given, score_captions
from lineament.metrics.captions import bleu, cider_d, count_captions, rouge_l

RESULT = Path(__file__).resolve().parent / "results" / "metrics_speed.json"
SCRIPT = Path(__file__).resolve().parent / "reference_captions.py"
Corpus = tuple[list[list[str]], list[list[list[str]]]]


def make_corpus(count: int, seed: int = 0) -> Corpus:
    """Make captions whose words are as unevenly common as real ones are."""
    rng = random.Random(seed)
    words = [f"w{n}" for n in range(3000)]
    weights = [1 / (n + 2) for n in range(3000)]

    def caption() -> list[str]:
        return rng.choices(words, weights, k=rng.randint(6, 16))

    return [caption() for _ in range(count)], [[caption() for _ in range(5)] for _ in range(count)]


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


def time_whole(count: int) -> dict:
    """Score predictions with every caption measure and its interval."""
    candidates, references = make_corpus(count)
    rows = [
        {
            "id": str(n),
            "prediction": " ".join(own),
            "references": [" ".join(text) for text in theirs],
        }
        for n, (own, theirs) in enumerate(zip(candidates, references, strict=True))
    ]
    started, busy = time.perf_counter(), time.process_time()
    measures, _, _ = score_captions(Given(rows, "memory"))
    for measure in measures.values():
        measure.figure()
    return {
        "predictions": count,
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(time.process_time() - busy, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", help="A Python that has pycocoevalcap.")
    parser.add_argument("--captions", type=int, default=5000)
    parser.add_argument("--whole", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    result: dict = {"command": "python benchmarks/metrics_speed.py", "load": os.getloadavg()[0]}
    if arguments.reference:
        corpus = make_corpus(arguments.captions)
        result["against_pycocoevalcap"] = compare(arguments.reference, corpus, arguments.rounds)
    if arguments.whole:
        result["whole"] = time_whole(arguments.whole)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
