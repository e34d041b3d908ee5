"""Events of two texts: what each says that happens, and how much of it the other says, too."""

import functools
from collections.abc import Sequence
from typing import Any, Protocol, final, runtime_checkable

from lineament.claims import Claim, Statement, check_claims, read_claims
from lineament.claims.tokens import split_sentences
from lineament.evaluation.tasks.told_answers import annotation_from_claims
from lineament.metrics.events import EventScore, score_events
from lineament.vocabulary import read_vocabulary

Pair = tuple[str, str]  # candidate, reference


@runtime_checkable
class EventMatcher(Protocol):
    """Whoever extracts events from texts and says which of them entail which."""

    @property
    def name(self) -> str:
        """What goes on record."""
        ...

    @property
    def prefix(self) -> str:
        """What its figures' names begin with; empty for the rule."""
        ...

    def match_all(self, pairs: Sequence[Pair]) -> list[EventScore | None]:
        """Score candidates against references; None where a reference holds no event."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return what more goes on record: rule, or prompt, model and date."""
        ...


@final
class ClaimEvents:
    """Events by rule: claims of what holds for a while, each checked against each of the others.

    The reader knows the timed names of the vocabulary alone, such as blinking, smiling, turning
    the head; what is said beyond those words is no event for it, and neither is what is denied.
    """

    name = "claims"
    prefix = ""

    def match_all(self, pairs: Sequence[Pair]) -> list[EventScore | None]:
        """Score one after the other."""
        return [self._match(candidate, reference) for candidate, reference in pairs]

    def _match(self, candidate: str, reference: str) -> EventScore | None:
        known = read_events(reference)
        return score_events(read_events(candidate), known, entails) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Return the rule."""
        return {"rule": "claims of timed names, each supported by one of the other text"}


@functools.lru_cache(maxsize=50_000)
def read_events(text: str) -> tuple[Statement, ...]:
    """Return what a text says that happens, in the order of its words.

    Sentences are read one by one, so that what happens twice is there twice.
    """
    names = read_vocabulary().names
    found: list[Statement] = []
    for line in text.splitlines():
        for sentence in split_sentences(line):
            claims = sorted(read_claims(sentence.text), key=lambda claim: claim.start)
            found += [_bare(c) for c in claims if names[c.name].is_timed and _is_affirmed(c)]
    return tuple(found)


def _is_affirmed(claim: Claim) -> bool:
    return claim.value is not False and not claim.negated


def _bare(claim: Claim) -> Statement:
    """Return what is said to happen and when, whoever says it of whom and however surely."""
    return Statement(claim.name, claim.value, False, False, claim.span_seconds, "", "")


@functools.lru_cache(maxsize=200_000)
def entails(known: Statement, event: Statement) -> bool:
    """Say whether an event is supported where another is all that is known."""
    return check_claims([Claim(*event)], annotation_from_claims([Claim(*known)])).supported == 1
