"""Expressions of faces in clips: DFEW and MAFW by their five folds, FERV39K by its test list."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from jaxtyping import Float

from lineament.evaluation.item import Item, ItemSet, Visual, limit_media
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.result import Scores
from lineament.evaluation.tasks.clips import FOLDER_FPS, NUM_FRAMES, find_named, open_first
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.metrics.classes import (
    accuracy_of,
    class_stats,
    count_classes,
    macro_f1_of,
    recall_by_class,
    recall_of,
    uar,
)
from lineament.metrics.intervals import Sums, divide
from lineament.records.sources.ferv39k import Ferv39k
from lineament.records.sources.rows import read_csv_rows, read_lines, require_file
from lineament.records.sources.source import UNREADABLE, Dropped

Layout = Literal["dfew", "mafw", "ferv39k"]
FOLDS = tuple(f"fold-{number}" for number in range(1, 6))
# Where the sets' users have the clips: folders of frames, or files.
_PLACES: Mapping[Layout, tuple[str, ...]] = {
    "dfew": (
        "Clip/clip_224x224/{name}", "Clip/clip_224x224_16f/{name}", "Clip/original/{name}.mp4",
        "Clip/original/{number}.mp4", "Clip/clip_224x224_avi/{name}.avi",
    ),
    "mafw": ("data/clips/{name}.mp4", "clips/{name}.mp4", "data/frames/{name}"),
    "ferv39k": ("{name}",),
}  # fmt: skip

# A label as a file gives it: clip, class, fold.
Row = tuple[str, str, str]


def read_dfew(folder: Path, fold_name: str) -> Iterator[Row | Dropped]:
    """Yield ``EmoLabel_DataSplit/test(single-labeled)/set_K.csv``: ``video_name,label``."""
    labels = read_prompts("expressions")["labels"]["dfew"]
    number = fold_name.removeprefix("fold-")
    path = require_file(folder, f"EmoLabel_DataSplit/test(single-labeled)/set_{number}.csv")
    for row in read_csv_rows(path, ("video_name", "label")):
        if isinstance(row, Dropped):
            yield row
            continue
        name, label = row["video_name"].strip(), row["label"].strip()
        if not name.isdecimal() or label not in labels:
            yield Dropped(name, UNREADABLE, f"label {label[:20]!r}")
        else:
            yield f"{int(name):05d}", labels[label], fold_name


def read_mafw(folder: Path, fold_name: str) -> Iterator[Row | Dropped]:
    """Yield ``Train & Test Set/single/no_caption/set_K/test.txt``: ``00001.mp4 anger``."""
    labels = read_prompts("expressions")["labels"]["mafw"]
    number = fold_name.removeprefix("fold-")
    path = require_file(folder, f"Train & Test Set/single/no_caption/set_{number}/test.txt")
    for at, line in read_lines(path):
        if isinstance(line, Dropped):
            yield line
        elif line.strip():
            clip, _, label = line.strip().rpartition(" ")
            name = clip.strip().removesuffix(".mp4")
            if not name.isdecimal() or label not in labels:
                yield Dropped(f"{path.name}, line {at}", UNREADABLE, f"label {label[:20]!r}")
            else:
                yield name, labels[label], fold_name


def read_ferv39k(folder: Path, split: str) -> Iterator[Row | Dropped]:
    """Yield the test list of all scenes, through the data engine's own source."""
    labels = read_prompts("expressions")["labels"]["ferv39k"]
    for row in Ferv39k().read(folder, split):
        if isinstance(row, Dropped):
            yield row
            continue
        found = [labels[f.name] for f in row.facts if f.name in labels and f.value is True]
        yield row.media, found[0], split


_READERS = {"dfew": read_dfew, "mafw": read_mafw, "ferv39k": read_ferv39k}


