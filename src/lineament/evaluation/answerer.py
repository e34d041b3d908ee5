"""Answerer: whatever answers questions about media; predictions files and chats among them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import numpy as np

from lineament.errors import BadInput
from lineament.evaluation.item import Item, Visual, hash_bytes

CANNOT_TELL = "I cannot tell."
LONG_TOKENS = 320  # of a description; what is cut off cannot count


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as an answerer gets it: no truth, no group.

    Attributes:
        id: The item's.
        question: What is asked.
        options: What may be chosen; empty for an open question.
        visual: What it is about; the same object for all questions about one media. None where
            the answerer does not look.
        is_long: The answer is free text, such as a description: it may take `LONG_TOKENS`.
    """

    id: str
    question: str
    options: tuple[str, ...] = ()
    visual: Visual | None = None
    is_long: bool = False

    @property
    def prompt(self) -> str:
        """The question with its options, lettered, one a line."""
        if not self.options:
            return self.question
        lines = [f"{chr(65 + n)}. {option}" for n, option in enumerate(self.options)]
        return "\n".join((self.question, *lines, "Answer with the letter of the right option."))


def say_limits(short: int, long: int) -> str:
    """Return how much an answer may take, as an identity has it: the long one where it is odd."""
    return f"tokens {short}" + ("" if long == LONG_TOKENS else f" or {long}")


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that could not be had; it counts as wrong and is listed."""

    reason: str


@runtime_checkable
class Answerer(Protocol):
    """Answers batches of questions."""

    @property
    def name(self) -> str:
        """How the report calls it."""
        ...

    @property
    def identity(self) -> str:
        """What answers depend on: name, weights, settings. Cached answers are kept by it."""
        ...

    @property
    def is_looking(self) -> bool:
        """Whether it wants to see the media at all."""
        ...

    @property
    def num_media(self) -> int:
        """About how many media one batch should be."""
        ...

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Answer every question of a batch, in order."""
        ...


@final
class PredictionsFile:
    """Answers made elsewhere: JSON Lines of ``{"id", "prediction"}``.

    An id may leave out the polarity and phrasing of our yes/no ids (``ffhq/00010/smile``); it
    then answers the plain question in its first phrasing.

    Raises:
        BadInput: The file is missing, a line is no such object, or an id is doubled.
    """

    is_looking = False
    num_media = 1024

    def __init__(self, path: Path | str, name: str = "") -> None:
        self.answers = read_predictions(Path(path))
        self.name = name or Path(path).stem
        self.identity = f"predictions {self.name} {hash_bytes(Path(path).read_bytes())[:16]}"

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Look every question up by its id."""
        return [self._find(asked.id) for asked in batch]

    def _find(self, id: str) -> str | Failure:
        found = self.answers.get(id)
        if found is None and id.endswith("/is/0"):
            found = self.answers.get(id.removesuffix("/is/0"))
        return Failure("no prediction") if found is None else found


_SHAPE = 'expected lines like {"id": ..., "prediction": ...}'


def read_predictions(path: Path) -> dict[str, str]:
    """Read ``{"id", "prediction"}`` lines; yes and no may be given as true and false.

    Raises:
        BadInput: Names the file and line.
    """
    answers: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{path}: {reason}", hint="check the path") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from None
    # JSON text may hold other line separators unescaped; a newline alone ends a row.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        id, prediction = _read_prediction(line, f"{path}, line {number}")
        if id in answers:
            raise BadInput(
                f"{path}, line {number}: id {id!r} is there twice", hint="remove one of the two"
            )
        answers[id] = prediction
    if not answers:
        raise BadInput(f"{path}: holds no predictions", hint=_SHAPE)
    return answers


def _read_prediction(line: str, where: str) -> tuple[str, str]:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON ({error})", hint=_SHAPE) from None
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: expected an object, got {type(row).__name__}", hint=_SHAPE)
    for key in ("id", "prediction"):
        if key not in row:
            raise BadInput(f"{where}: has no field {key!r}", hint=_SHAPE)
    said = row["prediction"]
    if isinstance(said, bool):
        said = "Yes." if said else "No."
    if not isinstance(said, str | int | float):
        raise BadInput(f"{where}: prediction is no text", hint=_SHAPE)
    return str(row["id"]), str(said)


@final
class ChatAnswerer:
    """Any function from media and questions to answers, as an answerer.

    Attributes:
        chat: Called once per media with all its prompts; gives as many answers.
        name: How the report calls it.
        identity: See `Answerer`; the name when left out.
    """

    is_looking = True
    num_media = 1

    def __init__(
        self,
        chat: Callable[[Visual, Sequence[str]], Sequence[object]],
        name: str,
        identity: str = "",
    ) -> None:
        self.chat = chat
        self.name = name
        self.identity = identity or name

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Ask all questions about one media together."""
        answers: list[str | Failure] = [Failure("not asked")] * len(batch)
        for visual, places in group_by_visual(batch):
            prompts = [batch[place].prompt for place in places]
            said = [str(answer) for answer in self.chat(visual, prompts)]
            if len(said) != len(places):
                raise BadInput(f"{self.name}: {len(places)} questions, {len(said)} answers")
            for place, answer in zip(places, said, strict=True):
                answers[place] = answer
        return answers


@final
class Constant:
    """Says the same to everything: the baseline that no headline metric may reward."""

    is_looking = False
    num_media = 1024

    def __init__(self, text: str) -> None:
        self.text = text
        self.name = f"always {text!r}"
        self.identity = self.name

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Say it."""
        return [self.text for _ in batch]


@final
class Blindfold:
    """An answerer that gets grey pictures of the same size: what language alone gives.

    Models of ours mask their visual streams instead; see `LoadedAnswerer`.
    """

    is_looking = True

    def __init__(self, inner: Answerer) -> None:
        self.inner = inner
        self.name = f"{inner.name}, blind"
        self.identity = f"{inner.identity}, blind"
        self.num_media = inner.num_media

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Ask with the pictures greyed out."""
        hidden: list[Asked] = list(batch)
        for visual, places in group_by_visual(batch):
            grey = Visual(np.full_like(visual.frames, 128), visual.times_seconds)
            for place in places:
                asked = batch[place]
                hidden[place] = replace(asked, visual=grey)
        return self.inner.answer(hidden)


def group_by_visual(batch: Sequence[Asked]) -> list[tuple[Visual, list[int]]]:
    """Return each visual of a batch with the places of its questions."""
    groups: dict[int, tuple[Visual, list[int]]] = {}
    for place, asked in enumerate(batch):
        if asked.visual is None:
            raise BadInput("this answerer looks, but no media was opened for it")
        groups.setdefault(id(asked.visual), (asked.visual, []))[1].append(place)
    return list(groups.values())


def asked_from_item(item: Item, visual: Visual | None) -> Asked:
    """Hide an item's truth."""
    return Asked(item.id, item.question, item.options, visual, is_long=item.kind == "text")


def spread_frames(visual: Visual, max_frames: int) -> list[int]:
    """Return which frames are shown: so many at most, the first and the last among them."""
    count = min(max_frames, len(visual.frames))
    places = np.linspace(0, len(visual.frames) - 1, count).round().astype(int)
    return np.unique(places).tolist()


def tell_times(visual: Visual, places: Sequence[int]) -> str:
    """Say in words when frames are shown, for models that get them as several pictures."""
    times = ", ".join(f"{visual.times_seconds[place]:.2f}" for place in places)
    return f"These are frames of one clip, at {times} seconds."
