"""RS-GPT4V as one source: ten label sets adapted, and what is written about some pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.chunk import SOURCE_KEY, SPLIT_KEY
from lineament.records.sources.scenes.detection import DETECTION_SETS
from lineament.records.sources.scenes.label import Label, label_extra, labels_of
from lineament.records.sources.scenes.mixture import RS_GPT4V, Ingredient, Mixture
from lineament.records.sources.source import Dropped, require_split
from lineament.records.sources.table import require_source
from lineament.records.write.scenes.planned import PLAN, Plan, PlannedWriter

FIXTURE_MARK = "fixture.json"
FIXTURE_LICENCE = "fixture: labels drawn from a seed, no real picture behind them"
GROUNDING, BOXES = "dior-rsvg", "dior"  # whose pictures are written about, and their boxes


@dataclass(frozen=True, slots=True)
class Written:
    """How much is written about the pictures of one part, spread evenly over them.

    Attributes:
        num_pictures: Pictures of the part.
        num_described: How many get a description.
        num_dialogues: How many get a conversation.
        num_rounds: Questions of all conversations together.
    """

    num_pictures: int
    num_described: int
    num_dialogues: int
    num_rounds: int

    def plan(self, number: int) -> Plan:
        """Return what is due for one picture; other sizes keep the same shares."""
        before = _spread(number, self.num_dialogues, self.num_pictures)
        has_dialogue = _spread(number + 1, self.num_dialogues, self.num_pictures) > before
        rounds = 0
        if has_dialogue:
            rounds = _spread(before + 1, self.num_rounds, self.num_dialogues)
            rounds -= _spread(before, self.num_rounds, self.num_dialogues)
        described = _spread(number + 1, self.num_described, self.num_pictures)
        described -= _spread(number, self.num_described, self.num_pictures)
        return Plan(described, rounds)


def _spread(number: int, total: int, over: int) -> int:
    """Return how many of a total have fallen on the first so many places."""
    return number * total // over


# Descriptions and rounds of the train part: 9,466 and 62,066, the 71,532 pairs that are left.
RS_GPT4V_WRITTEN: Mapping[str, Written] = {
    "train": Written(9466, 9466, 9465, 62_066),
    "test": Written(7936, 0, 1226, 2543),
}


@final
@dataclass(frozen=True)
class SceneMixture:
    """Sources of scenes read one after the other, each from a folder of its own name.

    All tasks of a picture come in one annotation: phrases to boxes, boxes to phrases, and what is
    written from the boxes of the detection set that the picture belongs to. In the test part a
    picture's captions are one question with several right answers.

    Attributes:
        mixture: Which sources, and their published counts.
        written: What is written, by split.
    """

    mixture: Mixture
    written: Mapping[str, Written]
    splits: tuple[str, ...] = ("train", "test")
    needs_folder: bool = True

    @property
    def name(self) -> str:
        """What people type."""
        return self.mixture.name

    @property
    def licence(self) -> str:
        """The terms of all parts together."""
        names = (one.source for one in self.ingredients)
        return "; ".join(dict.fromkeys(require_source(name).licence for name in names))

    @property
    def ingredients(self) -> tuple[Ingredient, ...]:
        """The sources that are read; box to phrase comes along with phrase to box."""
        return tuple(
            one for one in self.mixture.ingredients if one.is_in_paper and one.task != "region"
        )

    def make_writer(self, seed: int = 0) -> PlannedWriter:
        """Return the writer that writes what is planned."""
        return PlannedWriter(seed)

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield the pictures of every source.

        Raises:
            BadInput: A source's folder is not there.
        """
        require_split(self, split)
        self._require_folders(folder)
        for one in self.ingredients:
            if one.source == GROUNDING:
                yield from self.read_written(folder, split)
            elif part := _part_of(one, split):
                for item in require_source(one.source).read(folder / one.source, part):
                    if isinstance(item, Annotation):
                        item = _join_captions(item) if split == "test" else item
                        item = _mark(item, folder, one.source, split)
                    yield item

    def read_written(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield the pictures that have phrases, with their boxes and what is to be written."""
        one = next(one for one in self.ingredients if one.source == GROUNDING)
        source = require_source(one.source)
        number = 0
        for item in source.read(folder / one.source, _part_of(one, split)):
            if isinstance(item, Dropped):
                yield item
                continue
            boxed = item
            for found in _read_boxes(folder, item):
                if isinstance(found, Dropped):
                    yield found
                else:
                    boxed = replace(item, subjects=found.subjects, facts=found.facts)
            labels = labels_of(item)
            if split == "train":
                labels += tuple(_reverse(label) for label in labels)
            extra = {**label_extra(labels), PLAN: self.written[split].plan(number)}
            yield _mark(replace(boxed, extra=extra), folder, one.source, split)
            number += 1

    def _require_folders(self, folder: Path) -> None:
        names = [*(one.source for one in self.ingredients), BOXES]
        missing = [name for name in names if not (folder / name).is_dir()]
        if missing:
            raise BadInput(
                f"{folder}: holds no folder {', '.join(missing)}",
                hint="a folder for each source, links will do: " + ", ".join(names),
            )


RS_GPT4V_BUILD = SceneMixture(RS_GPT4V, RS_GPT4V_WRITTEN)


def is_fixture(folder: Path) -> bool:
    """Say whether a source's folder holds labels that were drawn, not given by anybody."""
    return (folder / FIXTURE_MARK).is_file()


def _part_of(one: Ingredient, split: str) -> str:
    return one.split if split == "train" else one.test_split


def _mark(annotation: Annotation, folder: Path, source: str, split: str) -> Annotation:
    licence = FIXTURE_LICENCE if is_fixture(folder / source) else annotation.licence
    return replace(
        annotation,
        media=f"{source}/{annotation.media}",
        licence=licence,
        extra={**annotation.extra, SOURCE_KEY: source, SPLIT_KEY: split},
    )


def _read_boxes(folder: Path, annotation: Annotation) -> Iterator[Annotation | Dropped]:
    """Yield the picture as the detection set has it: every object of every class it marks."""
    boxes = next(one for one in DETECTION_SETS if one.name == BOXES)
    return boxes.read_picture(folder / BOXES, Path(annotation.media).stem)


def _reverse(label: Label) -> Label:
    """Return the question for the phrase of a box."""
    return replace(
        label, task="region", question="", answer=label.question, row=f"{label.row}, reversed"
    )


def _join_captions(annotation: Annotation) -> Annotation:
    """Make one question of a picture's captions, the others being right answers, too."""
    labels = labels_of(annotation)
    captions = [label for label in labels if label.task == "caption"]
    spoken = [label for label in captions if not label.flaw] or captions
    if not spoken:
        return annotation
    first = replace(spoken[0], references=tuple(label.answer for label in spoken[1:]))
    others = tuple(label for label in labels if label.task != "caption")
    return replace(annotation, extra={**annotation.extra, **label_extra((first, *others))})
