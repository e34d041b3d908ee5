"""Gathering: the chunks' records without duplicates into shards, and what they add up to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.compute import call_function

from lineament.records.chunk import Written
from lineament.records.duplicates import NearIndex, SeenIndex, key_of_text
from lineament.records.form import WHOLE_KINDS
from lineament.records.ledger import Ledger
from lineament.records.manifest import Manifest, Shard
from lineament.records.record import SCHEMA
from lineament.records.sources.source import DUPLICATE
from lineament.records.store import StoreWriter
from lineament.records.verify import Tally

SHARD_ROWS = 25_000
WANTED_ANSWERS = 10
REPEATED_RECORD = "repeated record"
NEAR_DUPLICATE = "near duplicate"
SPLIT_LEAK = "split leak"


@dataclass(slots=True)
class Totals:
    """What the finished part of a build adds up to.

    Attributes:
        num_read: Rows of the source behind it.
        counts: Annotations, records, turns (a question and its answer each), ...
        dropped: Rows and records left out, by reason.
        kinds: Records by kind.
        levels: Records by level.
        found: Media found, missing, unreadable, or made.
        splits: Annotations by split.
        tally: Counts of the verification.
        fewest: Fewest answers about one annotation.
        most: Most turns about one annotation.
        shards: The files.
    """

    num_read: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    fewest: int | None = None
    most: int = 0
    shards: list[Shard] = field(default_factory=list)

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "Totals":
        """Add up what the ledger has of each shard."""
        totals = cls()
        for row in rows:
            totals.add(
                cls(
                    num_read=row["num_read"],
                    tally=Tally(**{key: Counter(value) for key, value in row["tally"].items()}),
                    fewest=row["fewest"],
                    most=row["most"],
                    shards=[Shard(**shard) for shard in row["shards"]],
                    **{key: Counter(row[key]) for key in _COUNTERS},
                )
            )
        return totals

    def to_dict(self) -> dict[str, Any]:
        """Return what the ledger keeps of a shard."""
        # `asdict` would count the items of a Counter.
        tally = {key: dict(getattr(self.tally, key)) for key in _TALLIES}
        return {
            "num_read": self.num_read,
            "tally": tally,
            "fewest": self.fewest,
            "most": self.most,
            "shards": [asdict(shard) for shard in self.shards],
            **{key: dict(getattr(self, key)) for key in _COUNTERS},
        }

    def add(self, other: "Totals") -> None:
        """Add another part."""
        self.num_read += other.num_read
        for key in _COUNTERS:
            getattr(self, key).update(getattr(other, key))
        self.tally.add(other.tally)
        known = [value for value in (self.fewest, other.fewest) if value is not None]
        self.fewest = min(known, default=None)
        self.most = max(self.most, other.most)
        self.shards += other.shards

    def report(self) -> dict[str, Any]:
        """Return the figures beside the main counts."""
        return {
            "positive_answers": self.counts["positive"],
            "negative_answers": self.counts["negative"],
            "yes_share": round(self.tally.yes_share, 4),
            "fewest_answers_an_annotation": self.fewest or 0,
            "annotations_under_10_answers": self.counts["short"],
            "annotations_without_description": self.counts["undescribed"],
            "most_turns_an_annotation": self.most,
            "near_duplicates": self.counts["near"],
            "media": {key: self.found[key] for key in ("found", "missing", "unreadable", "made")},
            "kinds": dict(sorted(self.kinds.items())),
            "verdicts": dict(self.tally.verdicts),
        }


_TALLIES = ("verdicts", "outcomes", "answers", "names")
_COUNTERS = ("counts", "dropped", "kinds", "levels", "found", "splits")


class Gatherer:
    """Takes what chunks gave, in order, and writes shards; memory holds one shard at most.

    A shard, its totals and its part of the indexes are committed together, so a build that is
    killed goes on after its last whole shard and gives the same records.
    """

    def __init__(self, store: StoreWriter, ledger: Ledger, *, drop_near: bool = False) -> None:
        self.totals = Totals.from_rows(ledger.shards())
        self._store = store
        self._ledger = ledger
        self._drop_near = drop_near
        self._seen = SeenIndex(ledger)
        self._near = NearIndex(ledger, self.totals.counts["signed"])
        self._open = Totals()
        self._tables: list[pa.Table] = []
        self._done: list[str] = []

    @property
    def num_annotations(self) -> int:
        """Annotations done, in shards or not yet."""
        return self.totals.counts["read"] + self._open.counts["read"]

    def add(self, written: Written) -> None:
        """Take one chunk's records; writes a shard when there are enough."""
        part = Totals(written.num_read, dropped=written.dropped, found=written.found)
        part.tally = written.tally
        part.counts["read"] = written.found.total()
        keep = self._choose(written, part)
        table = written.table.filter(pa.array(keep)) if not keep.all() else written.table
        _count_records(part, table, written, keep)
        self._open.add(part)
        self._tables.append(table)
        self._done += written.work
        if sum(table.num_rows for table in self._tables) >= SHARD_ROWS:
            self._commit()

    def finish(self, about: Mapping[str, Any]) -> Totals:
        """Write what is left, then the manifest."""
        if self._open.num_read or not self.totals.shards:
            self._commit()
        totals = self.totals
        report = totals.report() | {"verdicts": dict(totals.tally.verdicts)}
        manifest = Manifest(
            tuple(totals.shards),
            dict(totals.counts),
            dict(totals.kinds),
            dict(totals.levels),
            dict(totals.dropped),
            {**about, "report": report, "answers_by_name": dict(totals.tally.names)},
        )
        self._store.finish(manifest)
        self._ledger.drop_indexes()
        return totals

    def _choose(self, written: Written, part: Totals) -> np.ndarray:
        """Return which records stay: no row twice, no record twice, no person in two splits."""
        keep = np.ones(len(written.keys), bool)
        wanted = np.ones(len(written.media), bool)
        media_keys = [key_of_text(f"media {reference}") for reference in written.media]
        there = self._seen.find_seen(media_keys)
        for number, key in enumerate(media_keys):
            if key in there:
                wanted[number] = False
                part.dropped[DUPLICATE] += 1
            elif self._leaks(*written.people[number]):
                wanted[number] = False
                part.dropped[SPLIT_LEAK] += 1
            there.add(key)
        if not wanted.all():
            keep &= wanted[written.owner]
        self._seen.add(media_keys)
        repeated = self._seen.find_seen(written.keys)
        for row, key in enumerate(written.keys):
            if key in repeated and keep[row]:
                keep[row] = False
                part.dropped[REPEATED_RECORD] += 1
            repeated.add(key)
        self._seen.add(written.keys)
        self._choose_near(written, keep, part)
        return keep

    def _choose_near(self, written: Written, keep: np.ndarray, part: Totals) -> None:
        for row, signature in written.signatures.items():
            if not keep[row]:
                continue
            if self._near.add_new(signature):
                part.counts["signed"] += 1
                continue
            part.counts["near"] += 1
            if self._drop_near:
                keep[row] = False
                part.dropped[NEAR_DUPLICATE] += 1

    def _leaks(self, person: str, split: str) -> bool:
        """Say whether somebody was in another split of the same build before."""
        if not person:
            return False
        others = (self.totals.splits.keys() | self._open.splits.keys()) - {split}
        marks = [key_of_text(f"person {other} {person}") for other in others]
        if marks and self._seen.find_seen(marks):
            return True
        self._seen.add((key_of_text(f"person {split} {person}"),))
        self._open.splits[split] += 1
        return False

    def _commit(self) -> None:
        part = self._open
        number = len(self.totals.shards)
        table = pa.concat_tables(self._tables) if self._tables else SCHEMA.empty_table()
        part.shards = [self._store.write_shard(number, table)]
        bands, signatures = self._near.take_pending()
        self._ledger.commit_shard(
            number, part.to_dict(), self._done, self._seen.take_pending(), bands, signatures
        )
        self.totals.add(part)
        self._open, self._tables, self._done = Totals(), [], []


def _count_records(part: Totals, table: pa.Table, written: Written, keep: np.ndarray) -> None:
    owner = written.owner[keep]
    # The column holds messages; what is counted as a turn is a question with its answer.
    lengths = call_function("list_value_length", [table["turns"]]).to_numpy() // 2
    num_annotations = len(written.media)
    turns = np.bincount(owner, lengths, num_annotations).astype(int)
    is_description = np.isin(table["kind"].to_numpy(zero_copy_only=False), sorted(WHOLE_KINDS))
    described = np.bincount(owner, is_description, num_annotations)
    for key, column in (("kinds", "kind"), ("levels", "level")):
        for entry in table[column].value_counts().to_pylist():
            getattr(part, key)[str(entry["values"])] += entry["counts"]
    with_records = turns[turns > 0]
    part.counts.update(
        annotations=len(with_records),
        records=table.num_rows,
        turns=int(lengths.sum()),
        positive=int(written.positive[keep].sum()),
        negative=int(written.negative[keep].sum()),
        short=int((with_records < WANTED_ANSWERS).sum()),
        undescribed=int((described[turns > 0] == 0).sum()),
    )
    if len(with_records):
        part.fewest, part.most = int(with_records.min()), int(with_records.max())
