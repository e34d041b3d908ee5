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
from lineament.errors import BadInput, BadStore
from lineament.records.chunk import Chunk, ChunkWriter, Item
from lineament.records.gather import Gatherer, Totals
from lineament.records.ledger import FILE, Ledger
from lineament.records.paid import write_paid
from lineament.records.quality import Annotator, Answerer, QualityScorer, count_prior
from lineament.records.sources.source import Dropped, Source, require_split
from lineament.records.store import MANIFEST, StoreWriter, read_manifest
from lineament.records.verify import Limits
from lineament.records.workers import map_here, map_on_ray
from lineament.records.write.table import make_writer
from lineament.records.writers import PaidWriter, Writer, WriterSettings

__all__ = ["Annotator", "Answerer", "BuildResult", "BuildSettings", "build", "dry_run"]

CHUNK_ITEMS = 64
PRIOR_ITEMS = 1000
SAMPLE_ITEMS = 200
DEFAULT_MAX_TURNS = 40
ADAPTED = "adapted"
Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class BuildSettings:
    """How a data set is built; two builds with equal settings give equal records.

    Attributes:
        split: Of the source; empty: its first.
        kinds: Kinds of records; none: all. ``adapted`` alone: only what the labels say.
        writer: Name of the writer.
        seed: Changes all that is written.
        limit: Most annotations.
        max_turns: Most turns about one annotation; one turn is a question and its answer.
        needs_media: Drop annotations whose media are missing.
        drop_near: Drop descriptions that nearly repeat one of other media; else only counted.
        accept_unknown: Keep claims that the annotation is silent on.
        writer_options: Of one writer: an address, a model's name, a budget.
    """

    split: str = ""
    kinds: tuple[str, ...] = ()
    writer: str = "template"
    seed: int = 0
    limit: int | None = None
    max_turns: int = DEFAULT_MAX_TURNS
    needs_media: bool = False
    drop_near: bool = False
    accept_unknown: bool = False
    writer_options: tuple[tuple[str, str], ...] = ()


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
    settings: BuildSettings = BuildSettings(),
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
        )
        rows = _rows(source, data, split, settings.limit, gatherer.totals)
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


def dry_run(
    source: Source,
    folder: Path | None,
    settings: BuildSettings = BuildSettings(),
) -> dict[str, Any]:
    """Return what a build would give: every row read, a few written, nothing kept or paid.

    Raises:
        BadInput: The source, split, kinds or writer cannot be used.
    """
    began = time.perf_counter()
    split = settings.split or source.splits[0]
    require_split(source, split)
    writer = choose_writer(source, settings)
    data = require_folder(source, folder)
    sample: list[Item] = []
    dropped: Counter[str] = Counter()
    num_annotations = 0
    for row in _rows(source, data, split, settings.limit, Totals()):
        if isinstance(row, Dropped):
            dropped[row.reason] += 1
            continue
        num_annotations += 1
        if len(sample) < SAMPLE_ITEMS:
            sample.append(Item(row))
    report: dict[str, Any] = {
        "source": source.name,
        "annotations": num_annotations,
        "dropped": dict(sorted(dropped.items())),
        "dry_run": True,
        "sampled": len(sample),
    }
    if isinstance(writer, PaidWriter):
        estimate = getattr(writer, "estimate", None)
        annotations = [item.annotation for item in sample]
        if estimate is not None:
            report["estimate"] = estimate(annotations, num_annotations)
    else:
        report |= _estimate(writer, source, split, sample, num_annotations, settings)
    return report | {"out": "", "seconds": round(time.perf_counter() - began, 2)}


def _estimate(
    writer: Writer, source: Source, split: str, sample: list[Item], total: int,
    settings: BuildSettings,
) -> dict[str, Any]:  # fmt: skip
    """Return the records and turns of a sample, scaled up to all annotations."""
    write = ChunkWriter(
        writer, QualityScorer(), source.name, split, None, Limits(), settings.max_turns,
        only_adapted=settings.kinds == (ADAPTED,), seed=settings.seed,
    )  # fmt: skip
    written = write(Chunk(tuple(sample), len(sample)))
    turns = sum(len(row) // 2 for row in written.table["turns"].to_pylist())
    scale = total / max(len(sample), 1)
    return {"records": round(written.table.num_rows * scale), "turns": round(turns * scale)}


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


def key_parts(writer: Writer | PaidWriter, settings: BuildSettings) -> tuple[str, str, str]:
    """Return what names the work beside the annotation: prompts, writer, sampling."""
    if isinstance(writer, PaidWriter):
        return writer.prompt_version, writer.name, writer.sampling
    return "", settings.writer, f"seed {settings.seed}"


def stamp_of(
    source: Source, folder: Path, split: str, settings: BuildSettings, work: tuple[str, str, str]
) -> str:
    """Return what two runs of one build have in common, as JSON."""
    return json.dumps(
        {
            "source": source.name,
            "data": folder.name,
            "split": split,
            "kinds": sorted(settings.kinds),
            "writer": settings.writer,
            "work": list(work),  # prompts, model, sampling
            "seed": settings.seed,
            "limit": settings.limit,
            "max_turns": settings.max_turns,
            "needs_media": settings.needs_media,
            "drop_near": settings.drop_near,
            "accept_unknown": settings.accept_unknown,
        },
        sort_keys=True,
    )


def require_same_build(ledger: Ledger, stamp: str, out: Path) -> None:
    """Enter what is built into a new ledger; refuse one that belongs to another build.

    Raises:
        BadStore: It does; the message says in what they differ.
    """
    before = ledger.about("build")
    if not before:
        ledger.set_about("build", stamp)
    elif before != stamp:
        raise _other_build(out, json.loads(before), json.loads(stamp))


def _other_build(out: Path, before: dict[str, Any], now: dict[str, Any]) -> BadStore:
    differ = [key for key in now if now[key] != before.get(key)]
    detail = ", ".join(f"{key} was {before.get(key)!r}" for key in differ)
    return BadStore(
        f"{out}: holds another build ({detail})", hint="choose another --out, or remove that one"
    )


def _finished(source: Source, out: Path, stamp: str) -> BuildResult:
    """Return the result of a build that was finished before."""
    about = dict(read_manifest(out).about)
    now = json.loads(stamp)
    if any(about.get(key) != value for key, value in now.items()):
        raise _other_build(out, about, now)
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


def _rows(
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
