"""Quality: how much a record can teach, 0 to 1, from its checks, a prior, and models if given."""

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from lineament.annotation import Annotation
from lineament.claims import check_claims, read_answer
from lineament.records.record import Record
from lineament.vocabulary import Value, read_vocabulary

Pixels = UInt8[np.ndarray, "height width 3"]
# What each part weighs; parts that nobody could score are left out of the mean.
WEIGHTS: Mapping[str, float] = {
    "checked": 0.3, "answerable": 0.3, "beyond_prior": 0.25, "flips": 0.15,
}  # fmt: skip
# A repaired record has lost a sentence; an answer without claims was not checked at all.
REPAIRED_CHECK, UNCHECKED = 0.5, 0.5
MIN_SEEN = 20  # fewer faces say nothing about how common a name is


@runtime_checkable
class Annotator(Protocol):
    """Sees facts in a picture or clip."""

    def annotate(self, media: str) -> Annotation:
        """Return what can be seen.

        Args:
            media: As the record refers to it.
        """
        ...


@runtime_checkable
class Answerer(Protocol):
    """Answers a question about pictures, or guesses where it is shown none."""

    def answer(self, question: str, pixels: Pixels | None) -> str:
        """Return the answer; without a picture, what would be said blindly."""
        ...


@dataclass(frozen=True)
class Prior:
    """How often each value of each name holds: what can be guessed without looking.

    Attributes:
        shares: By name and value as JSON, the share among annotations that decide the name.
        chances: What was asked for so far, by name and value.
    """

    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    chances: dict[tuple[str, str], float | None] = field(default_factory=dict, compare=False)

    def probability(self, name: str, value: str) -> float | None:
        """Return how likely a claim is before looking; None where too little is known.

        Args:
            name: A name of the vocabulary.
            value: As the column ``claims`` has it: JSON.
        """
        if (name, value) not in self.chances:
            self.chances[name, value] = self._count(name, value)
        return self.chances[name, value]

    def _count(self, name: str, value: str) -> float | None:
        known = self.shares.get(name)
        if known is None:
            return None
        if value.startswith("["):
            low, high = json.loads(value)
            return sum(
                share
                for number, share in known.items()
                if (low is None or float(number) >= low) and (high is None or float(number) < high)
            )
        return known.get(value, 0.0)


