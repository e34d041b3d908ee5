"""Dry runs: what a build would give, with nothing kept or paid."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from lineament.records.build import choose_writer, require_folder, rows_left
from lineament.records.build_settings import ADAPTED, DEFAULT_SETTINGS, BuildSettings
from lineament.records.chunk import Chunk, ChunkWriter, Item
from lineament.records.form import Limits
from lineament.records.gather import Totals
from lineament.records.quality import QualityScorer
from lineament.records.sources.source import Dropped, Source, require_split
from lineament.records.writers import PaidWriter, Writer

SAMPLE_ITEMS = 200


def dry_run(
    source: Source,
    folder: Path | None,
    settings: BuildSettings = DEFAULT_SETTINGS,
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
    for row in rows_left(source, data, split, settings.limit, Totals()):
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
        use_tags=settings.use_tags,
    )  # fmt: skip
    written = write(Chunk(tuple(sample), len(sample)))
    turns = sum(len(row) // 2 for row in written.table["turns"].to_pylist())
    scale = total / max(len(sample), 1)
    return {"records": round(written.table.num_rows * scale), "turns": round(turns * scale)}
