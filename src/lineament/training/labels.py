"""Labels: an annotation as one target per name and frame, for encoders that learn before text."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8

from lineament.annotation import CLIP, Annotation
from lineament.model.processor import VisualInput
from lineament.vocabulary import read_vocabulary

UNKNOWN = -1
AGE_EDGES_YEARS = (25, 30, 35, 40, 45, 50, 55, 60, 65, 70)
NEAR_SECONDS = 0.08  # an act that only touches a frame's share is neither seen nor not


@dataclass(frozen=True, slots=True)
class Labels:
    """Targets of one example.

    Attributes:
        states: 1, 0 or unknown, by frame and name.
        age_span: First and last age class that it may be; unknown twice where no age is known.
    """

    states: Int8[np.ndarray, "frames names"]
    age_span: tuple[int, int]


@dataclass(frozen=True)
class LabelSet:
    """The names that are learned: flags, and every choice of names that are one of several."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, known: frozenset[str] | set[str]) -> "LabelSet":
        """Return flags as they are and choices as ``name=choice``."""
        entries = read_vocabulary().names
        listed: list[str] = []
        for name, entry in entries.items():
            if name in known:
                listed += [f"{name}={choice}" for choice in entry.choices] or [name]
        return cls(tuple(listed))

    def read(self, annotation: Annotation, shown: VisualInput) -> Labels:
        """Return the targets of each frame that is shown."""
        num_frames = len(shown.frames)
        states = np.full((num_frames, len(self.names)), UNKNOWN, np.int8)
        column = _columns(self.names)
        for name, value in read_states(annotation).items():
            if name in column:
                states[:, column[name]] = value
        for name, choice in _choices(annotation).items():
            for other in read_vocabulary().names[name].choices:
                if f"{name}={other}" in column:
                    states[:, column[f"{name}={other}"]] = other == choice
        self._write_times(states, annotation, shown, column)
        return Labels(states, age_span(annotation))

    def _write_times(
        self,
        states: np.ndarray,
        annotation: Annotation,
        shown: VisualInput,
        column: Mapping[str, int],
    ) -> None:
        """Say of what has a time in which frames' shares of the clip it is seen."""
        timed: dict[str, list[tuple[float, float]]] = {}
        for fact in annotation.facts:
            if fact.span_seconds is not None and fact.value is True and fact.name in column:
                timed.setdefault(fact.name, []).append(fact.span_seconds)
        borders = np.linspace(0.0, annotation.duration_seconds, len(shown.frames) + 1)
        for name, spans in timed.items():
            for place, (start, stop) in enumerate(zip(borders[:-1], borders[1:], strict=True)):
                overlap = max(min(stop, e) - max(start, s) for s, e in spans)
                near = min(NEAR_SECONDS, (stop - start) / 4)
                state = 1 if overlap > near else 0 if overlap <= 0 else UNKNOWN
                states[place, column[name]] = state


@dataclass(frozen=True)
class LabelTable:
    """What a stage's labels objective learns.

    Attributes:
        labels: The names.
        weights: What a name counts; Names of weight 0 are not learned.
        other_weight: What names count that are not in ``weights``.
    """

    labels: LabelSet
    weights: Mapping[str, float]
    other_weight: float = 1.0

    @property
    def name_weights(self) -> list[float]:
        """What each name counts, in their order."""
        return [self.weights.get(name, self.other_weight) for name in self.labels.names]


@functools.lru_cache(maxsize=8)
def _columns(names: tuple[str, ...]) -> Mapping[str, int]:
    return {name: index for index, name in enumerate(names)}


def read_states(annotation: Annotation) -> dict[str, bool]:
    """Return the flags of the main face that are known to be true or false at some time."""
    vocabulary = read_vocabulary()
    subject = next((s.id for s in annotation.subjects if s.kind == "face"), None)
    states: dict[str, bool] = {}
    for name in annotation.closed:
        members = [n for n, e in vocabulary.names.items() if e.family == name] or [name]
        for member in members:
            entry = vocabulary.names.get(member)
            if entry is not None and not entry.choices:
                states[member] = False
    for fact in annotation.facts:
        if fact.subject not in (subject, CLIP) or not isinstance(fact.value, bool):
            continue
        states[fact.name] = fact.value or states.get(fact.name, False)
    for name in [name for name, value in states.items() if value]:
        states.update(dict.fromkeys(vocabulary.names[name].implies, True))
    return states


def _choices(annotation: Annotation) -> dict[str, str]:
    subject = next((s.id for s in annotation.subjects if s.kind == "face"), None)
    return {
        fact.name: fact.value
        for fact in annotation.facts
        if fact.subject in (subject, CLIP) and isinstance(fact.value, str)
    }


def age_span(annotation: Annotation) -> tuple[int, int]:
    """Return the first and last age class that a label allows."""
    low = high = None
    if "age_low" in annotation.extra:
        low, high = float(annotation.extra["age_low"]), float(annotation.extra["age_high"]) + 0.99
    else:
        years = [f.value for f in annotation.facts if f.name == "age_years" and f.subject != CLIP]
        if years:
            low, high = float(years[0]) - 2.5, float(years[0]) + 2.5
    if low is None or high is None:
        return UNKNOWN, UNKNOWN
    first, last = np.digitize([low, high], AGE_EDGES_YEARS)
    return int(first), int(last)
