"""Source: the protocol by which a data set becomes annotations, row by row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from lineament.annotation import Annotation
from lineament.errors import BadInput

# Why rows are dropped; counted by `lineament build`.
NO_FACE = "no face"
NOT_ADULT = "not an adult"
MEDIA_MISSING = "media missing"
UNREADABLE = "unreadable row"
NO_LABEL = "no label"
DUPLICATE = "duplicate row"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that gives no annotation.

    Attributes:
        row: Which one: the data set's own id, or file and line.
        reason: One of a few fixed words, for counting.
        detail: What exactly was wrong.
    """

    row: str
    reason: str
    detail: str = ""


@runtime_checkable
class Source(Protocol):
    """A data set that gives annotations; its files stay as their users have them."""

    @property
    def name(self) -> str:
        """What people type."""
        ...

    @property
    def licence(self) -> str:
        """Under what terms labels and media come."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """What can be asked for; the first is the default."""
        ...

    @property
    def needs_folder(self) -> bool:
        """False where annotations are made rather than read."""
        ...

    def read(self, folder: Path, split: str) -> Iterator[Annotation | Dropped]:
        """Yield every row of a split, lazily and in the order of the files.

        Raises:
            BadInput: The folder lacks the data set's files, or the split is unknown.
        """
        ...


def require_split(source: Source, split: str) -> None:
    """Refuse a split the source does not have.

    Raises:
        BadInput: There is no such split; the hint lists those there are.
    """
    if split not in source.splits:
        raise BadInput(
            f"{source.name} has no split {split!r}", hint=f"splits: {', '.join(source.splits)}"
        )


def share_of(key: str) -> float:
    """Return a number in [0, 1) that depends on the key alone, to split by."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
