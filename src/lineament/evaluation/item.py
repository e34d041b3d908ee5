"""Item: one question of a benchmark with its truth; and everything a task brings along."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from lineament.errors import BadInput

Kind = Literal["yes_no", "age", "class", "choice", "exact", "spans", "labels", "text", "box"]
# How much an answer takes, as scores by level call it.
LEVEL_NAMES: Mapping[int, str] = {1: "single", 2: "several", 3: "timed", 4: "reasoning"}


@dataclass(frozen=True, slots=True)
class Visual:
    """What is to be looked at: frames and when each is shown; a picture has one, at 0."""

    frames: UInt8[np.ndarray, "frames height width 3"]
    times_seconds: tuple[float, ...] = (0.0,)
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One question about one picture or clip.

    Attributes:
        id: Unique in its task, and stable from run to run.
        media: Reference that the task opens; questions about one reference go out together.
        question: Exactly what is asked.
        kind: How its answer is read and scored.
        truth: What is right: for ``yes_no`` whether the attribute holds, whatever the polarity;
            a class, an option's letter, seconds, texts, ... as the kind wants.
        group: What it is counted under, such as ``ffhq/smile``.
        name: The vocabulary's name it asks about, where there is one.
        subject: Whom or what it is about; items of one subject are resampled together.
        options: What may be chosen, in the order shown.
        is_denied: The question asks whether the attribute does not hold.
        phrasing: Which of the frozen phrasings; 0 is the one scored.
        level: How much an answer takes: 1 one fact, 2 several, 3 timed, 4 reasoning; 0 unknown.
        audit: Labels for group gaps alone: sex, age band, ancestry as the data set has them.
            They are never asked for and never shown to a model.
        source: The data set the media come from, as our sources are called; empty where the
            task reads one data set alone, which then has the task's name.
    """

    id: str
    media: str
    question: str
    kind: Kind
    truth: Any
    group: str
    name: str = ""
    subject: str = ""
    options: tuple[str, ...] = ()
    is_denied: bool = False
    phrasing: int = 0
    level: int = 0
    audit: Mapping[str, str] = field(default_factory=dict, compare=False)
    source: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ItemSet:
    """What a task gives: items, how their media open, and what was left out and why.

    Attributes:
        items: In the order of the data set.
        open_media: From an item's media reference to what is seen.
        excluded: Number of the data set's own questions left out on purpose, by reason.
        dropped: Number of rows that could not be used, by reason.
        notes: What a reader of the figures must know: thresholds, protocol.
    """

    items: tuple[Item, ...]
    open_media: Callable[[str], Visual]
    excluded: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen = Counter(item.id for item in self.items)
        twice = [name for name, count in seen.items() if count > 1]
        if twice:
            raise BadInput(
                f"{len(twice)} ids are there twice, the first is {twice[0]!r}",
                hint="a doubled item would count twice: remove it from the data",
            )

    def require_items(self, where: object) -> "ItemSet":
        """Refuse an empty set; the reasons of what was dropped are the hint.

        Raises:
            BadInput: Nothing is left to ask.
        """
        if self.items:
            return self
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items())
        raise BadInput(f"{where}: holds no usable item", hint=reasons or "is it the right folder?")


def limit_media(items: Sequence[Item], limit: int | None) -> tuple[Item, ...]:
    """Keep the items of a fixed choice of media, the same for every model.

    Args:
        items: All of them.
        limit: How many media of each group's first part, such as ``ffhq``; None keeps all.
    """
    if limit is None:
        return tuple(items)
    by_part: dict[str, dict[str, str]] = {}
    for item in items:
        part = by_part.setdefault(item.group.split("/")[0], {})
        part.setdefault(item.media, hash_text(item.media))
    kept = {
        media for part in by_part.values() for media in sorted(part, key=part.__getitem__)[:limit]
    }
    return tuple(item for item in items if item.media in kept)


def hash_items(items: Iterable[Item]) -> str:
    """Return a short hash of ids, questions and truths: what a score is a score of."""
    rows = [[i.id, i.question, list(i.options), repr(i.truth)] for i in items]
    return hash_text(json.dumps(rows, ensure_ascii=False))[:16]


def hash_text(text: str) -> str:
    """Return 128 bits of BLAKE2b in hexadecimal digits."""
    return hash_bytes(text.encode("utf-8", "surrogatepass"))


def hash_bytes(data: bytes) -> str:
    """Return 128 bits of BLAKE2b in hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
