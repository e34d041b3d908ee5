"""Chunks: some annotations in, their verified records out; what every worker process does."""

import gc
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from lineament.annotation import Annotation
from lineament.records.duplicates import (
    Signature,
    key_of_id,
    key_of_text,
    sign_text,
    split_alike,
)
from lineament.records.form import DESCRIPTION_KINDS, Limits
from lineament.records.media import find_media, leaves_folder
from lineament.records.quality import QualityScorer
from lineament.records.record import Record, is_denial, table_from_records
from lineament.records.verify import ADAPTED, Rejected, Tally, Verifier
from lineament.records.work_key import work_key
from lineament.records.writers import Writer

NEAR_DUPLICATE = "near duplicate"
TOO_MANY = "over the cap of turns"
MEDIA_UNREADABLE = "media unreadable"
MEDIA_MISSING = "media missing"
MEDIA_OUTSIDE = "media outside the data folder"
NOTHING_WRITTEN = "nothing written"
SOURCE_KEY, SPLIT_KEY = "source", "split"  # in `Annotation.extra`, where sources are mixed
_NAME_OF = operator.itemgetter("name")


@dataclass(frozen=True, slots=True)
class Item:
    """One annotation on its way through a build.

    Attributes:
        annotation: What is known.
        drafts: Unverified records, where a paid writer has written them already.
    """

    annotation: Annotation
    drafts: tuple[Record, ...] | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some items in the order of the source.

    Attributes:
        items: Annotations to write about.
        num_read: Rows of the source behind this chunk, dropped ones included.
        dropped: Those rows that gave no annotation, by reason.
    """

    items: tuple[Item, ...]
    num_read: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Written:
    """What came of a chunk.

    Attributes:
        num_read: As in the chunk.
        table: Its records; None when they are in no shard any more.
        keys: Of each record, by `find_key`; who has one that was there before is a repetition.
        owner: For each record, the number of its annotation within the chunk.
        positive: Answers of each record that state something.
        negative: Answers of each record that only deny.
        people: For each annotation, what train and test must not share, and its split.
        media: For each annotation, its reference, to find rows that come twice.
        work: For each annotation, its key in the ledger.
        signatures: Of descriptions, by row.
        tally: Counts of the verification.
        dropped: Rows and records left out, by reason.
        found: Media found, missing, unreadable, or made rather than read.
    """

    num_read: int
    table: pa.Table
    keys: list[int]
    owner: Int64[np.ndarray, "records"]
    positive: Int64[np.ndarray, "records"]
    negative: Int64[np.ndarray, "records"]
    people: list[tuple[str, str]]
    media: list[str]
    work: list[str]
    signatures: dict[int, Signature]
    tally: Tally
    dropped: Counter[str]
    found: Counter[str]


@dataclass(frozen=True)
class ChunkWriter:
    """Writes, verifies and scores the records of a chunk; the same in every process.

    Attributes:
        writer: None where a paid writer has written before.
        scorer: Gives every record its quality.
        source: The source's name.
        split: The source's split.
        folder: Where the media lie; None where they are made rather than read.
        limits: What a record may be like.
        max_turns: Most questions with their answers about one annotation.
        needs_media: Drop annotations whose media are missing.
        writer_key: Names the writer in the ledger.
        only_adapted: Keep what the labels say, write nothing.
        seed: Changes how labels are asked for.
        use_tags: Write the task's tag before what labels are asked as.
    """

    writer: Writer | None
    scorer: QualityScorer
    source: str
    split: str
    folder: Path | None
    limits: Limits
    max_turns: int
    needs_media: bool = False
    writer_key: tuple[str, str, str] = ("", "", "")
    only_adapted: bool = False
    seed: int = 0
    use_tags: bool = False

    def __call__(self, chunk: Chunk) -> Written:
        """Return the chunk's verified records."""
        with without_collector():
            return self._write(chunk)

    def _write(self, chunk: Chunk) -> Written:
        verifier = Verifier(self.limits)
        dropped: Counter[str] = Counter(chunk.dropped)
        found: Counter[str] = Counter()
        kept: list[Record] = []
        qualities: list[float] = []
        owner: list[int] = []
        people: list[tuple[str, str]] = []
        media: list[str] = []
        work: list[str] = []
        for item in chunk.items:
            annotation = item.annotation
            if leaves_folder(annotation.media):
                dropped[MEDIA_OUTSIDE] += 1
                continue
            state = find_media(annotation.media, self.folder)
            found[state] += 1
            if state == "unreadable" or (state == "missing" and self.needs_media):
                dropped[MEDIA_UNREADABLE if state == "unreadable" else MEDIA_MISSING] += 1
                continue
            number = len(media)
            records = list(self._records_of(item, verifier, dropped))
            if not records:
                dropped[NOTHING_WRITTEN] += 1
            kept += records
            qualities += [self.scorer.rate(record, annotation) for record in records]
            owner += [number] * len(records)
            origin = self._origin(annotation)
            people.append((annotation.split_key, origin["split"]))
            media.append(annotation.media)
            work.append(work_key(annotation, *self.writer_key))
        signs = [count_signs(record) for record in kept]
        return Written(
            num_read=chunk.num_read,
            table=table_from_records(kept, qualities),
            keys=[find_key(record, row) for row, record in enumerate(kept)],
            owner=np.array(owner, np.int64),
            positive=np.array([positive for positive, _ in signs], np.int64),
            negative=np.array([negative for _, negative in signs], np.int64),
            people=people,
            media=media,
            work=work,
            signatures={
                row: sign_text(record.turns[-1].text)
                for row, record in enumerate(kept)
                if record.kind in DESCRIPTION_KINDS
            },
            tally=verifier.tally,
            dropped=dropped,
            found=found,
        )

    def _records_of(
        self, item: Item, verifier: Verifier, dropped: Counter[str]
    ) -> Iterator[Record]:
        annotation = item.annotation
        verified: list[Record] = []
        origin = self._origin(annotation)
        # A data set's own labels stay as published, however short, alike or many they are; what
        # is wrong with one is told in its provenance.
        for record in adapt_labels(annotation, origin, self.seed, use_tags=self.use_tags):
            verifier.tally.outcomes[ADAPTED] += 1
            yield record
        results = [verifier.verify(draft, annotation) for draft in self._drafts_of(item, origin)]
        for result in results:
            if isinstance(result, Rejected):
                dropped[result.reason] += 1
            else:
                verified.append(result)
        num_turns = 0
        for record, is_alike in split_alike(verified):
            if is_alike:
                dropped[NEAR_DUPLICATE] += 1
            elif num_turns + len(record.turns) // 2 > self.max_turns:
                dropped[TOO_MANY] += 1
            else:
                num_turns += len(record.turns) // 2
                yield record

    def _drafts_of(self, item: Item, origin: Mapping[str, str]) -> Iterable[Record]:
        if item.drafts is not None:
            return item.drafts
        if self.writer is None or self.only_adapted:
            return ()
        return self.writer.write(item.annotation, origin)

    def _origin(self, annotation: Annotation) -> dict[str, str]:
        return {
            "source": str(annotation.extra.get(SOURCE_KEY, self.source)),
            "split": str(annotation.extra.get(SPLIT_KEY, self.split)),
        }


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the collector of reference cycles away from a block of code that leaves none behind.

    It would search all that the caches hold again and again while a chunk's records pile up.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def adapt_labels(
    annotation: Annotation, origin: Mapping[str, str], seed: int = 0, *, use_tags: bool = False
) -> Iterator[Record]:
    """Yield what a data set's own labels say, where the source has put any in."""
    if annotation.extra.get("labels"):
        from lineament.records.sources.scenes.adapt import adapt_annotation

        yield from adapt_annotation(annotation, origin, seed=seed, use_tags=use_tags)


