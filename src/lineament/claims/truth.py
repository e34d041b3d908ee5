"""What an annotation says of one name at one time: true, false or unknown, and by which fact."""

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from lineament.annotation import Annotation, Fact
from lineament.claims.claim import Claim, Range, Statement
from lineament.vocabulary import read_vocabulary

TOLERANCE_SECONDS = 0.25
MIN_IOU = 0.3
MIN_COVERAGE = 0.5
AGE_MARGIN_YEARS = 5
# Ages that go with the age bands; a border belongs to the older band.
AGE_BANDS: dict[str, tuple[float, float]] = {
    "young": (0, 40),
    "middle_aged": (40, 60),
    "elderly": (60, 130),
}
# A place inside another: an office is indoors.
WIDER_PLACES = {"office": "indoors", "studio": "indoors", "street": "outdoors"}


class Truth(NamedTuple):
    """Whether something holds (None: not known), the rule that says so, and its fact."""

    holds: bool | None
    rule: str
    fact: Fact | None = None


UNKNOWN = Truth(None, "nothing is known")


class Facts:
    """The facts of one subject by name, opposites written as their positive names."""

    __slots__ = ("_by_name", "_places", "centre_x")

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._by_name: dict[str, list[Fact]] = {}
        self._places: dict[int, int] = {}  # of each fact, by its identity, in their order
        self.centre_x: float | None = None  # of the first fact that is seen at some place
        negatives = read_vocabulary().negatives
        for place, fact in enumerate(facts):
            if fact.region and self.centre_x is None:
                self.centre_x = (min(fact.region[0::2]) + max(fact.region[0::2])) / 2
            if fact.name in negatives:
                fact = replace(fact, name=negatives[fact.name], value=not fact.value)
            self._by_name.setdefault(fact.name, []).append(fact)
            self._places.setdefault(id(fact), place)

    def named(self, name: str) -> Sequence[Fact]:
        """Return the facts of one name, in their order."""
        return self._by_name.get(name, ())

    def know_any(self, names: Collection[str]) -> bool:
        """Say whether there is a fact of one of these names."""
        return not self._by_name.keys().isdisjoint(names)

    def of_names(self, names: Collection[str]) -> Sequence[Fact]:
        """Return the facts of several names, in their order."""
        if not self.know_any(names):
            return ()
        found = [fact for name in names for fact in self.named(name)]
        return sorted(found, key=lambda fact: self._places[id(fact)])


class Ties(NamedTuple):
    """What the truth of a flag may follow from.

    Attributes:
        causes: Flags that imply it.
        effects: Flags that it implies.
        related: Both.
        excluding: Flags that cannot be true beside it.
        deciding: All of these, and the age where it speaks of a band of ages.
    """

    causes: frozenset[str]
    effects: frozenset[str]
    related: frozenset[str]
    excluding: frozenset[str]
    deciding: frozenset[str]


@functools.cache
def find_ties(name: str) -> Ties:
    """Return the other names that decide about a flag."""
    vocabulary = read_vocabulary()
    causes = vocabulary.implied_by.get(name, frozenset())
    effects = frozenset(vocabulary.require(name).implies)
    related, excluding = causes | effects, vocabulary.excluded_by(name)
    years = {"age_years"} if name in AGE_BANDS else set()
    return Ties(causes, effects, related, excluding, related | excluding | years)


def find_truth(claim: Claim | Statement, facts: Facts, annotation: Annotation) -> Truth:
    """Say whether what a claim states, leaving its denial aside, holds by these facts.

    Args:
        claim: A flag is asked as true; choices and ranges are asked as written.
        facts: Of one subject.
        annotation: Says which names are closed.
    """
    kind = read_vocabulary().require(claim.name).kind
    if kind == "flag":
        return _flag_truth(claim, facts, annotation)
    if kind == "number":
        return _number_truth(claim, facts, annotation)
    return _choice_truth(claim, facts, annotation)


def does_overlap(claimed: Range | None, fact: Fact, *, is_denied: bool = False) -> bool:
    """Say whether a fact holds when the claim says so.

    A moment must lie in the fact's span, 0.25 s around it included. A span must share 0.3 of
    their union with the fact, or lie in it by half; a denied span may not touch it for longer
    than 0.25 s; an open span (after 3 s) need only meet it.
    """
    if claimed is None or fact.span_seconds is None:
        return True
    start, stop = fact.span_seconds
    low = -1e9 if claimed[0] is None else claimed[0]
    high = 1e9 if claimed[1] is None else claimed[1]
    if high - low <= TOLERANCE_SECONDS:
        return start - TOLERANCE_SECONDS <= high and low <= stop + TOLERANCE_SECONDS
    shared = min(stop, high) - max(start, low)
    if is_denied:
        return shared > min(TOLERANCE_SECONDS, (stop - start) / 2)
    if stop - start <= TOLERANCE_SECONDS or claimed[0] is None or claimed[1] is None:
        return shared > -TOLERANCE_SECONDS and (
            shared > min(TOLERANCE_SECONDS, (stop - start) / 2) or stop - start < 0.5
        )
    union = max(stop, high) - min(start, low)
    return shared / union >= MIN_IOU or shared / (high - low) >= MIN_COVERAGE


