"""Counted nouns: what narrows them down, and the numbers that a sentence claims of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from lineament.claims.claim import Range
from lineament.claims.scenes_nouns import NONE, OTHER
from lineament.claims.scenes_phrases import RELATED
from lineament.claims.scenes_words import Noun, Token

TAGS = {"position": "at", "side": "side"}  # how a place stands in a designator
# Tokens that may stand between a noun and what is said of it.
_LINKS = frozenset(("be", "hedge"))
_PREDICATES = frozenset(
    ("be", "color", "choice", "measure", "orientation", "relation", "position", "side", "not")
)
# Said of some objects in a way that no designator has.
_UNFIT = frozenset(("measure", "orientation", "relation", "denies", "holds", "size"))
# Words between a noun and its verb that mean nothing more.
_PLAIN = frozenset((
    "all", "also", "at", "both", "each", "here", "in", "now", "of", "them", "then", "there",
    "total", "view",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Restriction:
    """What follows a noun and narrows it down.

    Attributes:
        kind: Of the token that follows; empty where it has nothing to do with the noun.
        prefix: What stands before the noun in its designator: ``two ships in the top left``.
        place: What belongs to the phrase itself: ``the ship in the top left is white``.
        used: How many tokens are used up.
    """

    kind: str = ""
    prefix: str = ""
    place: str = ""
    used: int = 0


class Things(NamedTuple):
    """The numbers that are claimed.

    Attributes:
        counts: Designator, range, and whether the range is denied.
        takes_negation: The negation before the noun is part of the numbers.
        denies_all: What follows is denied of every object: ``no ship is 30 meters long``.
        denies_some: What follows is denied of some: ``two ships are not white``.
    """

    counts: Sequence[tuple[str, Range, bool]] = ()
    takes_negation: bool = False
    denies_all: bool = False
    denies_some: bool = False


def tag_quality(kind: str, value: str) -> str:
    """Return a colour or a place as a designator has it."""
    return f"{TAGS[kind]}:{value}" if kind in TAGS else value


def find_restriction(
    noun: Noun, tokens: Sequence[Token], place: int, *, is_question: bool
) -> Restriction:
    """Return what narrows down a noun: ``two ships in the top left``, ``near a pier``."""
    offset = 1
    while place + offset < len(tokens) and tokens[place + offset].kind in _LINKS:
        offset += 1
    if place + offset >= len(tokens):
        return Restriction()
    after = tokens[place + offset]
    prefix, used = _read_prefix(after, tokens[place + offset + 1 :])
    used = used and used + offset - 1
    if noun.is_definite:
        later = tokens[place + used + 1 :]
        belongs = prefix and offset == 1 and after.kind not in ("color", "choice", "size")
        if is_question or noun.extreme or not belongs:
            return Restriction()
        is_told = any(token.kind in _PREDICATES for token in later)
        return Restriction(after.kind, place=prefix, used=used) if is_told else Restriction()
    if after.kind == "size" and noun.size:
        prefix, used = "", 0
    rest = tokens[place + offset + 1 :]
    if after.kind in ("relation", "denies") and not (rest and rest[0].kind in ("noun", "one")):
        return Restriction()  # "three ships lie on the water" counts all ships
    return Restriction(after.kind, prefix, used=used)


def narrow_strangely(
    noun: Noun, tokens: Sequence[Token], place: int, sentence: str, *, is_question: bool
) -> Noun:
    """Return a noun with what is not understood behind it: ``the cars with a trailer are red``.

    Not all cars are meant then, and which of them is not told.
    """
    rest = tokens[place + 1 :]
    if is_question or not any(token.kind == "be" for token in rest):
        return noun
    words = re.findall(r"[^\W\d_]+", sentence[tokens[place].stop : rest[0].start].lower())
    plain = _PLAIN if noun.is_definite else _PLAIN | {"that", "which"}  # "no ships that are red"
    is_strange = rest[0].kind == "be" and any(
        word not in plain and not word.endswith("ly") for word in words
    )
    if noun.is_all and not noun.place:
        is_related = rest[0].kind in ("relation", "denies", "holds")
        return replace(noun, share="part") if is_strange or is_related else noun
    if not is_strange or noun.count is None:
        return noun
    if noun.count == NONE:
        return replace(noun, place=f"{OTHER} ")
    return replace(noun, count=(noun.count[0] or 0, None))


def _read_prefix(after: Token, rest: Sequence[Token]) -> tuple[str, int]:
    """Return a token as part of a designator, and how many tokens that takes."""
    if after.kind in (*TAGS, "color"):
        return f"{tag_quality(after.kind, after.value)} ", 1
    if after.kind == "choice":
        kind, values, _ = after.value
        return f"{tag_quality(kind, '/'.join(values))} ", 1
    if after.kind == "size" and after.value[1]:
        return f"{after.value[0]} ", 1
    if after.kind == "relation" and after.value != RELATED and rest and rest[0].kind == "noun":
        other: Noun = rest[0].value
        if " " not in other.designator and other.count != NONE:
            return f"{after.value}:{other.designator} ", 2
    return "", 0


def count_things(
    noun: Noun, prefix: str, found: Restriction, *, is_denied: bool, is_question: bool
) -> Things:
    """Return the numbers that a noun phrase claims.

    Args:
        noun: The phrase.
        prefix: What narrows it down, as a designator has it.
        found: What follows it.
        is_denied: A negation stands before it.
        is_question: Nouns with ``the`` then claim nothing, and plurals ask for one or more.
    """
    count = noun.count
    if count is None:
        total = (noun.total, noun.total + 1) if noun.total else (1, None)
        return Things(() if is_question else _spread(noun, "", total, negated=False))
    if is_question and count == (2, None):
        count = (1, None)  # "are there ships" asks for one, too
    if is_denied:
        return Things(_deny_count(noun, prefix, count), takes_negation=True)
    least: Range | None = (count[0], None) if count[0] else None
    if found.kind == "not" and not prefix:
        told = _spread(noun, "", least, negated=False) if least else ()
        return Things(told, denies_some=True)
    if found.kind in _UNFIT and not prefix and not noun.is_sole:
        if count == NONE:
            return Things(denies_all=True)
        return Things(_spread(noun, "", least, negated=False) if least else ())
    if noun.is_part and not prefix:
        return Things(_spread(noun, "", least, negated=False) if least else ())
    return Things(_spread(noun, prefix, count, negated=False))


def _deny_count(noun: Noun, prefix: str, count: Range) -> Sequence[tuple[str, Range, bool]]:
    """Return what ``not`` makes of a number; nothing where it could be meant in two ways."""
    low, high = count
    if count == NONE or noun.is_vague:
        return ()
    if not noun.is_number:
        return _spread(noun, prefix, NONE, negated=False)
    if high is None or low is None:
        return _spread(noun, prefix, (high, low), negated=False)
    return _spread(noun, prefix, count, negated=True) if count != (1, 2) else ()


def _spread(
    noun: Noun, prefix: str, count: Range, *, negated: bool
) -> Sequence[tuple[str, Range, bool]]:
    """Return a number of each colour that is named, or of all together.

    ``No red or black ships`` denies both colours; ``red and black ships`` tells of one each;
    ``three red and black ships`` are three in all.
    """
    is_either = "|" in noun.color
    colors = [color for color in noun.color.replace("|", "/").split("/") if color]
    every = [(prefix + noun.designator, count, negated)]
    if len(colors) < 2:
        return every
    each = [prefix + replace(noun, color=color).designator for color in colors]
    if count == NONE:
        return [(who, count, negated) for who in each]
    low = count[0] or 0
    if is_either or negated or low < 1:
        return every
    if not noun.is_number and noun.is_plural:
        return [(who, (1, None), False) for who in each]
    if low < len(colors):
        return every
    return [*every, *((who, (1, None), False) for who in each)]
