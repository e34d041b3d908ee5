"""Measure a model of scenes on drawn scenes of unseen seeds, beside the best blind guesses.

    python benchmarks/scenes_truth.py MODEL --scenes 300 --skip 300

With ``--skip`` figures come from scenes that nobody has looked at while the model was improved.

Counts, existence and relations are asked as yes or no or a number, boxes by the words that pick one
object, and conversations to their end, where the conclusion must be drawn and right. Descriptions
are scored by kind, local and global: which share of their claims holds, and which share of the
annotation they tell. Every figure has an interval over scenes, and a prior: what always giving the
commonest answer scores, and for descriptions what those of other scenes score; blind is the same
model, asked all but descriptions before a grey picture. Answers about real pictures are scored by
``lineament eval rsvqa-lr --data FOLDER --model MODEL``.
"""

import argparse
import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lineament.annotation import Annotation
from lineament.claims import Claim
from lineament.claims.scenes_boxes import overlap
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_conclusions import AS_MANY, COMPARISONS, SAME_HALF
from lineament.claims.scenes_read import read_scene_answer
from lineament.metrics.intervals import bootstrap_interval, mean_of, mean_stats
from lineament.records.record import Record
from lineament.records.sources.rendered import FIRST_SEED
from lineament.records.sources.scenes.boxes import read_boxes
from lineament.records.write.scenes.writer import SceneWriter
from lineament.render.scenes import draw_scene, sample_scene
from lineament.training.scene_preparation import without_lengths
from scenes_described import KINDS, Described

RESULT = Path(__file__).resolve().parent / "results" / "scenes_truth.json"
COUNTS = {
    "scene_count": 3, "scene_yes_no": 4, "scene_relation": 4, "scene_box": 4, "scene_dialogue": 1,
    "scene_global": 1, "scene_local": 1,
}  # fmt: skip
CLOSED = {"scene_count": "count", "scene_yes_no": "existence", "scene_relation": "relation"}
MIN_OVERLAP = 0.5
GREY = 128
# What the last answer of a conversation comes down to, by the form of the question.
ENDS = {
    "former": "number", "latter": "number", "equal": "number", "share": "half", "parted": "half",
}  # fmt: skip


class Answers(Protocol):
    """Whoever answers about a picture."""

    def answer(self, pixels: np.ndarray, question: str, history: Any = ()) -> str: ...


@dataclass(frozen=True)
class Asked:
    """One drawn scene with its questions."""

    annotation: Annotation
    pixels: np.ndarray
    records: tuple[Record, ...]


@dataclass
class Blind:
    """A model that is shown nothing but grey, whatever the picture."""

    model: Answers

    def answer(self, pixels: np.ndarray, question: str, history: Any = ()) -> str:
        return self.model.answer(_grey(pixels.shape), question, history)


@functools.cache
def _grey(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, GREY, np.uint8)


def without_descriptions(scenes: Iterator[Asked]) -> Iterator[Asked]:
    for asked in scenes:
        yield replace(asked, records=tuple(r for r in asked.records if r.kind not in KINDS))


def draw_questions(count: int, size_px: int, first: int = FIRST_SEED["test"]) -> Iterator[Asked]:
    for seed in range(first, first + count):
        annotation = without_lengths(sample_scene(seed, size_px=size_px))
        records = tuple(SceneWriter(COUNTS, seed).write(annotation))
        yield Asked(annotation, draw_scene(annotation, size_px=size_px, seed=seed), records)


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


def is_last_right(model: Answers, asked: Asked, record: Record) -> bool:
    """Say whether a conversation ends rightly, the model's own answers being the history.

    All that the last answer claims must hold, and it must draw the conclusion that was asked for.
    """
    history: list[tuple[str, str]] = []
    for question, _ in zip(record.turns[::2], record.turns[1::2], strict=True):
        history.append((question.text, model.answer(asked.pixels, question.text, history)))
    return ends_right(*history[-1], record.turns[-1].text, asked.annotation)


