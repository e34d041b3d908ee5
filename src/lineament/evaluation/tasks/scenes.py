"""Aerial scenes: questions, captions, grounding and classes of public sets, on their test parts."""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, final

from lineament.annotation import Annotation
from lineament.evaluation.item import Item, ItemSet, Kind, Visual, limit_media
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.reading import read_short
from lineament.evaluation.result import Scores
from lineament.evaluation.tasks.priors import MEAN_OVER_TYPES
from lineament.evaluation.tasks.scene_published import PUBLISHED, note_of
from lineament.evaluation.tasks.scene_scores import HEADLINES, TYPE_PREFIX, score_part, type_of
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.records.sources.pixels import has_media, open_pixels
from lineament.records.sources.scenes.label import Label, end_question, find_size_px, labels_of
from lineament.records.sources.scenes.rsvqa import bucket_answer
from lineament.records.sources.source import DUPLICATE, Dropped
from lineament.records.sources.table import require_source

Form = Literal["vqa", "caption", "grounding", "class"]
BOX_SCALE = 100.0
_BRACKETS, _NUMBER = re.compile(r"\[[^\[\]]*\]"), re.compile(r"-?\d+(?:\.\d+)?")
_KINDS: Mapping[Form, Kind] = {
    "vqa": "exact", "caption": "text", "grounding": "box", "class": "class",
}  # fmt: skip
# Sources keep questions on number and presence apart; to a test they are questions.
_ASKED: Mapping[Form, tuple[str, ...]] = {
    "vqa": ("vqa", "count", "existence"), "caption": ("caption",), "grounding": ("grounding",),
    "class": ("class",),
}  # fmt: skip
_NOTES: Mapping[Form, str] = {
    "vqa": "Exact match of the first line, lower case, number words as digits. The prior is the "
    "best constant answer, of each type for its own figure. skill is the mean over types of "
    "(exact match - prior) / (1 - prior): 0 for the best constant answer of each type, 1 for "
    "whoever is always right. yes_bias is the share of answers that begin with yes minus the "
    "share for which yes is right, over the types that yes and no answer.",
    "caption": "References that repeat word for word count once, so CIDEr and figures over all "
    "five references differ a little; BLEU and ROUGE-L do not. The prior is the best of five "
    "fixed references said of every picture.",
    "grounding": "Boxes are asked on a scale of 0 to 100; what cannot be read is a miss. The prior "
    "is the best of the whole picture, its middle and the mean box.",
    "class": "All classes of the part are listed in the prompt, in alphabetical order.",
}
# Types of questions whose numbers the sets' own code makes classes of, by source.
BUCKETED: Mapping[str, tuple[str, ...]] = {"rsvqa-lr": ("count",), "rsvqa-hr": ("area",)}
BUCKETED_PREFIX = "bucketed/"
_BUCKETED_NOTE = (
    "Numbers are matched as they stand. Figures under bucketed/ match the classes that the set's "
    "own code makes of both sides: 0, to 10, to 100, to 1000, more; of counts for RSVQA-LR, of "
    "areas for RSVQA-HR."
)


@final
@dataclass(frozen=True, slots=True)
class Scenes:
    """One public set, asked in one form.

    Attributes:
        name: What people type.
        source: Which of our sources reads it.
        form: What is asked.
        splits: Parts that may be scored; the first is the default.
        has_ids: Whether the set's rows have ids, by which a doubled one is refused; in sets
            without, a row that repeats word for word is dropped and counted.
    """

    name: str
    source: str
    form: Form
    splits: tuple[str, ...] = ("test",)
    has_ids: bool = True
    needs_folder: bool = True

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        return f"{self.source}, {self.form}, part {self.splits[0]}"

    @property
    def headline(self) -> str:
        """The metric to quote."""
        return HEADLINES[_KINDS[self.form]]

    @property
    def published(self) -> tuple[Published, ...]:
        """Figures of others."""
        return PUBLISHED.get(self.name, ())

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the part that is asked for, through the data engine's own source."""
        split = require_options(self, options)
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
        items: Iterable[Item] = (item for row in found for item in self._ask(row, classes))
        if not self.has_ids:
            items = drop_repeated(items, dropped)
        items = limit_media(list(items), options.limit)
        notes = (_NOTES[self.form], *note_of(self.name), f"prompts: {prompts_id('scenes')}")
        if self.source in BUCKETED:
            notes += (_BUCKETED_NOTE,)
        if split == "all":
            notes += ("the file is not split: pictures of the train part are among these",)
        opened = functools.partial(_open, folder=folder)
        return ItemSet(items, opened, {}, dropped, notes).require_items(folder)

    def _ask(self, annotation: Annotation, classes: Sequence[str]) -> Iterator[Item]:
        labels = [label for label in labels_of(annotation) if label.task in _ASKED[self.form]]
        if self.form == "caption" and labels:
            truth = tuple(label.answer for label in labels if not label.flaw)
            if truth:  # named as its file names it, wherever the picture lies
                name = labels[0].row.rpartition("#")[0]
                yield self._item(annotation, name, {}, truth, "")
            return
        for label in labels:
            if self.form == "vqa":
                slots, truth = {"question": end_question(label.question)}, label.answer
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
        if self.form == "grounding":
            answers = {id: unfold_fractions(said) for id, said in answers.items()}
        found = score_part(items, answers, self.name)
        measures = {
            **found.measures, **score_buckets(items, answers, self.name, BUCKETED.get(self.source)),
        }  # fmt: skip
        figures = {name: measure.figure() for name, measure in measures.items()}
        return Scores(
            figures | dict(found.figures), measures, found.tables,
            wrong_ids=found.wrong_ids, unread_ids=found.unread_ids,
        )  # fmt: skip


