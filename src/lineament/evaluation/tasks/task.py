"""Task: the protocol every benchmark follows, and published figures beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from lineament.errors import BadInput
from lineament.evaluation.item import Item, ItemSet
from lineament.evaluation.result import Scores


@dataclass(frozen=True, slots=True)
class Published:
    """A figure somebody published for this benchmark.

    Attributes:
        system: Which model.
        metric: Our name of the metric.
        value: In the metric's unit.
        source: Where it stands.
        caution: Why it may not compare, or empty.
    """

    system: str
    metric: str
    value: float
    source: str
    caution: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run may choose; everything else is frozen.

    Attributes:
        split: The split or fold; the task's default when empty.
        limit: Number of media of each part; None takes all.
        with_phrasings: Ask all phrasings, for prompt sensitivity, not only the scored one.
        count: How many media a task that makes its own shall make.
    """

    split: str = ""
    limit: int | None = None
    with_phrasings: bool = False
    count: int | None = None


@runtime_checkable
class Task(Protocol):
    """A benchmark: adapter, frozen prompts, label map, scorer and published figures."""

    @property
    def name(self) -> str:
        """What people type."""
        ...

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        ...

    @property
    def headline(self) -> str:
        """The metric to quote; one that a constant answer cannot win."""
        ...

    @property
    def needs_folder(self) -> bool:
        """False where the media are made rather than read."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """What can be asked for; the first is the default."""
        ...

    @property
    def published(self) -> tuple[Published, ...]:
        """Figures of others."""
        ...

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the data set as its users have it.

        Raises:
            BadInput: Files are missing or damaged, the split is unknown, or an id is doubled.
        """
        ...

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score answers by item id; an item without an answer is wrong.

        Raises:
            BadInput: There is nothing to score.
        """
        ...


@runtime_checkable
class Phrased(Task, Protocol):
    """A task that says whether its questions have further frozen wordings."""

    @property
    def has_phrasings(self) -> bool:
        """Whether all wordings can be asked; the first is the one scored."""
        ...


@runtime_checkable
class Grader(Protocol):
    """Whoever grades an answer against a reference, a judge of ``judges.py`` or any other."""

    def judge(self, question: str, reference: str, answer: str) -> float | None:
        """Return how right an answer is, from 0 to 1; None where it cannot be said."""
        ...


@runtime_checkable
class Gradable(Task, Protocol):
    """A task whose answers a judge can grade, too."""

    def with_judge(self, judge: Grader) -> Task:
        """Return the same task with a judge."""
        ...


def require_gradable(task: Task) -> Gradable:
    """Return the task as one that takes a judge.

    Raises:
        BadInput: It has no free answers that a judge could grade.
    """
    if not isinstance(task, Gradable):
        raise BadInput(f"{task.name} is scored by rules alone", hint="leave out the judge")
    return task


def require_options(task: Task, options: Options) -> str:
    """Refuse what the task has not, and return the split asked for, or its default.

    Raises:
        BadInput: The task has no such split, or all wordings are asked for where it has one.
    """
    if options.split and options.split not in task.splits:
        raise BadInput(
            f"{task.name} has no split {options.split!r}", hint=f"splits: {', '.join(task.splits)}"
        )
    if options.with_phrasings and not (isinstance(task, Phrased) and task.has_phrasings):
        raise BadInput(
            f"{task.name} has one wording of each question", hint="leave out --phrasings"
        )
    return options.split or task.splits[0]
