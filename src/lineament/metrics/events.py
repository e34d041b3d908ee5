"""Events: how much of one list of events is in another, both ways, by any judge of entailment."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool

Event = TypeVar("Event")


class EventScore(NamedTuple):
    """How two descriptions agree, event by event.

    Attributes:
        precision: Share of the candidate's events that the reference holds.
        recall: Share of the reference's events that the candidate holds.
        f1: Their harmonic mean.
        order: Longest common subsequence over the longer list; events are the same where one
            entails the other.
    """

    precision: float
    recall: float
    f1: float
    order: float


def score_events(
    candidate: Sequence[Event],
    reference: Sequence[Event],
    entails: Callable[[Event, Event], bool],
) -> EventScore:
    """Score events extracted from a candidate against those of a reference.

    The scheme of AutoDQ (Wang et al. 2024, Tarsier): every event of one side is checked for
    being entailed by the other side. Who extracts and who judges is the caller's choice and
    belongs beside the score.

    Args:
        candidate: Its events, in order.
        reference: Its events, in order.
        entails: Says whether the first event entails the second.
    """
    forward = [[entails(other, event) for other in reference] for event in candidate]
    backward = [[entails(other, event) for other in candidate] for event in reference]
    return score_entailed(
        np.array(forward, bool).reshape(len(candidate), len(reference)),
        np.array(backward, bool).reshape(len(reference), len(candidate)),
    )


def score_entailed(
    forward: Bool[np.ndarray, "candidate reference"],
    backward: Bool[np.ndarray, "reference candidate"],
) -> EventScore:
    """Score two lists of events by which of them entail which.

    Args:
        forward: True where an event of the candidate is entailed by one of the reference.
        backward: True where an event of the reference is entailed by one of the candidate.
    """
    precision, recall = share_entailed(forward), share_entailed(backward)
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    longest = max(forward.shape)
    order = longest_chain(forward | backward.T) / longest if longest else 1.0
    return EventScore(precision, recall, f1, order)


def share_entailed(entailed: Bool[np.ndarray, "events others"]) -> float:
    """Return the share of events that some other entails; of no events none, or all of nothing."""
    num_events, num_others = entailed.shape
    if not num_events:
        return 0.0 if num_others else 1.0
    return float(entailed.any(axis=1).mean())


def longest_chain(same: Bool[np.ndarray, "first second"]) -> int:
    """Return the length of the longest common subsequence, by which events are the same."""
    lengths = [0] * (same.shape[1] + 1)
    for row in same.tolist():
        diagonal = 0
        for place, is_same in enumerate(row, start=1):
            above = lengths[place]
            lengths[place] = diagonal + 1 if is_same else max(above, lengths[place - 1])
            diagonal = above
    return lengths[-1]
