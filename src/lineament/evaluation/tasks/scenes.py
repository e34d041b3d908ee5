"""Aerial scenes: questions, captions, grounding and classes of public sets, on their test parts."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from lineament.annotation import Annotation
from lineament.evaluation.item import Item, ItemSet, Kind, Visual, limit_media
from lineament.evaluation.predictions import parse_boxes
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.result import Scores
from lineament.evaluation.scorers import (
    Given,
    score_captions,
    score_classes,
    score_grounding,
    score_vqa,
)
from lineament.evaluation.tasks.priors import add_priors
from lineament.evaluation.tasks.task import Options, Published, choose_split
from lineament.records.sources.pixels import has_media, open_pixels
from lineament.records.sources.scenes.label import Label, find_size_px, labels_of
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import require_source

Form = Literal["vqa", "caption", "grounding", "class"]
BOX_SCALE = 100.0
_KINDS: Mapping[Form, Kind] = {
    "vqa": "exact", "caption": "text", "grounding": "box", "class": "class",
}  # fmt: skip
# Sources keep questions on number and presence apart; to a test they are questions.
_ASKED: Mapping[Form, tuple[str, ...]] = {
    "vqa": ("vqa", "count", "existence"), "caption": ("caption",), "grounding": ("grounding",),
    "class": ("class",),
}  # fmt: skip
_HEADLINES: Mapping[Form, str] = {
    "vqa": "exact_match_mean_over_types", "caption": "cider", "grounding": "accuracy_50",
    "class": "uar",
}  # fmt: skip
_NOTES: Mapping[Form, str] = {
    "vqa": "Exact match of the first line, lower case, number words as digits. The prior is the "
    "best constant answer, of each type for its own figure.",
    "caption": "References that repeat word for word count once, so CIDEr and figures over all "
    "five references differ a little; BLEU and ROUGE-L do not. The prior is the best of five "
    "fixed references said of every picture.",
    "grounding": "Boxes are asked on a scale of 0 to 100; what cannot be read is a miss. The prior "
    "is the best of the whole picture, its middle and the mean box.",
    "class": "All classes of the part are listed in the prompt, in alphabetical order.",
}


@final
@dataclass(frozen=True, slots=True)
class Scenes:
    """One public set, asked in one form.

    Attributes:
        name: What people type.
        source: Which of our sources reads it.
        form: What is asked.
        splits: Parts that may be scored; the first is the default.
        published: Figures of others.
    """

    name: str
    source: str
    form: Form
    splits: tuple[str, ...] = ("test",)
    published: tuple[Published, ...] = ()
    needs_folder: bool = True

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        return f"{self.source}, {self.form}, part {self.splits[0]}"

    @property
    def headline(self) -> str:
        """The metric to quote."""
        return _HEADLINES[self.form]

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the part that is asked for, through the data engine's own source."""
        split = choose_split(self, options.split)
        dropped: Counter[str] = Counter()
        found: list[Annotation] = []
        for row in require_source(self.source).read(folder, split):
            if isinstance(row, Dropped):
                dropped[row.reason] += 1
            else:
                found.append(row)
        classes = sorted(
            {label.answer for row in found for label in labels_of(row) if label.task == "class"}
        )
        items = [item for row in found for item in self._ask(row, classes)]
        items = list(limit_media(items, options.limit))
        notes = (_NOTES[self.form], f"prompts: {prompts_id('scenes')}")
        opened = functools.partial(_open, folder=folder)
        return ItemSet(tuple(items), opened, {}, dropped, notes).require_items(folder)

    def _ask(self, annotation: Annotation, classes: Sequence[str]) -> Iterator[Item]:
        labels = [label for label in labels_of(annotation) if label.task in _ASKED[self.form]]
        if self.form == "caption" and labels:
            truth = tuple(label.answer for label in labels if not label.flaw)
            if truth:
                yield self._item(annotation, annotation.media, {}, truth, "")
            return
        for label in labels:
            if self.form == "vqa":
                slots, truth = {"question": label.question}, label.answer
            elif self.form == "class":
                slots, truth = {"classes": ", ".join(classes)}, label.answer
            else:
                slots, truth = {"phrase": label.question}, scale_box(annotation, label)
            if truth is not None:
                yield self._item(annotation, label.row, slots, truth, label.type)

    def _item(
        self, annotation: Annotation, row: str, slots: Mapping[str, str], truth: Any, group: str
    ) -> Item:
        return Item(
            id=f"{self.name}/{row}", media=annotation.media,
            question=read_prompts("scenes")[self.form].format(**slots), kind=_KINDS[self.form],
            truth=truth, group=group, subject=annotation.split_key, source=self.source,
        )  # fmt: skip

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score as ``lineament score`` does; an item without an answer is wrong."""
        rows = [write_row(item, answers.get(item.id, "")) for item in items]
        score = _SCORERS[self.form]
        measures, tables, about = score(Given(rows, self.name))
        measures = add_priors(measures, rows, score)
        return Scores(
            {name: measure.figure() for name, measure in measures.items()}, measures, tables,
            wrong_ids=tuple(i.id for i, row in zip(items, rows, strict=True) if is_wrong(row)),
            unread_ids=tuple(about.get("unread_ids", ())),
        )  # fmt: skip


def write_row(item: Item, prediction: str) -> dict[str, Any]:
    """Return an item and its answer as a row of ``lineament score``."""
    row: dict[str, Any] = {"id": item.id, "prediction": prediction, "subject": item.subject}
    keys = {"exact": "answer", "text": "references", "box": "box", "class": "label"}
    truth = list(item.truth) if isinstance(item.truth, tuple) else item.truth
    return row | {keys[item.kind]: truth, "type": item.group}


def is_wrong(row: Mapping[str, Any]) -> bool:
    """Say whether a row is plainly wrong; captions never are."""
    if "box" in row:
        return parse_boxes(row["prediction"]) is None
    truth = row.get("answer", row.get("label"))
    return truth is not None and str(truth).lower() not in str(row["prediction"]).lower()


def scale_box(annotation: Annotation, label: Label) -> tuple[float, ...] | None:
    """Return a label's box on the prompt's scale; None where the picture's size is not known."""
    size = find_size_px(annotation)
    if label.box_px is None or size is None:
        return None
    sides = (*size, *size)
    return tuple(BOX_SCALE * x / side for x, side in zip(label.box_px, sides, strict=True))