def _flag_truth(claim: Claim | Statement, facts: Facts, annotation: Annotation) -> Truth:
    name, is_denied = claim.name, claim.value is False
    own = facts.named(name)
    for fact in own:
        if fact.value is True and does_overlap(claim.span_seconds, fact, is_denied=is_denied):
            return Truth(True, "stated", fact)
    for fact in own:
        if fact.value is False and does_overlap(claim.span_seconds, fact):
            return Truth(False, "stated", fact)
    if facts.know_any(find_ties(name).deciding):
        truth = _implied_truth(claim, facts) or _excluded_truth(claim, facts, annotation)
        truth = truth or _band_truth(claim, facts)
        if truth is not None:
            return truth
    if annotation.is_closed(name):
        return Truth(
            False, f"the annotation lists every {name}, and none" + (" then" if own else "")
        )
    return UNKNOWN


def _implied_truth(claim: Claim | Statement, facts: Facts) -> Truth | None:
    ties = find_ties(claim.name)
    for fact in facts.of_names(ties.related):
        if (
            fact.name in ties.causes
            and fact.value is True
            and does_overlap(claim.span_seconds, fact)
        ):
            return Truth(True, f"{fact.name} implies {claim.name}", fact)
        if fact.name in ties.effects and fact.value is False:
            return Truth(False, f"without {fact.name} no {claim.name}", fact)
    return None


def _excluded_truth(claim: Claim | Statement, facts: Facts, annotation: Annotation) -> Truth | None:
    """Find another true flag that cannot hold beside this one.

    Timed flags exclude each other only while they last, so a claim without a time is refuted
    by one that holds throughout, or where the name is closed.
    """
    for fact in facts.of_names(find_ties(claim.name).excluding):
        if fact.value is not True:
            continue
        is_throughout = fact.span_seconds is None
        if is_throughout or annotation.is_closed(claim.name):
            if does_overlap(claim.span_seconds, fact):
                return Truth(False, f"{fact.name} excludes {claim.name}", fact)
        elif claim.span_seconds is not None and does_overlap(claim.span_seconds, fact):
            return Truth(False, f"{fact.name} excludes {claim.name} then", fact)
    return None


def _band_truth(claim: Claim | Statement, facts: Facts) -> Truth | None:
    band = AGE_BANDS.get(claim.name)
    if band is None:
        return None
    for fact in facts.named("age_years"):
        if not isinstance(fact.value, bool | str):
            if band[0] <= fact.value < band[1]:
                return Truth(True, "by age", fact)
            if not band[0] - AGE_MARGIN_YEARS <= fact.value < band[1] + AGE_MARGIN_YEARS:
                return Truth(False, "by age", fact)
    return None


def _choice_truth(claim: Claim | Statement, facts: Facts, annotation: Annotation) -> Truth:
    own = [f for f in facts.named(claim.name) if does_overlap(claim.span_seconds, f)]
    for fact in own:
        if fact.value == claim.value:
            return Truth(True, "stated", fact)
    for fact in own:
        if claim.name == "place" and WIDER_PLACES.get(str(fact.value)) == claim.value:
            return Truth(True, f"{fact.value} is {claim.value}", fact)
        if claim.name == "place" and WIDER_PLACES.get(str(claim.value)) == fact.value:
            return Truth(None, f"{fact.value} may be {claim.value}", fact)
    if own:
        return Truth(False, f"it is {own[0].value}", own[0])
    if annotation.is_closed(claim.name):
        return Truth(False, f"the annotation lists every {claim.name}, and none such")
    return UNKNOWN


def _number_truth(claim: Claim | Statement, facts: Facts, annotation: Annotation) -> Truth:
    """Compare a range with the facts' numbers: inside or not, with no margin."""
    own = [f for f in facts.named(claim.name) if does_overlap(claim.span_seconds, f)]
    low, high = _bounds(claim.value)
    for fact in own:
        if isinstance(fact.value, int | float) and low <= fact.value < high:
            return Truth(True, "stated", fact)
    if own:
        return Truth(False, f"it is {own[0].value}", own[0])
    if claim.name == "num_people":
        count = sum(subject.kind == "face" for subject in annotation.subjects)
        if count:
            return Truth(low <= count < high, f"{count} faces are annotated")
    if claim.name == "age_years":
        for fact in facts.of_names(AGE_BANDS):
            band = AGE_BANDS[fact.name]
            if fact.value is not True:
                continue
            if high <= band[0] - AGE_MARGIN_YEARS or low >= band[1] + AGE_MARGIN_YEARS:
                return Truth(False, f"{fact.name} is another age", fact)
    if annotation.is_closed(claim.name):
        return Truth(False, f"the annotation lists every {claim.name}, and none such")
    return UNKNOWN


def _bounds(value: object) -> tuple[float, float]:
    if not isinstance(value, tuple):
        return (1.0, 0.0)
    low, high = value
    return (
        float("-inf") if low is None else float(low),
        float("inf") if high is None else float(high),
    )