def count_prior(annotations: Iterable[Annotation]) -> Prior:
    """Count how often each value of each name holds; closed names count as false."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    vocabulary = read_vocabulary()
    for annotation in annotations:
        stated: dict[str, Value] = {}
        for fact in annotation.facts:
            name, value = vocabulary.canonical(fact.name, fact.value)
            if stated.get(name) is not True:
                stated[name] = value
        for name in _closed_flags(annotation.closed):
            stated.setdefault(name, False)
        for name, value in stated.items():
            counts[name][_json_of(value)] += 1
    return Prior(
        {
            name: {value: count / tally.total() for value, count in tally.items()}
            for name, tally in counts.items()
            if tally.total() >= MIN_SEEN
        }
    )


# By type, too: 30 and 30.0 are one key of a dictionary, but two texts.
_json_of = functools.lru_cache(maxsize=4096, typed=True)(json.dumps)


@functools.lru_cache(maxsize=1024)
def _closed_flags(closed: frozenset[str]) -> tuple[str, ...]:
    entries = read_vocabulary().names.values()
    return tuple(
        entry.id
        for entry in entries
        if entry.kind == "flag" and (entry.id in closed or entry.family in closed)
    )


@dataclass(frozen=True)
class QualityScorer:
    """Scores verified records; every part beyond the check is used where its means are there.

    Attributes:
        prior: Of the data set: an answer that the prior gives away teaches little.
        annotator: Sees what the frames show: a claim it denies may not be answerable from them.
        answerer: Answers without the picture, and about the changed picture.
        counterfactual: For rendered media: the picture, and the same with what the record is
            about changed; None where nothing can be changed.
    """

    prior: Prior = field(default_factory=Prior)
    annotator: Annotator | None = None
    answerer: Answerer | None = None
    counterfactual: Callable[[Record], tuple[Pixels, Pixels] | None] | None = None

    def score(self, record: Record, annotation: Annotation) -> Record:
        """Return the record with its quality."""
        return with_quality(record, self.rate(record, annotation))

    def rate(self, record: Record, annotation: Annotation) -> float:
        """Return the quality of a record."""
        checked = score_check(record)
        if self.annotator is None and self.answerer is None:  # as below, without the dictionary
            beyond = score_surprise(record, self.prior)
            weight, total = WEIGHTS["checked"], WEIGHTS["checked"] * checked
            if beyond is not None:
                weight += WEIGHTS["beyond_prior"]
                total += WEIGHTS["beyond_prior"] * beyond
            return round(total / weight, 4)
        parts = self.score_parts(record, annotation)
        known = {part: value for part, value in parts.items() if value is not None}
        weight = sum(WEIGHTS[part] for part in known)
        total = sum(WEIGHTS[part] * value for part, value in known.items())
        return round(total / weight, 4)

    def score_parts(self, record: Record, annotation: Annotation) -> dict[str, float | None]:
        """Return each part of the quality, None where nobody could score it."""
        parts: dict[str, float | None] = {"checked": score_check(record)}
        if self.annotator is not None:
            parts["answerable"] = self._score_sight(record)
        parts["beyond_prior"] = self._score_surprise(record, annotation)
        if self.answerer is not None and self.counterfactual is not None:
            parts["flips"] = self._score_flip(record, annotation)
        return parts

    def _score_sight(self, record: Record) -> float | None:
        """Return the share of claims that somebody who looks would not deny; half if unseen."""
        assert self.annotator is not None
        seen = self.annotator.annotate(record.media)
        rows = _judge_answers(record, seen)
        if not rows:
            return None
        points = {"supported": 1.0, "unknown": 0.5, "contradicted": 0.0}
        return sum(points[verdict] for verdict in rows) / len(rows)

    def _score_surprise(self, record: Record, annotation: Annotation) -> float | None:
        """Return how little can be answered without looking."""
        if self.answerer is None:
            return score_surprise(record, self.prior)
        guesses = [
            self._is_right(record.turns[place].text, annotation, None)
            for place in range(0, len(record.turns), 2)
        ]
        known = [guess for guess in guesses if guess is not None]
        return 1.0 - sum(known) / len(known) if known else None

    def _score_flip(self, record: Record, annotation: Annotation) -> float | None:
        """Return whether the answer is right about the picture and other about the changed one."""
        assert self.counterfactual is not None
        pair = self.counterfactual(record)
        if pair is None:
            return None
        question = record.turns[0].text
        was_right = self._is_right(question, annotation, pair[0])
        is_still = self._is_right(question, annotation, pair[1])
        if was_right is None or is_still is None:
            return None
        return float(was_right and not is_still)

    def _is_right(
        self, question: str, annotation: Annotation, pixels: Pixels | None
    ) -> bool | None:
        assert self.answerer is not None
        claims = read_answer(question, self.answerer.answer(question, pixels))
        verdicts = {row.verdict for row in check_claims(claims, annotation).claims}
        if "contradicted" in verdicts:
            return False
        return True if "supported" in verdicts else None


def with_quality(record: Record, quality: float) -> Record:
    """Return the record with this quality."""
    return Record(
        record.kind, record.level, record.media, record.turns, record.claims, record.provenance,
        record.id, quality,
    )  # fmt: skip


def score_check(record: Record) -> float:
    """Return how well an answer was checked: claims read and none cut."""
    if not record.claims:
        return UNCHECKED
    return REPAIRED_CHECK if record.provenance.get("detail", "").startswith("cut") else 1.0


def score_surprise(record: Record, prior: Prior) -> float | None:
    """Return one minus how likely the claims are before looking, in the mean."""
    chances = prior.chances
    known = 0
    total = 0.0
    for claim in record.claims:
        asked = (claim["name"], claim["value"])
        chance = chances[asked] if asked in chances else prior.probability(*asked)
        if chance is not None:
            known += 1
            total += 1.0 - chance if claim["negated"] else chance
    return 1.0 - total / known if known else None


def _judge_answers(record: Record, annotation: Annotation) -> list[str]:
    verdicts: list[str] = []
    for place in range(1, len(record.turns), 2):
        claims = read_answer(record.turns[place - 1].text, record.turns[place].text)
        verdicts += [row.verdict for row in check_claims(claims, annotation).claims]
    return verdicts


def choose_best(qualities: Iterable[float | None], share: float) -> list[int]:
    """Return the row numbers of the best share by quality, in their order.

    Rows without a quality come last; among equals the earlier one is taken, so the choice is
    the same on every machine.
    """
    listed = [-1.0 if quality is None else quality for quality in qualities]
    ranked = sorted(range(len(listed)), key=lambda row: -listed[row])
    return sorted(ranked[: round(len(listed) * share)])
