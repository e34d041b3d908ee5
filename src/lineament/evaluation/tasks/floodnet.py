"""FloodNet: questions on flooded and dry roads and buildings, scored by kind of question."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.evaluation.item import Item, ItemSet, Visual, limit_media
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.reading import fold, read_short
from lineament.evaluation.result import Scores
from lineament.evaluation.scorers import Given, score_vqa
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.priors import add_priors
from lineament.evaluation.tasks.scene_published import PUBLISHED, note_of
from lineament.evaluation.tasks.scene_scores import add_yes_bias
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.metrics.intervals import Sums, divide
from lineament.records.sources.rows import read_json_file
from lineament.records.sources.scenes.label import Label, labels_of
from lineament.records.sources.source import Dropped, share_of
from lineament.records.sources.table import require_source

HELD_OUT = 0.15  # of the train pictures, by a hash of their names
_PARTS = {"held-out": "train", "val": "val", "test": "test"}
# Below the folder given, or below its `Questions`, as the challenge and its copies have it.
_PLACES = (
    "", "Images/Train_Image", "Images/Valid_Image", "Images/Test_Image", "images", "Images",
    "Image", "Questions", "Questions/images", "Questions/Images",
)  # fmt: skip
_FLOODED = re.compile(r"\b(?:(non|not|un|in)[\s-]*)?(?:flooded|flood)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
MANY = 10  # counts from here up are too rare to be classes of their own
UNKNOWN_KIND = "unknown kind of question"
NOTES = (
    f"held-out: {HELD_OUT:.0%} of the train pictures by a hash of their names, since the answers "
    "of val and test are not given out. It is nobody's official part, and a model trained on the "
    "whole train file has seen it.",
    "Yes or no by the first word, numbers as digits or words up to twenty, conditions as flooded, "
    "non flooded or both; whatever else is wrong. The prior is the best constant answer of each "
    "kind.",
    f"uar: in each kind, simple and complex counts apart, the mean recall over what is right there "
    f"(counts from {MANY} up are one), then the mean over kinds. yes_bias: the share of answers "
    "that say yes minus the share for which yes is right.",
)


@final
class FloodNet:
    """Yes/no questions, counts and conditions; counts also apart, simple and complex."""

    name = "floodnet"
    about = "FloodNet: yes or no, numbers and conditions after a flood, from above"
    headline = "uar"
    needs_folder = True
    splits = tuple(_PARTS)
    published: tuple[Published, ...] = PUBLISHED.get("floodnet", ())

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read a part through the data engine's own source."""
        split = require_options(self, options)
        refuse_doubled(folder, _PARTS[split])
        dropped: Counter[str] = Counter()
        items: list[Item] = []
        for row in require_source("floodnet").read(folder, _PARTS[split]):
            if isinstance(row, Dropped):
                dropped[row.reason] += 1
            elif split != "held-out" or share_of(row.split_key) < HELD_OUT:
                items += _ask_all(row, dropped)
        kept = limit_media(items, options.limit)
        notes = (*NOTES, *note_of(self.name), f"prompts: {prompts_id('floodnet')}")

        def open_media(media: str) -> Visual:
            return Visual(open_first([folder / place / media for place in _PLACES]).frames[:1])

        return ItemSet(kept, open_media, {}, dropped, notes).require_items(folder)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score by exact match of what was read, in all and by kind, and by mean recall."""
        rows = [_write_row(item, answers.get(item.id, "")) for item in items]
        said = {row["id"]: row["prediction"] for row in rows}
        measures = {"uar": _measure_recall(rows), **_score_kinds(rows)}
        measures, bias = add_yes_bias(measures, items, said)
        parts = [item.group.partition("/")[2] for item in items]
        for part in sorted(set(parts) - {""}):
            own = [row for row, name in zip(rows, parts, strict=True) if name == part]
            found = _score_kinds([{**row, "type": ""} for row in own])
            measures[f"exact_match_{part}_counting"] = found["exact_match"]
        wrong = [i.id for i, row in zip(items, rows, strict=True) if _is_wrong(row)]
        return Scores(
            {name: measure.figure() for name, measure in measures.items()} | bias, measures,
            wrong_ids=tuple(wrong),
            unread_ids=tuple(row["id"] for row in rows if not row["prediction"]),
        )  # fmt: skip


def refuse_doubled(folder: Path, part: str) -> None:
    """Refuse a file of questions in which an id is there twice: JSON would keep one of them.

    Raises:
        BadInput: Names the file and the first such id.
    """
    for place in (folder, folder / "Questions"):
        for path in sorted(place.glob("*uestion*.json*")):
            repeated: list[str] = []
            if path.name.lower().startswith(part):
                read_json_file(path, repeated)
            if repeated:
                raise BadInput(
                    f"{path}: {len(repeated)} keys are there twice, the first is {repeated[0]!r}",
                    hint="of a doubled question one would be lost: remove it from the data",
                )


def _score_kinds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Measure]:
    return add_priors(score_vqa(Given(rows, "floodnet"))[0], rows, score_vqa)


def _measure_recall(rows: Sequence[Mapping[str, Any]]) -> Measure:
    """Return the mean over kinds of the mean recall over what is right there.

    Simple and complex counts are two kinds: their questions read differently, so that whoever
    never looks could answer each with its own commonest number. Most roads and pictures are dry,
    so that exact match rewards saying so; this does not. Counts from `MANY` up are one class,
    and right all the same only where the number is.
    """
    classes = sorted({_class_of(row) for row in rows})
    stats = np.zeros((len(rows), 2 * len(classes)))
    for number, row in enumerate(rows):
        place = classes.index(_class_of(row))
        stats[number, 2 * place : 2 * place + 2] = not _is_wrong(row), 1
    kinds = np.array([kind for kind, _ in classes])

    def mean_recall(sums: Sums) -> Float[np.ndarray, " resamples"]:
        recalls = divide(sums[:, 0::2], sums[:, 1::2])
        means = np.stack([_mean_known(recalls[:, kinds == kind]) for kind in np.unique(kinds)])
        return _mean_known(means.T)

    sizes = Counter(kinds.tolist())
    return Measure(
        ids=[row["id"] for row in rows], subjects=[row["subject"] for row in rows], stats=stats,
        statistic=mean_recall, scale=100.0,
        prior=float(np.mean([1 / size for size in sizes.values()])),
    )  # fmt: skip


def _class_of(row: Mapping[str, Any]) -> tuple[str, str]:
    is_many = row["type"] == "counting" and int(row["answer"]) >= MANY
    return row["group"], "many" if is_many else row["answer"]


def _mean_known(
    values: Float[np.ndarray, "resamples parts"],
) -> Float[np.ndarray, " resamples"]:
    known = ~np.isnan(values)  # a resample may miss a rare answer
    return divide(np.where(known, values, 0.0).sum(1), known.sum(1).astype(np.float64))


def _ask_all(annotation: Annotation, dropped: Counter[str]) -> Iterator[Item]:
    prompts = read_prompts("floodnet")
    for label in labels_of(annotation):
        kind, part = prompts["kinds"].get(_fold_kind(label), ("", ""))
        truth = read_condensed(kind, label.answer) if kind else ""
        if not truth:
            dropped[UNKNOWN_KIND if not kind else "unknown answer"] += 1
            continue
        yield Item(
            id=f"floodnet/{label.row}", media=annotation.media,
            question=prompts[kind].format(question=label.question), kind="exact", truth=truth,
            group=f"{kind}/{part}" if part else kind, subject=annotation.split_key,
            source="floodnet", level=1,
        )  # fmt: skip


def _fold_kind(label: Label) -> str:
    return fold(label.type).replace(" ", "")


def read_condensed(kind: str, answer: str) -> str:
    """Return what an answer says to a kind of question, in the set's own words; or ``""``."""
    first = read_short(answer)
    if kind == "counting":
        numbers = _NUMBER.findall(first) or [
            word for word in map(read_short, fold(first).split()) if word.isdecimal()
        ]
        return str(int(numbers[0])) if len(numbers) == 1 else ""
    if kind == "yes_no":
        word = fold(first).split(" ")[0]
        return word if word in ("yes", "no") else ""
    said = {bool(match.group(1)) for match in _FLOODED.finditer(first)}
    if len(said) == 2:
        return "flooded,non flooded"
    return ("non flooded" if said.pop() else "flooded") if said else ""


def _write_row(item: Item, prediction: str) -> dict[str, Any]:
    kind = item.group.partition("/")[0]
    return {
        "id": item.id, "prediction": read_condensed(kind, prediction), "answer": item.truth,
        "subject": item.subject, "type": kind, "group": item.group,
    }  # fmt: skip


def _is_wrong(row: Mapping[str, Any]) -> bool:
    return row["prediction"] != row["answer"]
