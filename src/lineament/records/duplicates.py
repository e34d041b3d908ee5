"""Near-duplicates: MinHash signatures of texts, and their index on disk."""

import hashlib
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import UInt32

from lineament.records.ledger import Ledger
from lineament.records.record import Record

NUM_BANDS, BAND_HASHES = 10, 6
NUM_HASHES = NUM_BANDS * BAND_HASHES
SHINGLE_WORDS = 3
# Share of common shingles from which two texts count as one; bands find 0.9 in 99.9 % of cases.
ALIKE = 0.9
_WORD = re.compile(r"[a-z0-9']+")
_RNG = np.random.default_rng(20_240_601)
_FACTORS = _RNG.integers(0, 2**63, NUM_HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _RNG.integers(0, 2**63, NUM_HASHES, dtype=np.uint64)

Signature = UInt32[np.ndarray, "60"]


def sign_text(text: str) -> Signature:
    """Return the MinHash signature of a text's three-word shingles.

    The share of equal places of two signatures estimates the Jaccard similarity of the texts
    (Broder, 1997); the hash family is multiply-shift.
    """
    words = _WORD.findall(text.lower())
    joined = " ".join(words).encode()  # letters and digits of one byte each
    starts = [0, *itertools.accumulate([len(word) + 1 for word in words])]
    ends = starts[SHINGLE_WORDS:] or starts[-1:]
    shingles = {
        zlib.crc32(joined[start : end - 1]) for start, end in zip(starts, ends, strict=False)
    }
    hashes = np.fromiter(shingles, np.uint64, len(shingles))
    mixed = hashes[:, None] * _FACTORS + _OFFSETS  # wraps at 64 bits on purpose
    return (mixed.min(axis=0) >> np.uint64(32)).astype(np.uint32)


def similarity(one: Signature, other: Signature) -> float:
    """Return the estimated Jaccard similarity of two signed texts."""
    return float((one == other).mean())


def band_keys(signature: Signature) -> list[int]:
    """Return one 63-bit key a band; texts that are alike share at least one."""
    content = signature.tobytes()
    size = len(content) // NUM_BANDS
    bands = [content[start : start + size] for start in range(0, len(content), size)]
    return [
        (zlib.crc32(band, number) << 31) ^ zlib.crc32(band[::-1], number)
        for number, band in enumerate(bands, start=1)
    ]


class NearIndex:
    """Signatures seen so far: what is not committed yet in memory, everything else on disk.

    Nothing is written before `take_pending` hands the new ones over, so that they are committed
    together with the shard they belong to.
    """

    def __init__(self, ledger: Ledger, next_number: int = 0) -> None:
        self._ledger = ledger
        self._bands: dict[int, list[int]] = {}
        self._first = self._next = next_number
        self._rows = np.empty((1024, NUM_HASHES), np.uint32)  # grows with what is pending

    @property
    def next_number(self) -> int:
        """The number the next signature gets."""
        return self._next

    def add_new(self, signature: Signature, alike: float = ALIKE) -> bool:
        """Remember a text unless one as similar as this was added before; say whether it is new."""
        keys = band_keys(signature)
        if self._has_twin(signature, keys, alike):
            return False
        place = self._next - self._first
        if place == len(self._rows):
            self._rows = np.concatenate((self._rows, np.empty_like(self._rows)))
        self._rows[place] = signature
        for key in keys:
            self._bands.setdefault(key, []).append(self._next)
        self._next += 1
        return True

    def _has_twin(self, signature: Signature, keys: list[int], alike: float) -> bool:
        near = {number - self._first for key in keys for number in self._bands.get(key, ())}
        if near and _most_alike(self._rows[list(near)], signature) >= alike:
            return True
        if not self._first:  # nothing is on disk
            return False
        marks = ",".join("?" * len(keys))
        rows = self._ledger.select(
            "SELECT content FROM signatures WHERE number IN"
            f" (SELECT signature FROM bands WHERE key IN ({marks}) LIMIT 200)",
            keys,
        )
        if not rows:
            return False
        stored = np.frombuffer(b"".join([content for (content,) in rows]), np.uint32)
        return _most_alike(stored.reshape(-1, NUM_HASHES), signature) >= alike

    def take_pending(self) -> tuple[list[tuple[int, int]], list[tuple[int, bytes]]]:
        """Return rows for the tables ``bands`` and ``signatures``, and forget them here."""
        bands = [(key, number) for key, numbers in self._bands.items() for number in numbers]
        signatures = [
            (number, self._rows[number - self._first].tobytes())
            for number in range(self._first, self._next)
        ]
        self._bands, self._first = {}, self._next
        return bands, signatures


def _most_alike(rows: UInt32[np.ndarray, "texts 60"], signature: Signature) -> float:
    return float((rows == signature).mean(axis=1).max())


class SeenIndex:
    """Ids seen so far, by their first 63 bits: uncommitted ones in memory, others on disk."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pending: set[int] = set()

    def find_seen(self, keys: Sequence[int]) -> set[int]:
        """Return those of the keys that were there before."""
        seen = self._pending.intersection(keys)
        for start in range(0, len(keys), 900):
            part = keys[start : start + 900]
            marks = ",".join("?" * len(part))
            rows = self._ledger.select(f"SELECT key FROM seen WHERE key IN ({marks})", part)
            seen.update(key for (key,) in rows)
        return seen

    def add(self, keys: Iterable[int]) -> None:
        """Remember keys."""
        self._pending.update(keys)

    def take_pending(self) -> set[int]:
        """Return the keys that are not on disk yet, and forget them here."""
        pending, self._pending = self._pending, set()
        return pending


def key_of_id(record_id: str) -> int:
    """Return the first 63 bits of a record's id."""
    return int(record_id[:16], 16) >> 1


def key_of_text(text: str) -> int:
    """Return 63 bits of a hash of any text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def split_alike(records: Sequence[Record]) -> Iterator[tuple[Record, bool]]:
    """Yield the records about one picture or clip, each with whether it nearly repeats another.

    Only records of one kind are compared: a summary and a caption say the same on purpose.
    """
    num_of_kind = Counter(record.kind for record in records)
    said: dict[str, list[frozenset[str]]] = {}
    for record in records:
        if num_of_kind[record.kind] == 1:
            yield record, False
            continue
        words = frozenset(" ".join([turn.text for turn in record.turns]).lower().split())
        others = said.setdefault(record.kind, [])
        is_alike = any(_jaccard(words, other) > ALIKE for other in others)
        if not is_alike:
            others.append(words)
        yield record, is_alike


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / max(len(one) + len(other) - common, 1)
