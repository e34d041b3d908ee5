"""Paid writing: every answer is entered into the ledger before anything else is done with it."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lineament.records.chunk import SOURCE_KEY, SPLIT_KEY, Chunk, Item
from lineament.records.ledger import Entry, Ledger
from lineament.records.record import Record
from lineament.records.work_key import work_key
from lineament.records.writers import Job, Outcome, PaidWriter

WRITER_FAILED = "writer failed"
_LOG = logging.getLogger(__name__)


def write_paid(
    chunks: Iterable[Chunk],
    writer: PaidWriter,
    ledger: Ledger,
    key_parts: tuple[str, str, str],
    source: str,
    split: str,
) -> Iterator[Chunk]:
    """Yield the chunks with their drafts, in order; what was paid for before is not asked again.

    Outcomes come in any order and are entered at once; a chunk waits for its last one.
    """
    waiting: list[tuple[Chunk, list[str]]] = []
    ready: dict[str, tuple[Record, ...] | None] = {}

    def jobs() -> Iterator[Job]:
        asked: set[str] = set()  # of the chunks in flight; their keys leave with them
        for chunk in chunks:
            keys: list[str] = []
            waiting.append((chunk, keys))
            for item in chunk.items:
                key = work_key(item.annotation, *key_parts)
                keys.append(key)
                paid = ledger.find_paid(key)
                if paid is not None:
                    ready[key] = paid
                elif key not in ready and key not in asked:
                    asked.add(key)
                    extra = item.annotation.extra
                    origin = {
                        "source": str(extra.get(SOURCE_KEY, source)),
                        "split": str(extra.get(SPLIT_KEY, split)),
                    }
                    yield Job(key, item.annotation, origin)
            asked.intersection_update(key for _, keys in waiting for key in keys)

    for outcome in writer.write_all(jobs()):
        ledger.append((entry_of(outcome),))
        ready[outcome.key] = outcome.records
        yield from _take_whole(waiting, ready)
    yield from _take_whole(waiting, ready)


def entry_of(outcome: Outcome) -> Entry:
    """Return the ledger's line for an outcome."""
    is_paid = outcome.records is not None
    return Entry(
        outcome.key, "paid" if is_paid else "failed", outcome.cost, outcome.tokens_in,
        outcome.tokens_out, outcome.error, outcome.records,
    )  # fmt: skip


def _take_whole(
    waiting: list[tuple[Chunk, list[str]]], ready: dict[str, tuple[Record, ...] | None]
) -> Iterator[Chunk]:
    """Yield the first chunks of which everything is there, and forget their outcomes."""
    while waiting:
        chunk, keys = waiting[0]
        if len(keys) < len(chunk.items) or any(key not in ready for key in keys):
            return
        waiting.pop(0)
        items: list[Item] = []
        failed = 0
        for item, key in zip(chunk.items, keys, strict=True):
            drafts = ready[key]
            failed += drafts is None
            if drafts is not None:
                items.append(Item(item.annotation, drafts))
        still = {key for _, others in waiting for key in others}
        for key in keys:
            if key not in still:
                ready.pop(key, None)
        dropped = Counter(chunk.dropped)
        if failed:
            dropped[WRITER_FAILED] += failed
            _LOG.warning("%d annotations gave nothing; the ledger says why", failed)
        yield replace(chunk, items=tuple(items), dropped=dict(dropped))
