"""The build: annotations in, verified records out; stoppable, resumable, in flat memory."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.build_settings import (
    ADAPTED,
    DEFAULT_SETTINGS,
    BuildSettings,
    differing,
    key_parts,
    other_build,
    require_same_build,
    stamp_of,
)
from lineament.records.chunk import Chunk, ChunkWriter, Item
from lineament.records.form import Limits
from lineament.records.gather import Gatherer, Totals
from lineament.records.ledger import FILE, Ledger
from lineament.records.manifest import MANIFEST, read_manifest
from lineament.records.paid import write_paid
from lineament.records.quality import Annotator, Answerer, QualityScorer, count_prior
from lineament.records.sources.source import Dropped, Source, require_split
from lineament.records.store import StoreWriter
from lineament.records.workers import map_here, map_on_ray
from lineament.records.write.table import make_writer
from lineament.records.writers import PaidWriter, Writer, WriterSettings

__all__ = ["Annotator", "Answerer", "BuildResult", "BuildSettings", "build"]

CHUNK_ITEMS = 64
PRIOR_ITEMS = 1000
Drawn = TypeVar("Drawn")


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build gave; `to_dict` is the JSON of ``lineament build``."""

    source: str
    out: str
    totals: Totals
    seconds: float
    cost: float = 0.0
    is_resumed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {
            "source": self.source,
            "annotations": self.totals.counts["annotations"],
            "records": self.totals.counts["records"],
            "turns": self.totals.counts["turns"],
            "dropped": dict(sorted(self.totals.dropped.items())),
            "seconds": round(self.seconds, 2),
            "out": self.out,
            **self.totals.report(),
            "cost": round(self.cost, 6),
            "resumed": self.is_resumed,
            **self.extra,
        }


def build(
    source: Source,
    folder: Path | None,
    out: Path | str,
    settings: BuildSettings = DEFAULT_SETTINGS,
    *,
    num_workers: int = 1,
    ray_address: str = "",
    scorer: QualityScorer | None = None,
    writer: Writer | PaidWriter | None = None,
    on_annotations: Callable[[int], None] | None = None,
) -> BuildResult:
    """Build a data set; a build that was stopped goes on where it was.

    Args:
        source: What gives annotations.
        folder: The source's data folder; None where it needs none.
        out: Where the store goes; holds the ledger, too.
        settings: What is built.
        num_workers: Processes.
        ray_address: Run on Ray: ``local`` or a cluster's address; empty: not on Ray.
        scorer: Scores quality; by default with a prior counted on the first annotations.
        writer: Instead of the one that the settings name.
        on_annotations: Called with the number of annotations that are done.

    Raises:
        BadInput: The source, split, kinds or writer cannot be used.
        BadStore: The folder holds another build, or a damaged one.
    """
    began = time.perf_counter()
    split = settings.split or source.splits[0]
    require_split(source, split)
    writer = writer or choose_writer(source, settings)
    data = require_folder(source, folder)
    stamp = stamp_of(source, data, split, settings, key_parts(writer, settings))
    out = Path(out)
    if (out / MANIFEST).exists():
        return _finished(source, out, stamp)
    first = _peek(_annotations(source, data, split), PRIOR_ITEMS)  # bad folders end here
    store = StoreWriter(out)
    with Ledger(out / FILE, exclusive=True) as ledger:
        require_same_build(ledger, stamp, out)
        gatherer = Gatherer(store, ledger, drop_near=settings.drop_near)
        resumed = gatherer.totals.num_read > 0
        write = ChunkWriter(
            writer=None if isinstance(writer, PaidWriter) else writer,
            scorer=scorer or QualityScorer(count_prior(first)),
            source=source.name,
            split=split,
            folder=data if source.needs_folder else None,
            limits=Limits(accept_unknown=settings.accept_unknown),
            max_turns=settings.max_turns,
            needs_media=settings.needs_media,
            writer_key=key_parts(writer, settings),
            only_adapted=settings.kinds == (ADAPTED,),
            seed=settings.seed,
            use_tags=settings.use_tags,
        )
        rows = rows_left(source, data, split, settings.limit, gatherer.totals)
        chunks = _chunks(rows)
        if isinstance(writer, PaidWriter):
            chunks = write_paid(chunks, writer, ledger, write.writer_key, source.name, split)
        if ray_address:
            results = map_on_ray(write, chunks, ray_address)
        else:
            results = map_here(write, chunks, num_workers)
        for written in results:
            gatherer.add(written)
            if on_annotations:
                on_annotations(gatherer.num_annotations)
        spent = ledger.spent()
        totals = gatherer.finish(json.loads(stamp) | {"licence": source.licence})
    seconds = time.perf_counter() - began
    return BuildResult(source.name, str(out), totals, seconds, spent.cost, resumed)


def choose_writer(source: Source, settings: BuildSettings) -> Writer | PaidWriter:
    """Return the writer that the settings name; a composition brings its own offline writer."""
    own = getattr(source, "make_writer", None)
    if own is not None and settings.writer == "template":
        return own(settings.seed)
    return make_writer(settings.writer, _writer_settings(settings))


def require_folder(source: Source, folder: Path | None) -> Path:
    """Return the folder a source reads from.

    Raises:
        BadInput: It needs one and none was given, or it is not there.
    """
    if folder is None:
        if source.needs_folder:
            raise BadInput(f"{source.name} reads a folder", hint="say where it lies: --data DIR")
        return Path()
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder", hint="say where the data lie: --data DIR")
    return folder


def _finished(source: Source, out: Path, stamp: str) -> BuildResult:
    """Return the result of a build that was finished before."""
    about = dict(read_manifest(out).about)
    now = json.loads(stamp)
    if differing(about, now):
        raise other_build(out, about, now)
    with Ledger(out / FILE) as ledger:
        totals = Totals.from_rows(ledger.shards())
        cost = ledger.spent().cost
    return BuildResult(
        source.name, str(out), totals, 0.0, cost, is_resumed=True, extra={"already_there": True}
    )


def _writer_settings(settings: BuildSettings) -> WriterSettings:
    kinds = tuple(kind for kind in settings.kinds if kind != ADAPTED)
    return WriterSettings(kinds, settings.seed, dict(settings.writer_options))


def _annotations(source: Source, folder: Path, split: str) -> Iterator[Annotation]:
    return (row for row in source.read(folder, split) if isinstance(row, Annotation))


def _peek(iterator: Iterator[Drawn], count: int) -> list[Drawn]:
    return list(islice(iterator, count))


def rows_left(
    source: Source, folder: Path, split: str, limit: int | None, done: Totals
) -> Iterator[Annotation | Dropped]:
    """Yield the rows that no finished shard has, up to the limit of annotations."""
    rows = iter(source.read(folder, split))
    for _ in islice(rows, done.num_read):
        pass
    left = None if limit is None else limit - done.counts["read"]
    for row in rows:
        if left is not None and left <= 0:
            return
        if left is not None and isinstance(row, Annotation):
            left -= 1
        yield row


def _chunks(rows: Iterable[Annotation | Dropped]) -> Iterator[Chunk]:
    items: list[Item] = []
    dropped: Counter[str] = Counter()
    num_read = 0
    for row in rows:
        num_read += 1
        if isinstance(row, Dropped):
            dropped[row.reason] += 1
        else:
            items.append(Item(row))
        if len(items) == CHUNK_ITEMS or dropped.total() >= 100 * CHUNK_ITEMS:
            yield Chunk(tuple(items), num_read, dict(dropped))
            items, dropped, num_read = [], Counter(), 0
    if num_read:
        yield Chunk(tuple(items), num_read, dict(dropped))