def ends_right(question: str, said: str, truth: str, annotation: Annotation) -> bool:
    """Say whether an answer holds and tells what the right one concludes.

    Where the right answer compares nothing, all that it claims must be told.
    """
    claims = read_scene_answer(question, said)
    wanted = read_scene_answer(question, truth)
    concluded = [claim for claim in wanted if claim.name in COMPARISONS]
    needed = {_meaning(claim) for claim in concluded or wanted}
    checked = check_scene_claims(claims, annotation)
    is_all_supported = bool(claims) and checked.supported == len(claims)
    return is_all_supported and needed <= {_meaning(claim) for claim in claims}


def _meaning(claim: Claim) -> tuple[object, ...]:
    pair: tuple[str, ...] = (claim.subject, str(claim.value))
    if claim.name in (AS_MANY, SAME_HALF):
        pair = tuple(sorted(pair))  # the same either way round
    return claim.name, claim.negated, *pair


def find_end(truth: str) -> str:
    """Return which conclusion a right answer draws; empty where it draws none."""
    found = re.search("|".join(ENDS), truth)
    return found[0] if found else ""


def prior_of_ends(truths: Counter[str]) -> float:
    """Return what the commonest conclusion scores, chosen for each form of question."""
    best: dict[str, int] = defaultdict(int)
    for end, count in truths.items():
        if end:
            best[ENDS[end]] = max(best[ENDS[end]], count)
    return round(sum(best.values()) / max(truths.total(), 1), 4)


def measure(model: Answers, scenes: Iterator[Asked]) -> dict[str, Any]:
    """Ask everything and return figures with intervals, priors and numbers of items."""
    hits: dict[str, list[tuple[str, float]]] = defaultdict(list)
    truths: dict[str, Counter[str]] = defaultdict(Counter)
    boxes: list[tuple[float, ...]] = []
    described = Described()
    for asked in scenes:
        key = asked.annotation.split_key
        for record in asked.records:
            question, truth = record.turns[0].text, record.turns[1].text
            if record.kind == "scene_box" and not read_boxes(truth, "1", (1.0, 1.0)):
                continue  # asks for the words of a box
            if record.kind == "scene_dialogue":
                hits["multi_turn"].append((key, float(is_last_right(model, asked, record))))
                truths["multi_turn"][find_end(record.turns[-1].text)] += 1
                continue
            said = model.answer(asked.pixels, question)
            if record.kind in KINDS:
                described.add(record.kind, asked.annotation, said, truth)
                continue
            name = CLOSED.get(record.kind, "grounding")
            hits[name].append((key, float(is_right(record.kind, question, said, truth))))
            if record.kind == "scene_box":
                boxes.append(read_boxes(truth, "1", (1.0, 1.0))[0])
            else:
                truths[name][short_answer(record.kind, question, truth)] += 1
    found = {name: interval_of(rows) for name, rows in hits.items()}
    for name, counts in truths.items():
        prior = round(max(counts.values()) / counts.total(), 4)
        found[name]["prior"] = prior_of_ends(counts) if name == "multi_turn" else prior
    if boxes:
        middle = tuple(float(side) for side in np.median(np.array(boxes), axis=0))
        shares = [overlap(box, middle) >= MIN_OVERLAP for box in boxes]
        found["grounding"]["prior"] = round(float(np.mean(shares)), 4)
    return found | described.figures()


def interval_of(rows: list[tuple[str, float]]) -> dict[str, Any]:
    values = np.array([value for _, value in rows])
    interval = bootstrap_interval(mean_stats(values), mean_of, subjects=[key for key, _ in rows])
    return {"items": len(rows), **{k: round(v, 4) for k, v in interval._asdict().items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--skip", type=int, default=0, help="scenes that were looked at before")
    parser.add_argument("--size", type=int, default=144)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    from lineament.describe.scene_model import SceneModel

    model = SceneModel(arguments.model)
    first = FIRST_SEED["test"] + arguments.skip
    found = measure(model, draw_questions(arguments.scenes, arguments.size, first))
    hidden = without_descriptions(draw_questions(arguments.scenes, arguments.size, first))
    for name, row in measure(Blind(model), hidden).items():
        found[name]["blind"] = row["value"]
    skipped = f" --skip {arguments.skip}" if arguments.skip else ""
    command = f"python benchmarks/scenes_truth.py MODEL{skipped}"
    result = {"command": command, "scenes": arguments.scenes}
    arguments.out.write_text(json.dumps(result | {"figures": found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
