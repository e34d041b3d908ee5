"""Label: one thing that a remote-sensing data set says of a picture, before it becomes a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lineament.annotation import Annotation, Fact
from lineament.records.sources.rows import writable

Task = Literal["caption", "vqa", "grounding", "region", "class", "count", "existence"]
TASKS: tuple[Task, ...] = get_args(Task)
LABELS = "labels"  # the key of `Annotation.extra` under which labels wait to be adapted

# Why rows and objects are dropped, beside the reasons that every source has.
BAD_BOX = "bad box"
OUTSIDE = "box outside the picture"
UNKNOWN_CLASS = "unknown class"
NO_ANSWER = "no answer"
# Why labels that count as published are no use for training.
BLANK = "blank caption"
LOST_NOUN = "question without its noun"
REPEATED = "repeated question"


@dataclass(frozen=True, slots=True)
class Label:
    """One label, as its data set has it.

    Attributes:
        task: What kind of label it is.
        question: The question, the phrase to find, or empty where the task says it all.
        answer: The caption, answer, phrase or class; empty for grounding.
        type: The data set's own kind of question.
        box_px: Corners ``x0, y0, x1, y1`` in pixels, for grounding and region captions.
        row: The data set's own id of the row.
        is_number: The answer is a number in the data set's file, not text.
        flaw: Why it should not be trained on; empty where nothing is wrong.
        references: Further right answers, for tests that score against all of them.
        source_box_px: The box as the data set has it, where it was cut at the picture's border.
    """

    task: Task
    question: str = ""
    answer: str = ""
    type: str = ""
    box_px: tuple[float, float, float, float] | None = None
    row: str = ""
    is_number: bool = False
    flaw: str = ""
    references: tuple[str, ...] = ()
    source_box_px: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("question", "answer", "type", "row"):
            text = getattr(self, name)
            if not text.isascii():
                object.__setattr__(self, name, writable(text))


def end_question(question: str) -> str:
    """Return a question with a mark at its end, which some rows lack."""
    text = question.rstrip()
    return f"{text}?" if text and text[-1] not in "?.!:" else text


def labels_of(annotation: Annotation) -> tuple[Label, ...]:
    """Return the labels that a source put into an annotation."""
    return tuple(annotation.extra.get(LABELS, ()))


def label_extra(labels: tuple[Label, ...]) -> Mapping[str, Any]:
    """Return what `Annotation.extra` takes to carry labels."""
    return {LABELS: labels}


def picture_facts(
    size_px: tuple[float, float] | None = None,
    meters_per_pixel: float | None = None,
    source: str = "labels",
) -> list[Fact]:
    """Return the facts of size and scale, where they are known."""
    facts: list[Fact] = []
    if size_px is not None:
        facts.append(Fact("width_px", float(size_px[0]), subject="clip", source=source))
        facts.append(Fact("height_px", float(size_px[1]), subject="clip", source=source))
    if meters_per_pixel is not None:
        facts.append(
            Fact("meters_per_pixel", float(meters_per_pixel), subject="clip", source=source)
        )
    return facts


def find_size_px(annotation: Annotation) -> tuple[float, float] | None:
    """Return width and height of the picture that the labels were drawn on, where known."""
    sizes = [annotation.facts_named(name, "clip") for name in ("width_px", "height_px")]
    if not all(sizes):
        return None
    return float(sizes[0][0].value), float(sizes[1][0].value)
