"""The words of aerial scenes compiled into one scanner: a sentence becomes a row of tokens."""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lineament.claims.claim import Range
from lineament.vocabulary.words import read_table

_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip
NUMBERS: Mapping[str, int] = {word: number for number, word in enumerate(_NUMBERS)}
# Beside others of the class in the same picture; "large vehicle" is a class of its own.
SIZES: Mapping[str, str] = {
    "large": "large", "big": "large", "huge": "large", "small": "small", "little": "small",
    "tiny": "small",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun phrase about objects.

    Attributes:
        name: The class.
        count: How many the words say; None for `the`.
        color: The colour that is named, or empty.
        extreme: ``largest``, ``leftmost``, ..., or empty.
        size: ``large``, ``small``, or empty.
        is_plural: The noun is.
        is_all: All of them are meant.
        share: ``half``, ``most`` or ``part`` where the words mean a share of all of them.
        total: How many there are in all where the words tell: ``all five ships``; 0 elsewhere.
        place: A place or relation that belongs to the phrase, as a designator has it.
        is_bare: It has no article and no number.
        is_part: Some out of all are meant: ``two of the ships``.
        is_number: A number is said, ``many`` and ``several`` apart.
        is_sole: It is the only one of its kind.
        is_vague: It is a number that no one can deny exactly: ``many``.
    """

    name: str
    count: Range | None
    color: str = ""
    extreme: str = ""
    size: str = ""
    is_plural: bool = False
    is_all: bool = False
    share: str = ""
    total: int = 0
    place: str = ""
    is_bare: bool = False
    is_part: bool = False
    is_number: bool = False
    is_sole: bool = False
    is_vague: bool = False

    @property
    def designator(self) -> str:
        """The words that pick the objects, in a fixed order: ``largest white ship``."""
        color = self.color.replace("|", "/")
        parts = (self.extreme, self.size, color, self.name)
        return self.place + " ".join(part for part in parts if part)

    @property
    def is_definite(self) -> bool:
        """Say whether a certain one is meant."""
        return self.count is None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a sentence that means something.

    Attributes:
        kind: ``noun``, ``position``, ``side``, ``relation``, ``color``, ``not``, ...
        value: What it says; its type depends on the kind.
        start: Offset in the sentence.
        stop: Offset just after it.
    """

    kind: str
    value: Any
    start: int
    stop: int


@functools.cache
def read_scene_words() -> Mapping[str, Mapping[str, Any]]:
    """Read scenes_words.toml."""
    return read_table("scenes_words.toml")


def split_scene_tokens(sentence: str) -> list[Token]:
    """Return what a sentence is made of, unknown words left out."""
    return [read_match(match) for match in _scanner().finditer(sentence)]


@functools.cache
def _scanner() -> re.Pattern[str]:
    count = (
        r"(?:(?P<bound>at\s+least|at\s+most|(?:no\s+|not\s+)?(?:more|fewer|less)\s+than|exactly"
        r"|about|around)\s+)?(?P<number>\d+|" + "|".join(NUMBERS) + r")"
    )
    lead = (
        rf"(?:{count}\b|(?P<no>no|without(?:\s+any)?|not\s+(?:a|any|a\s+single))\b"
        rf"|(?P<all>all|every|each)\b(?:\s+of)?(?:\s+the)?"
        rf"|(?P<only>the\s+only|a\s+single|only\s+one)\b"
        r"|(?P<some>several|some|many|multiple|a\s+few|numerous)\b"
        r"|(?P<a>an?|another)\b|(?P<the>the|this|that|these|those)\b)"
    )
    colors, extremes = choices("color"), choices("extreme")
    noun = (
        rf"(?:{lead}\s+)?(?P<extreme>(?:{'|'.join(extremes)})\s+)?(?P<size>(?:{'|'.join(SIZES)})\s+)?"
        rf"(?P<filler>(?:parked|other|visible|listed)\s+)?(?P<color>(?:{'|'.join(colors)})\s+)?"
        rf"(?P<noun>{'|'.join(nouns())})\b"
        r"(?!\s+(?:scene|area|site|zone|landscape)\b)"
    )
    parts = [
        rf"(?P<scene>(?:{'|'.join(choices('scene'))})\s+(?:scene|area|site|zone|landscape)\b)",
        r"(?P<urban>urban|rural)\b(?:\s+(?:area|scene|surroundings))?",
        noun,
        *(
            rf"(?P<{kind}>(?:{'|'.join(choices(kind))})\b{NOT_AFTER.get(kind, '')})"
            for kind in PLAIN
        ),
        rf"(?P<bare_color>(?:{'|'.join(colors)})\b)",
        rf"(?P<cover>(?:(?P<cover_no>no|without(?:\s+any)?)\s+)?(?:{'|'.join(choices('cover'))})\b)",
        r"(?P<length>(?:(?:about|around|roughly|some)\s+)?(?P<meters>\d+(?:\.\d+)?)\s*"
        r"(?:m|meters?|metres?)\b(?:\s+(?:long|in\s+length))?)",
        rf"(?:is|are|was|were)\s+(?P<size_not>not\s+)?(?:(?:very|quite|rather|fairly)\s+)?"
        rf"(?P<bare_size>{'|'.join(SIZES)})\b(?=\s*(?:[.,;:!]|and\b|but\b|$))",
        r"(?P<not>\bnot\b|n't\b|\bnever\b|\bneither\b|\bnor\b)",
        r"(?P<hedge>may|might|probably|possibly|perhaps|likely|appears?|seems?)\b",
        r"(?P<it>it|they)\b",
        r"(?P<stop>[,;:]|but\b|while\b|whereas\b|where\b)",
        r"(?P<and>and\b)",
        r"(?P<be>is|are|was|were|has|have|there|shows?|contains?|lies?|stands?|sits?)\b",
    ]
    return re.compile("|".join(rf"(?<![\w-]){p}" if i != _NOT else p for i, p in enumerate(parts)),
                      re.IGNORECASE)  # fmt: skip


PLAIN = ("position", "side", "relation", "density", "orientation")
# "On the left of the bridge" is a relation, "on the left of the picture" a side.
NOT_AFTER = {
    "side": r"(?!(?:[\s-]+(?:hand[\s-]+)?side)?\s+of\b"
    r"(?!\s+(?:the|this)\s+(?:picture|image|photo|scene|frame)\b))"
}
_NOT = 3 + len(PLAIN) + 4


def choices(table: str) -> list[str]:
    """Return every phrase of a table as a pattern, longest first."""
    phrases = (p for group in read_scene_words()[table].values() for p in group)
    return [loose(p) for p in sorted(phrases, key=len, reverse=True)]


def nouns() -> list[str]:
    """Return every noun as a pattern, longest first."""
    forms = (form for pairs in read_scene_words()["noun"].values() for p in pairs for form in p)
    return [loose(form) for form in sorted(set(forms), key=len, reverse=True)]


def loose(phrase: str) -> str:
    """Let blanks and hyphens within a phrase stand for each other."""
    return r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", phrase)))


@functools.cache
def meanings(table: str) -> Mapping[str, str]:
    """Return the key of each phrase of a table, the phrase folded."""
    return {fold(p): key for key, group in read_scene_words()[table].items() for p in group}


@functools.cache
def noun_meanings() -> Mapping[str, tuple[str, bool]]:
    """Return the class of each noun, and whether it is a plural."""
    found: dict[str, tuple[str, bool]] = {}
    for name, pairs in read_scene_words()["noun"].items():
        for singular, plural in pairs:
            found[fold(plural)] = (name, True)
            found[fold(singular)] = (name, False)
    return found


def fold(text: str) -> str:
    """Return a phrase in small letters, blanks for hyphens."""
    return re.sub(r"[\s-]+", " ", text.strip().lower())


def read_match(match: re.Match[str], groups: Mapping[str, Any] | None = None) -> Token:
    """Return the token that a scanner has matched; its groups are taken where they are at hand."""
    start, stop = match.span()
    groups = match.groupdict() if groups is None else groups
    if groups["noun"]:
        return Token("noun", _read_noun(match), start, stop)
    if groups["scene"]:
        word = re.sub(r"\s+(?:scene|area|site|zone|landscape)$", "", groups["scene"].lower())
        return Token("scene", meanings("scene")[fold(word)], start, stop)
    if groups["urban"]:
        return Token("urban", groups["urban"].lower() == "urban", start, stop)
    if groups["bare_color"]:
        return Token("color", meanings("color")[fold(groups["bare_color"])], start, stop)
    if groups["bare_size"]:
        said = (SIZES[groups["bare_size"].lower()], not groups["size_not"])
        return Token("size", said, match.start("bare_size"), stop)
    if groups["cover"]:
        word = re.sub(r"^(?:no|without(?:\s+any)?)\s+", "", groups["cover"].lower())
        name = meanings("cover")[fold(word)]
        return Token("cover", (name, not groups["cover_no"]), start, stop)
    if groups.get("length"):
        return Token("length", float(groups["meters"]), start, stop)
    for kind in PLAIN:
        if groups[kind]:
            return Token(kind, meanings(kind)[fold(groups[kind])], start, stop)
    kind = next(k for k in ("not", "hedge", "it", "stop", "and", "be") if groups[k])
    return Token(kind, groups[kind].lower(), start, stop)


def _read_noun(match: re.Match[str]) -> Noun:
    groups = match.groupdict()
    name, is_plural = noun_meanings()[fold(groups["noun"])]
    color = meanings("color")[fold(groups["color"])] if groups["color"] else ""
    extreme = meanings("extreme")[fold(groups["extreme"])] if groups["extreme"] else ""
    size = SIZES[groups["size"].strip().lower()] if groups["size"] else ""
    if size and f"{size}_{name}" in read_scene_words()["noun"]:
        name, size = f"{size}_{name}", ""
    is_all = bool(groups["all"]) or bool(groups["the"] and is_plural)
    count = _read_count(groups, is_plural=is_plural)
    return Noun(name, count, color, extreme, size, is_plural, is_all)


def _read_count(groups: Mapping[str, str | None], *, is_plural: bool) -> Range | None:
    if groups["no"]:
        return (0, 1)
    if groups["only"]:
        return (1, 2)
    if groups["number"]:
        return read_bound((groups["bound"] or "").lower().split(), groups["number"])
    if groups["some"]:
        return (2, None)
    if groups["a"]:
        return (1, None)
    if groups["the"] or groups["all"] or groups["extreme"]:
        return None
    return (2, None) if is_plural else (1, None)


def read_bound(bound: Iterable[str], number: str) -> Range:
    """Return the range of ``at least three``, ``fewer than 3``, ``about three``."""
    value = int(number) if number.isdecimal() else NUMBERS[number.lower()]
    words = list(bound)
    if words == ["at", "least"]:
        return (value, None)
    if words == ["at", "most"]:
        return (None, value + 1)
    if words[:1] in (["no"], ["not"]):
        return (None, value + 1) if words[1] == "more" else (value, None)
    if words[-1:] == ["than"]:
        return (value + 1, None) if words[0] == "more" else (None, value)
    if words and words[0] in ("about", "around"):
        slack = max(1, round(value * 0.15))
        return (value - slack, value + slack + 1)
    return (value, value + 1)
