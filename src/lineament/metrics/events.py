"""Events: how much of one list of events is in another, both ways, by any judge of entailment."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lineament.metrics.spans import order_agreement

Entails = Callable[[Sequence[str], str], bool]


class EventScore(NamedTuple):
    """How two descriptions agree, event by event.

    Attributes:
        precision: Share of the candidate's events that the reference holds.
        recall: Share of the reference's events that the candidate holds.
        f1: Their harmonic mean.
        order: Longest common subsequence over the longer list, by exact words.
    """

    precision: float
    recall: float
    f1: float
    order: float


def score_events(
    candidate: Sequence[str], reference: Sequence[str], entails: Entails
) -> EventScore:
    """Score events extracted from a candidate against those of a reference.

    The scheme of AutoDQ (Wang et al. 2024, Tarsier): every event of one side is checked for
    being entailed by the other side's text. Who extracts and who judges is the caller's choice
    and belongs beside the score.

    Args:
        candidate: Its events, in order.
        reference: Its events, in order.
        entails: Says whether some events, taken together, entail one more.
    """
    precision = _share(candidate, reference, entails)
    recall = _share(reference, candidate, entails)
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    return EventScore(precision, recall, f1, order_agreement(candidate, reference))


def _share(events: Sequence[str], others: Sequence[str], entails: Entails) -> float:
    if not events:
        return 0.0 if others else 1.0
    return sum(entails(others, event) for event in events) / len(events)