@final
@dataclass(frozen=True, slots=True)
class Expressions:
    """One set of clips with one expression each; a class is asked and read from words.

    Attributes:
        name: What people type.
        layout: Whose files are read.
        splits: Test parts; ``all`` is every fold's test part, each clip once.
        published: Figures of others.
        unpublished: Why there are none.
    """

    name: str
    layout: Layout
    splits: tuple[str, ...]
    published: tuple[Published, ...] = ()
    unpublished: str = ""
    headline: str = "uar"
    needs_folder: bool = True
    has_phrasings: bool = True

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the prompt."""
        return tuple(read_prompts("expressions")["classes"][self.layout])

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        return f"{self.name.upper()}: one of {len(self.classes)} expressions of a face in a clip"

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the labels of one test part, or of all folds."""
        split = require_options(self, options)
        dropped: Counter[str] = Counter()
        items: list[Item] = []
        for part in FOLDS if split == "all" else (split,):
            for row in _READERS[self.layout](folder, part):
                if isinstance(row, Dropped):
                    dropped[row.reason] += 1
                else:
                    items += self._ask(row, options)
        kept = limit_media(items, options.limit)
        notes = (
            "UAR is the mean recall over the classes, WAR the share of right answers, in percent. "
            "The prior is the best constant answer. An answer that names no class, or two, is "
            "wrong.",
            f"{NUM_FRAMES} frames a clip; folders of frames are taken at {FOLDER_FPS:g} a second.",
            f"prompts: {prompts_id('expressions')}",
            *((f"No published figure: {self.unpublished}.",) if self.unpublished else ()),
        )
        opened = functools.partial(self._open, folder=folder)
        return ItemSet(kept, opened, {}, dropped, notes).require_items(folder)

    def _ask(self, row: Row, options: Options) -> Iterator[Item]:
        clip, label, part = row
        listed = ", ".join(self.classes)
        prompts = read_prompts("expressions")["ask"]
        for phrasing in range(len(prompts) if options.with_phrasings else 1):
            yield Item(
                id=f"{self.name}/{clip}" + (f"/{phrasing}" if phrasing else ""), media=clip,
                question=prompts[phrasing].format(classes=listed), kind="class", truth=label,
                group=part, subject=clip, phrasing=phrasing, level=1,
            )  # fmt: skip

    def _open(self, media: str, folder: Path) -> Visual:
        number = media.lstrip("0") or "0"
        return open_first(
            [folder / place.format(name=media, number=number) for place in _PLACES[self.layout]]
        )

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score by UAR, WAR and macro F1; an item without an answer is wrong."""
        said = {item.id: self.read(answers.get(item.id, "")) for item in items}
        plain = [item for item in items if item.phrasing == 0]
        measures = _measure(plain, said, self.classes)
        matrix = _count(plain, said, self.classes)
        recalls = recall_by_class(matrix)
        table = {"classes": self.classes, "columns": [*self.classes, "none"]}
        extra = _phrasings(items, said, self.classes)
        figures = {name: measure.figure() for name, measure in measures.items()}
        return Scores(
            figures,
            measures,
            {
                "confusion": table | {"rows": matrix.tolist()},
                "recall": dict(zip(self.classes, recalls.tolist(), strict=True)),
                **extra,
            },
            wrong_ids=tuple(item.id for item in plain if said[item.id] != item.truth),
            unread_ids=tuple(item.id for item in plain if said[item.id] is None),
        )

    def read(self, answer: str) -> str | None:
        """Return the class an answer names; None where it names none, or several."""
        words = read_prompts("expressions")["words"]
        found = find_named(answer, {name: words[name] for name in self.classes})
        return found[0] if len(found) == 1 else None


def _measure(
    items: Sequence[Item], said: Mapping[str, str | None], classes: Sequence[str]
) -> dict[str, Measure]:
    truth = [item.truth for item in items]
    stats = class_stats(truth, [said[item.id] for item in items], classes)
    counts = Counter(truth)
    most = max(counts.values()) / len(truth)
    shared: dict[str, Any] = {
        "ids": [item.id for item in items], "subjects": [item.subject for item in items],
        "scale": 100.0,
    }  # fmt: skip
    best = 2 * most / (1 + most) / len(counts)
    measures = {
        "uar": Measure(**shared, stats=stats, statistic=recall_of, prior=1 / len(counts)),
        "war": Measure(**shared, stats=stats, statistic=accuracy_of, prior=most),
        "macro_f1": Measure(**shared, stats=stats, statistic=macro_f1_of, prior=best),
    }
    folds = sorted({item.group for item in items})
    if len(folds) > 1:
        blocks = np.zeros((len(items), len(folds), stats.shape[1]))
        places = [folds.index(item.group) for item in items]
        blocks[np.arange(len(items)), places] = stats
        spread = blocks.reshape(len(items), -1)
        for name, statistic in (("uar", recall_of), ("war", accuracy_of)):
            measures[f"{name}_mean_over_folds"] = Measure(
                **shared, stats=spread, statistic=_mean_over(statistic, len(folds))
            )
    return measures


def _mean_over(statistic: Any, num_folds: int) -> Any:
    def mean_of_folds(sums: Sums) -> Float[np.ndarray, " resamples"]:
        scores = np.stack([statistic(block) for block in np.split(sums, num_folds, axis=1)])
        known = ~np.isnan(scores)
        return divide(np.where(known, scores, 0.0).sum(0), known.sum(0).astype(np.float64))

    return mean_of_folds


def _count(items: Sequence[Item], said: Mapping[str, str | None], classes: Sequence[str]) -> Any:
    return count_classes([i.truth for i in items], [said[i.id] for i in items], classes)


def _phrasings(
    items: Sequence[Item], said: Mapping[str, str | None], classes: Sequence[str]
) -> dict[str, Any]:
    numbers = sorted({item.phrasing for item in items})
    if len(numbers) < 2:
        return {}
    parts = [[item for item in items if item.phrasing == number] for number in numbers]
    scores = [100 * uar(_count(part, said, classes)) for part in parts]
    return {"phrasings": {"uar": scores, "range": max(scores) - min(scores)}}


_NOTES_SOURCE = "the project's notes on FaVChat's repository and papers; not rerun here"
_TRAINED = "prompts and label map differ; trained on related labels"


def _published(system: str, uar_: float, war_: float, caution: str) -> tuple[Published, ...]:
    return (
        Published(system, "uar", uar_, _NOTES_SOURCE, caution),
        Published(system, "war", war_, _NOTES_SOURCE, caution),
    )


EXPRESSION_TASKS = (
    Expressions(
        "dfew", "dfew", ("all", *FOLDS),
        (
            *_published("FaVChat", 70.01, 79.79, _TRAINED),
            *_published("Emotion-LLaMA, zero-shot", 45.59, 59.37, "sound too; reruns stay below"),
        ),
    ),
    Expressions(
        "mafw", "mafw", ("all", *FOLDS), _published("FaVChat", 51.09, 62.17, _TRAINED)
    ),
    Expressions(
        "ferv39k", "ferv39k", ("test",),
        unpublished="of FERV39K the project's notes tell size and classes, and nobody's figures",
    ),
)  # fmt: skip
