"""Claim: one statement read from a text, in the words of the vocabulary."""

import functools
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Range: TypeAlias = tuple[float | None, float | None]
ClaimValue: TypeAlias = bool | str | Range


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a text about a face, a person or the picture.

    Attributes:
        name: A name of the vocabulary, never the opposite of a flag.
        value: True or False for a flag, a choice, or a half-open range ``(low, high)`` for a
            number, with None where an end is open.
        negated: The text denies the choice or the range: ``eyes are not blue``.
        hedged: The text says it with reserve: ``may``, ``probably``.
        span_seconds: When it is said to hold; None for an open end, or for no time at all.
        subject: Of whom, when the text tells several apart: ``man``, ``one``, ``left``.
        quantity: ``all`` or ``none`` where the text speaks of everybody or nobody.
        text: The words that carry the claim.
        start: Offset of `text` in the whole text.
        stop: Offset just after it.
    """

    name: str
    value: ClaimValue
    negated: bool = False
    hedged: bool = False
    span_seconds: Range | None = None
    subject: str = ""
    quantity: str = ""
    text: str = ""
    start: int = 0
    stop: int = 0


class Statement(NamedTuple):
    """What a claim says, without the words that say it; the fields are those of `Claim`."""

    name: str
    value: ClaimValue
    negated: bool
    hedged: bool
    span_seconds: Range | None
    subject: str
    quantity: str


@functools.lru_cache(maxsize=65536)
def share_statement(statement: Statement) -> Statement:
    """Return the one object of all equal statements: it is found in tables without comparing."""
    return statement


def statement_of(claim: Claim, subject: str | None = None) -> Statement:
    """Return what a claim says, of another subject if one is given."""
    return Statement(
        claim.name, claim.value, claim.negated, claim.hedged, claim.span_seconds,
        claim.subject if subject is None else subject, claim.quantity,
    )  # fmt: skip
