"""Form: how long a record's turns and descriptions may be, and what in them shows a mishap."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lineament.records.record import ROLES, Record, Turn

# Why records are dropped or changed; counted by `lineament build`.
BAD_FORMAT = "format"
BAD_LENGTH = "length"
REPEATED_TEXT = "repeated text"
DESCRIPTION_KINDS = frozenset(("summary", "caption"))
# All that describe a whole picture: faces as we write them, scenes as written or as labelled.
WHOLE_KINDS = DESCRIPTION_KINDS | {"scene_global", "image_caption"}
_SENTENCE_END = re.compile(r"[.!?](\s+)(?=[A-Z])")  # begins with few signs: letters are skipped
_LEFTOVER = re.compile(r"[{}<>\x00-\x08\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a record may be like.

    Attributes:
        max_turn_chars: Longest text of one turn.
        max_turns: Most turns.
        min_description_words: Shortest summary or caption.
        max_description_words: Longest summary or caption.
        accept_unknown: Keep claims that the annotation is silent on.
    """

    max_turn_chars: int = 4000
    max_turns: int = 40
    min_description_words: int = 5
    max_description_words: int = 260
    accept_unknown: bool = False


DEFAULT_LIMITS = Limits()


def find_fault(record: Record, limits: Limits = DEFAULT_LIMITS) -> tuple[str, str] | None:
    """Return the reason and detail of a fault in form, or None."""
    turns = record.turns
    if len(turns) < 2 or len(turns) % 2 or len(turns) > limits.max_turns:
        return BAD_FORMAT, f"{len(turns)} turns"
    if not _are_well_formed(turns, limits):  # all at once, which is quick; then turn by turn
        fault = _find_turn_fault(turns, limits)
        if fault is not None:
            return fault
    if record.kind in DESCRIPTION_KINDS:
        num_words = turns[-1].text.count(" ") + 1
        if not limits.min_description_words <= num_words <= limits.max_description_words:
            return BAD_LENGTH, f"{num_words} words"
        sentences = split_description(turns[-1].text)
        if len(set(sentences)) < len(sentences):
            return REPEATED_TEXT, "a sentence stands twice"
    return None


def split_description(text: str) -> list[str]:
    """Cut a description where a sentence ends and the next begins with a capital letter."""
    gaps = [end.span(1) for end in _SENTENCE_END.finditer(text)]
    starts = [0, *(stop for _, stop in gaps)]
    stops = [*(start for start, _ in gaps), len(text)]
    return [text[start:stop] for start, stop in zip(starts, stops, strict=True)]


def _are_well_formed(turns: Sequence[Turn], limits: Limits) -> bool:
    """Say whether no turn has a fault; turns that are alike are left to a closer look."""
    roles, texts = zip(*turns, strict=True)
    joined = "\n".join(texts)
    return (
        roles == ROLES * (len(turns) // 2)
        and "  " not in joined
        and not any(map(joined.__contains__, "{}<>"))
        and all(map(str.isprintable, texts))
        and all(map(str.strip, texts))
        and len(joined) <= limits.max_turn_chars
        and len(set(texts)) == len(texts)
    )


def _find_turn_fault(turns: Sequence[Turn], limits: Limits) -> tuple[str, str] | None:
    seen: set[str] = set()
    for index, turn in enumerate(turns):
        text = turn.text
        if turn.role != ROLES[index % 2]:
            return BAD_FORMAT, f"turn {index} is the {turn.role}'s"
        if not text.strip() or "  " in text or _LEFTOVER.search(text):
            return BAD_FORMAT, f"turn {index}: {text[:60]!r}"
        if len(text) > limits.max_turn_chars:
            return BAD_LENGTH, f"turn {index}: {len(text)} characters"
        if not index % 2 and text in seen:
            return REPEATED_TEXT, text[:60]
        seen.add(text)
    return None