def score_buckets(
    items: Sequence[Item], answers: Mapping[str, str], where: str, types: Sequence[str] | None
) -> dict[str, Measure]:
    """Score short answers once more, with the classes of numbers in their place.

    Args:
        items: Questions, each with its type last in its group.
        answers: By item id.
        where: For messages.
        types: Of which questions numbers have classes; none: nothing is scored.

    Returns:
        Exact match in all, its mean over types, and that of the types whose numbers have classes,
        under ``bucketed/``; nothing where no question is of these types.
    """
    chosen = {item.id: type_of(item) for item in items if type_of(item) in (types or ())}
    if not chosen:
        return {}

    def bucket(id: str, said: str) -> str:
        return bucket_answer(chosen[id], read_short(said)) if id in chosen else said

    found = score_part(
        [replace(item, truth=bucket(item.id, str(item.truth))) for item in items],
        {id: bucket(id, said) for id, said in answers.items()},
        where,
    ).measures
    own = {f"{TYPE_PREFIX}{name}" for name in chosen.values()}
    kept = ("exact_match", MEAN_OVER_TYPES, *sorted(own))
    return {f"{BUCKETED_PREFIX}{name}": found[name] for name in kept if name in found}


def unfold_fractions(said: str) -> str:
    """Bring a box in fractions of the picture, as our own models write it, to 0 to 100.

    No box on that scale lies whole within its first hundredth, so nothing else is changed.
    """

    def scale(found: re.Match[str]) -> str:
        numbers = [float(number) for number in _NUMBER.findall(found[0])]
        is_fraction = len(numbers) >= 4 and all(0 <= number <= 1 for number in numbers)
        if not is_fraction:
            return found[0]
        return f"[{', '.join(f'{BOX_SCALE * number:g}' for number in numbers)}]"

    return _BRACKETS.sub(scale, said)


def drop_repeated(items: Iterable[Item], dropped: Counter[str]) -> Iterator[Item]:
    """Yield items, but one that asks the same of the same picture with the same truth once.

    For sets whose rows have no ids: a row is known by its words alone.
    """
    seen: set[tuple[str, str, str]] = set()
    for item in items:
        key = (item.media, item.question, repr(item.truth))
        if key in seen:
            dropped[DUPLICATE] += 1
        else:
            seen.add(key)
            yield item


def scale_box(annotation: Annotation, label: Label) -> tuple[float, ...] | None:
    """Return a label's box on the prompt's scale; None where the picture's size is not known."""
    size = find_size_px(annotation)
    if label.box_px is None or size is None:
        return None
    sides = (*size, *size)
    return tuple(BOX_SCALE * x / side for x, side in zip(label.box_px, sides, strict=True))


def _open(media: str, folder: Path) -> Visual:
    # Pictures may lie one folder below the one that is given, apart from the labels.
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    base = next((path for path in (folder, *inside) if has_media(media, path)), folder)
    return Visual(open_pixels(media, base)[None])


SCENE_TASKS = (
    Scenes("rsvqa-lr", "rsvqa-lr", "vqa", ("test", "val", "all")),
    Scenes("rsvqa-hr", "rsvqa-hr", "vqa", ("test", "test-phili", "val", "all")),
    Scenes(
        "rsivqa", "rsivqa", "vqa", ("dota-val", "hrrsd", "aid", "ucm", "ucm-human", "sydney"),
        has_ids=False,
    ),
    Scenes("rsicd", "rsicd", "caption", ("test", "val", "coco-test")),
    Scenes("rsitmd", "rsitmd", "caption", ("test",)),
    Scenes("ucm-captions", "ucm-captions", "caption", ("test",)),
    Scenes("sydney-captions", "sydney-captions", "caption", ("test",)),
    Scenes("nwpu-captions", "nwpu-captions", "caption", ("test",)),
    Scenes("dior-rsvg", "dior-rsvg", "grounding", ("test",), has_ids=False),
    Scenes("rsvg-hr", "rsvg-hr", "grounding", ("test",), has_ids=False),
    Scenes("aid", "aid", "class", ("test", "all")),
    Scenes("uc-merced", "uc-merced", "class", ("test", "all")),
    Scenes("nwpu-resisc45", "nwpu-resisc45", "class", ("test", "all")),
)  # fmt: skip
