"""What the scanner knows at one place of a sentence: scope, subject, heads, and claims so far."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lineament.claims.claim import ClaimValue, Range
from lineament.claims.lexicon import Entry
from lineament.claims.measures import Measure


class Item:
    """One phrase of a sentence: its lexicon entry, or a measure, and its place."""

    __slots__ = ("entry", "measure", "start", "stop")

    def __init__(self, entry: Entry, start: int, stop: int, measure: Measure | None = None) -> None:
        self.entry = entry
        self.start = start
        self.stop = stop
        self.measure = measure


class Draft:
    """A claim in the making; scope and time may still change it."""

    __slots__ = (
        "hedged", "index", "is_noun", "name", "negated", "quantity", "segment", "span", "start",
        "stop", "subject", "value",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        value: ClaimValue,
        negated: bool,
        hedged: bool,
        subject: str,
        quantity: str,
        index: int,
        segment: int,
        start: int,
        stop: int,
        is_noun: bool,
    ) -> None:
        self.name = name
        self.value = value
        self.negated = negated
        self.hedged = hedged
        self.subject = subject
        self.quantity = quantity
        self.index = index
        self.segment = segment
        self.start = start
        self.stop = stop
        self.is_noun = is_noun
        self.span: Range | None = None

    def copy(self, index: int, segment: int) -> "Draft":
        """Return a fresh draft that says the same in another clause."""
        return Draft(
            self.name, self.value, self.negated, self.hedged, self.subject, self.quantity,
            index, segment, self.start, self.stop, self.is_noun,
        )  # fmt: skip

    def deny(self) -> None:
        """Turn the statement round."""
        if isinstance(self.value, bool):
            self.value = not self.value
        else:
            self.negated = not self.negated


class Pending(NamedTuple):
    """A quality waiting for its noun, with the scope it was said in."""

    entry: Entry
    item: Item
    place: int
    negated: bool
    hedged: bool


class Context(NamedTuple):
    """What one sentence hands to the next; hashable, so that sentences can be cached."""

    subject: str = ""
    head: str = ""
    predicate: tuple[tuple[str, ClaimValue, bool], ...] = ()
    qualities: tuple[str, ...] = ()


@dataclass(slots=True)
class State:
    """Everything that changes while one sentence is scanned."""

    items: list[Item]
    context: Context
    has_other: bool = False
    subject: str = ""
    clause_subject: str = ""
    quantity: str = ""
    locked_until: int = -1
    negated: bool = False
    negator: str = ""
    is_contrast: bool = False
    is_negation_used: bool = False
    hedged: bool = False
    is_hedge_used: bool = False
    mute: str = ""
    head: str = ""
    last_head: str = ""
    bare_heads: list[str] = field(default_factory=list)
    predicate_heads: tuple[str, ...] = ()
    is_predicate: bool = False
    has_verb: bool = False
    is_existential: bool = False
    is_wearing: bool = False
    is_holding: bool = False
    is_excepted: bool = False
    has_unknown: bool = False
    pending: list[Pending] = field(default_factory=list)
    acts: list[Pending] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    times: list[tuple[int, int, Range]] = field(default_factory=list)
    segment: int = 0
    hard_segments: set[int] = field(default_factory=set)
    clause_start: int = 0
    clause_drafts: int = 0
    key_start: int = 0
    key_drafts: int = 0
    position: str = ""
    determiner: str = ""
    number: tuple[int, Measure] | None = None
    degree_name: str = ""
    direction_name: str = ""
    degrees: Measure | None = None
    says_age: bool = False
    says_count: bool = False
    qualities: tuple[str, ...] = ()
    previous_predicate: tuple[tuple[str, ClaimValue, bool], ...] = ()
    looks_back: bool = False
    is_relation: bool = False
    has_subject: bool = False
    last_op: str = ""
