"""Noun phrases to what they mean: number, colours, size, and whether all, some or a share."""

import re
from collections.abc import Mapping

from lineament.claims.claim import Range
from lineament.claims.scenes_words import (
    NUMBERS,
    SIZES,
    Noun,
    choices,
    fold,
    meanings,
    noun_meanings,
    read_bound,
    read_scene_words,
)

OTHER = "other"  # a quality that no fact tells
NONE: Range = (0, 1)
COLOR = f"(?:{'|'.join(choices('color'))})"
_LACKING = re.compile(r"\b(?:devoid|free|lack|absence)\b")


def read_noun_phrase(
    groups: Mapping[str, str | None], mark: str, word: str, *, is_plural: bool = False
) -> Noun:
    """Return the noun phrase that a scanner has matched.

    Args:
        groups: Of the match.
        mark: What the names of the phrase's groups begin with.
        word: The noun; empty where ``one`` stands for it.
        is_plural: Of a phrase without its noun.
    """

    def said(name: str) -> str:
        return fold(groups[f"{mark}{name}"] or "")

    name = ""
    if word:
        name, is_plural = noun_meanings()[fold(word)]
    size = SIZES[said("size")] if said("size") else ""
    if size and f"{size}_{name}" in read_scene_words()["noun"]:
        name, size = f"{size}_{name}", ""
    colors = [meanings("color")[fold(c)] for c in re.findall(COLOR, said("color"))]
    is_either = bool(re.search(r"\bor\b", said("color")))
    extreme = meanings("extreme")[said("extreme")] if said("extreme") else ""
    fillers = {said("early"), said("filler")}
    is_other = bool(fillers & {"other", "remaining"})
    count = _read_quantity(groups, mark, is_plural=is_plural)
    is_part = bool(re.search(r"\bof\b", said("lead"))) and not _LACKING.search(said("lead"))
    share = next((s for s in ("half", "most", "share") if said(s)), "")
    share = "part" if share == "share" else share
    is_all = bool(said("all") or share or (said("the") and is_plural and not extreme))
    is_untold = (is_other and count is not None and not said("a")) or (
        count == NONE and "parked" in fillers
    )
    if is_other and is_all:
        share = "part"
    return Noun(
        name, count, ("|" if is_either else "/").join(dict.fromkeys(colors)), extreme, size,
        is_plural, is_all, share, place=f"{OTHER} " if is_untold else "",
        total=_read_total(said("all"), said("total")), is_bare=not said("lead") and not extreme,
        is_part=is_part, is_number=bool(said("number") or re.search("one|only", said("only"))),
        is_sole=said("only") == "the only",
        is_vague=bool(re.match(r"several|many|multiple|numerous|a few|a couple|a number",
                               said("some"))),
    )  # fmt: skip


def _read_total(every: str, total: str) -> int:
    if total:
        return _number(total)
    return 2 if every == "both" else 0


def _number(word: str) -> int:
    word = word.replace(",", "").lower()
    return int(word) if word.isdecimal() else NUMBERS[word]


def _read_quantity(groups: Mapping[str, str | None], mark: str, *, is_plural: bool) -> Range | None:
    def said(name: str) -> str:
        return (groups[f"{mark}{name}"] or "").lower()

    if said("no"):
        return NONE
    if said("only"):
        return (1, 2)
    if said("number"):
        return _read_number(said("bound"), said("from") or said("low"), said("number"),
                            said("open"), is_part=" of" in said("lead"))  # fmt: skip
    if said("all") or said("most") or said("half") or said("share") or said("the"):
        return None
    if said("some"):
        return (1, None) if said("some").startswith("some") and " of" in said("lead") else (2, None)
    if said("a"):
        return (1, None)
    if said("extreme"):
        return None
    return (2, None) if is_plural else (1, None)


def _read_number(bound: str, low: str, number: str, end: str, *, is_part: bool) -> Range:
    words = bound.split()
    if low:
        first, last = sorted((_number(low), _number(number)))
        return (first, last + 1)
    value = _number(number)
    if end:
        return (value, None) if end == "more" else (None, value + 1)
    if words == ["up", "to"]:
        return (None, value + 1)
    if words and words[0] in ("approximately", "roughly", "nearly", "almost"):
        words = ["about"]
    if is_part and value == 1 and not words:
        return (1, None)  # "one of the ships is red" does not say that the others are not
    return read_bound(words, number.replace(",", ""))
