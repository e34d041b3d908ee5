"""Measure a model of scenes on drawn scenes of unseen seeds, beside the best blind guesses.

    python benchmarks/scenes_truth.py MODEL --scenes 300

Counts, existence and relations are asked as yes or no or a number, boxes by the words that pick one
object, descriptions as a whole, and conversations to their end. Every figure has an interval over
scenes, and what always giving the commonest answer would score. Answers about real pictures are
scored by ``lineament eval rsvqa-lr --data FOLDER --model MODEL``.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lineament.annotation import Annotation
from lineament.claims.scenes_check import check_scene_claims, check_scene_text
from lineament.claims.scenes_read import read_scene_answer, read_scene_claims
from lineament.metrics.intervals import bootstrap_interval, mean_of, mean_stats
from lineament.records.record import Record
from lineament.records.sources.rendered import FIRST_SEED
from lineament.records.sources.scenes.boxes import read_boxes
from lineament.records.write.scenes.writer import SceneWriter
from lineament.render.scenes import draw_scene, sample_scene

RESULT = Path(__file__).resolve().parent / "results" / "scenes_truth.json"
COUNTS = {
    "scene_count": 3, "scene_yes_no": 4, "scene_relation": 4, "scene_box": 4, "scene_dialogue": 1,
    "scene_global": 1, "scene_local": 1,
}  # fmt: skip
CLOSED = {"scene_count": "count", "scene_yes_no": "existence", "scene_relation": "relation"}
MIN_OVERLAP = 0.5


class Answers(Protocol):
    """Whoever answers about a picture."""

    def answer(self, pixels: np.ndarray, question: str, history: Any = ()) -> str: ...


@dataclass(frozen=True)
class Asked:
    """One drawn scene with its questions."""

    annotation: Annotation
    pixels: np.ndarray
    records: tuple[Record, ...]


def draw_questions(count: int, size_px: int, first: int = FIRST_SEED["test"]) -> Iterator[Asked]:
    for seed in range(first, first + count):
        annotation = sample_scene(seed, size_px=size_px)
        records = tuple(SceneWriter(COUNTS, seed).write(annotation))
        yield Asked(annotation, draw_scene(annotation, size_px=size_px, seed=seed), records)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return across * down / (sum(areas) - across * down)


def short_answer(kind: str, question: str, answer: str) -> str:
    """Return what a closed answer comes down to: yes, no, or a number."""
    if kind != "scene_count":
        word = answer.strip().lower().split(",")[0].split(".")[0].split(" ")[0]
        return word if word in ("yes", "no") else "?"
    for claim in read_scene_answer(question, answer):
        if claim.name == "object_count" and isinstance(claim.value, tuple):
            low, high = claim.value
            if low is not None and high == low + 1:
                return str(int(low))
    return "?"


def is_right(kind: str, question: str, said: str, truth: str) -> bool:
    if kind == "scene_box":
        boxes = [read_boxes(text, "1", (1.0, 1.0)) for text in (said, truth)]
        return bool(boxes[0]) and overlap(boxes[0][0], boxes[1][0]) >= MIN_OVERLAP
    return short_answer(kind, question, said) == short_answer(kind, question, truth)


def score_description(
    said: str, record: Record, annotation: Annotation
) -> tuple[int, int, int, int]:
    """Return claims supported, claims judged, claims of the reference told, and all of those."""
    checked = check_scene_text(said, annotation)
    held = {
        (row.claim.name, str(row.claim.value), row.claim.subject)
        for row in checked.claims
        if row.verdict == "supported"
    }
    wanted = {(c.name, str(c.value), c.subject) for c in read_scene_claims(record.turns[1].text)}
    told = len(held & wanted)
    return checked.supported, checked.supported + checked.contradicted, told, len(wanted)


def is_last_right(model: Answers, asked: Asked, record: Record) -> bool:
    """Say whether the last answer of a conversation holds, its own answers being the history."""
    history: list[tuple[str, str]] = []
    for question, _ in zip(record.turns[::2], record.turns[1::2], strict=True):
        history.append((question.text, model.answer(asked.pixels, question.text, history)))
    claims = read_scene_answer(*history[-1])
    checked = check_scene_claims(claims, asked.annotation)
    return bool(claims) and checked.supported == len(claims)


def measure(model: Answers, scenes: Iterator[Asked]) -> dict[str, Any]:
    """Ask everything and return figures with intervals, priors and numbers of items."""
    hits: dict[str, list[tuple[str, float]]] = defaultdict(list)
    truths: dict[str, Counter[str]] = defaultdict(Counter)
    boxes: list[tuple[float, ...]] = []
    claims: list[tuple[str, tuple[int, int, int, int]]] = []
    for asked in scenes:
        key = asked.annotation.split_key
        for record in asked.records:
            question, truth = record.turns[0].text, record.turns[1].text
            if record.kind == "scene_box" and not read_boxes(truth, "1", (1.0, 1.0)):
                continue  # asks for the words of a box
            if record.kind == "scene_dialogue":
                hits["multi_turn"].append((key, float(is_last_right(model, asked, record))))
                continue
            said = model.answer(asked.pixels, question)
            if record.kind in ("scene_local", "scene_global"):
                found = score_description(said, record, asked.annotation)
                claims.append((key, found))
                continue
            name = CLOSED.get(record.kind, "grounding")
            hits[name].append((key, float(is_right(record.kind, question, said, truth))))
            if record.kind == "scene_box":
                boxes.append(read_boxes(truth, "1", (1.0, 1.0))[0])
            else:
                truths[name][short_answer(record.kind, question, truth)] += 1
    found = {name: interval_of(rows) for name, rows in hits.items()}
    for name, counts in truths.items():
        found[name]["prior"] = round(max(counts.values()) / counts.total(), 4)
    if boxes:
        middle = tuple(float(side) for side in np.median(np.array(boxes), axis=0))
        shares = [overlap(box, middle) >= MIN_OVERLAP for box in boxes]
        found["grounding"]["prior"] = round(float(np.mean(shares)), 4)
    return found | claim_figures(claims)


def interval_of(rows: list[tuple[str, float]]) -> dict[str, Any]:
    values = np.array([value for _, value in rows])
    interval = bootstrap_interval(mean_stats(values), mean_of, subjects=[key for key, _ in rows])
    return {"items": len(rows), **{k: round(v, 4) for k, v in interval._asdict().items()}}


def claim_figures(rows: list[tuple[str, tuple[int, int, int, int]]]) -> dict[str, Any]:
    """Return precision and recall of the claims of all descriptions."""
    if not rows:
        return {}
    stats = np.array([row for _, row in rows], float)
    keys = [key for key, _ in rows]
    figures = {}
    for name, above, below in (("claim_precision", 0, 1), ("claim_recall", 2, 3)):
        own = bootstrap_interval(
            stats[:, [above, below]],
            lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1),
            subjects=keys,
        )
        figures[name] = {"items": int(stats[:, below].sum()),
                         **{k: round(float(v), 4) for k, v in own._asdict().items()}}  # fmt: skip
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--size", type=int, default=144)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    from lineament.describe.scene_model import SceneModel

    model = SceneModel(arguments.model)
    found = measure(model, draw_questions(arguments.scenes, arguments.size))
    result = {"command": "python benchmarks/scenes_truth.py MODEL", "scenes": arguments.scenes}
    arguments.out.write_text(json.dumps(result | {"figures": found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