def find_key(record: Record, row: int) -> int:
    """Return what tells a record of a chunk from those that it may repeat.

    Labels count as published, exact repetitions included, so an adapted record repeats none.
    """
    if record.provenance.get("writer", "").startswith(ADAPTED):
        return key_of_text(f"{record.id} {row}")
    return key_of_id(record.id)


def count_signs(record: Record) -> tuple[int, int]:
    """Return how many answers state something, and how many only deny; others are neither."""
    claims = record.claims
    if len(record.turns) == 2 and "object_count" not in map(_NAME_OF, claims):
        is_alone = len(claims) == 1
        told = claims if is_alone else [c for c in claims if c["name"] != "male"]
        is_negative = all(map(is_denial, told))
        return (int(not is_negative), int(is_negative)) if told else (0, 0)
    says: dict[int, bool] = {}
    assumed: set[int] = set()
    for claim in claims:
        is_assumed = claim["name"] == "object_count" and claim["value"] == "[1, null]"
        if is_assumed:  # "the road is not on the bridge" only denies
            assumed.add(claim["turn"])
        elif claim["name"] != "male" or len(claims) == 1:
            says[claim["turn"]] = says.get(claim["turn"], False) or not is_denial(claim)
    says |= dict.fromkeys(assumed - says.keys(), True)
    positive = sum(says.values())
    return positive, len(says) - positive