def _open(media: str, folder: Path) -> Visual:
    # References are relative to the set's own folder, which may lie one below the one given.
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    base = next((path for path in (folder, *inside) if has_media(media, path)), folder)
    return Visual(open_pixels(media, base)[None])


_SCORERS: Mapping[Form, Any] = {
    "vqa": score_vqa, "caption": score_captions, "grounding": score_grounding,
    "class": score_classes,
}  # fmt: skip
_SCORED = "EarthDial's released predictions, scored by lineament score"
_NOTED = "the project's notes on the published papers; not scored by lineament score"


def _published(source: str, **figures: float) -> tuple[Published, ...]:
    return tuple(
        Published("EarthDial", name, value, source, "trained on the train part")
        for name, value in figures.items()
    )


SCENE_TASKS = (
    Scenes(
        "rsvqa-lr", "rsvqa-lr", "vqa", ("test", "val"),
        _published(
            _SCORED, exact_match_presence=92.59, exact_match_comp=92.75,
            exact_match_rural_urban=94.00, exact_match_count=27.69,
        ),
    ),
    Scenes("rsvqa-hr", "rsvqa-hr", "vqa", ("test", "test-phili", "val")),
    Scenes("rsivqa", "rsivqa", "vqa", ("dota-val", "hrrsd", "aid", "ucm", "ucm-human", "sydney")),
    Scenes(
        "rsicd", "rsicd", "caption", ("test", "val", "coco-test"),
        _published(_SCORED, bleu4=35.17),
    ),
    Scenes("rsitmd", "rsitmd", "caption", ("test",), _published(_NOTED, bleu4=11.36)),
    Scenes("ucm-captions", "ucm-captions", "caption", ("test",), _published(_NOTED, bleu4=26.40)),
    Scenes("sydney-captions", "sydney-captions", "caption", ("test",)),
    Scenes("nwpu-captions", "nwpu-captions", "caption", ("test",), _published(_NOTED, bleu4=66.60)),
    Scenes("dior-rsvg", "dior-rsvg", "grounding", ("test",)),
    Scenes("rsvg-hr", "rsvg-hr", "grounding", ("test",)),
    Scenes("aid", "aid", "class", ("test", "all")),
    Scenes("uc-merced", "uc-merced", "class", ("test", "all")),
    Scenes("nwpu-resisc45", "nwpu-resisc45", "class", ("test", "all")),
)  # fmt: skip
