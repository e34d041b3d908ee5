"""Words: text normalisation by name, and n-grams of many sentences as numbers, counted at once."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from lineament.errors import BadInput

MAX_ORDER = 4
_NOT_WORDS = re.compile(r"[^\w\s]|_")


def split_plain(text: str) -> list[str]:
    """Split in lower case without punctuation, which parts words: ``don't`` is ``don t``."""
    return _NOT_WORDS.sub(" ", text.lower()).split()


def split_joined(text: str) -> list[str]:
    """Split in lower case without punctuation, which leaves no trace: ``don't`` is ``dont``."""
    return _NOT_WORDS.sub("", text.lower()).split()


def split_lower(text: str) -> list[str]:
    """Split at white space in lower case; punctuation stays."""
    return text.lower().split()


def split_raw(text: str) -> list[str]:
    """Split at white space; nothing else is changed: for text that is tokenised already."""
    return text.split()


NORMALISATIONS: Mapping[str, Callable[[str], list[str]]] = {
    "plain": split_plain,
    "joined": split_joined,
    "lower": split_lower,
    "raw": split_raw,
}


def find_normalisation(name: str) -> Callable[[str], list[str]]:
    """Return a normalisation by its name.

    Raises:
        BadInput: There is none of that name.
    """
    if name not in NORMALISATIONS:
        raise BadInput(
            f"unknown normalisation {name!r}", hint=f"known: {', '.join(NORMALISATIONS)}"
        )
    return NORMALISATIONS[name]


class Grams(NamedTuple):
    """The n-grams of one order in many sentences: one entry per sentence and different n-gram.

    Attributes:
        rows: Which sentence.
        ids: Which n-gram; equal n-grams have equal ids, in all sentences counted together.
        counts: How often it stands there.
        num_ids: Ids are below this.
    """

    rows: Int[np.ndarray, " entries"]
    ids: Int[np.ndarray, " entries"]
    counts: Int[np.ndarray, " entries"]
    num_ids: int

    def part(self, start: int, stop: int) -> "Grams":
        """Return the entries of some consecutive sentences, whose rows then count from 0."""
        low, high = np.searchsorted(self.rows, [start, stop])
        own = slice(int(low), int(high))
        return Grams(self.rows[own] - start, self.ids[own], self.counts[own], self.num_ids)


def count_grams(
    sentences: Iterable[Sequence[str]], max_order: int = MAX_ORDER
) -> tuple[list[Grams], Int[np.ndarray, " sentences"]]:
    """Count the n-grams of all sentences, for n from 1 on.

    Returns:
        One `Grams` per order, sorted by sentence and id, and the sentences' lengths.
    """
    words: dict[str, int] = {}
    flat: list[int] = []
    lengths: list[int] = []
    for sentence in sentences:
        lengths.append(len(sentence))
        flat += [words.setdefault(word, len(words)) for word in sentence]
    tokens = np.array(flat, np.int64)
    sizes = np.array(lengths, np.int64)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    ids, num_ids = tokens, max(len(words), 1)
    found: list[Grams] = []
    for order in range(1, max_order + 1):
        if order > 1:
            # An n-gram is the (n-1)-gram before it and one word more.
            is_whole = rows_match(rows, order)
            pairs = ids[: len(is_whole)] * len(words) + tokens[order - 1 :]
            names, codes = np.unique(pairs[is_whole], return_inverse=True)
            ids = np.full(len(is_whole), -1, np.int64)
            ids[is_whole] = codes
            num_ids = max(len(names), 1)
        whole = ids >= 0
        keys, counts = np.unique(rows[: len(ids)][whole] * num_ids + ids[whole], return_counts=True)
        found.append(Grams(keys // num_ids, keys % num_ids, counts, num_ids))
    return found, sizes


def rows_match(rows: Int[np.ndarray, " tokens"], order: int) -> np.ndarray:
    """Say where an n-gram begins that does not run over its sentence's end."""
    if len(rows) < order:
        return np.zeros(0, bool)
    return rows[: len(rows) - order + 1] == rows[order - 1 :]


def find_entries(
    grams: Grams, rows: Int[np.ndarray, " wanted"], ids: Int[np.ndarray, " wanted"]
) -> Int[np.ndarray, " wanted"]:
    """Return the place of each ``(row, id)`` among the entries, -1 where it is not there."""
    keys = grams.rows * grams.num_ids + grams.ids
    wanted = rows * grams.num_ids + ids
    place = np.searchsorted(keys, wanted)
    if len(keys) == 0:
        return np.full(len(wanted), -1, np.int64)
    inside = np.minimum(place, len(keys) - 1)
    return np.where(keys[inside] == wanted, inside, -1)


def longest_common_words(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of words, 64 words a step and more.

    Bit-parallel (Crochemore et al. 2001): one pass over ``second`` with whole numbers as rows.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | (1 << place)
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        match = row & places.get(word, 0)
        row = ((row + match) | (row - match)) & full
    return len(first) - row.bit_count()
