"""Verified turns a second on one core: write, read back, check, id, de-duplicate, Parquet.

Counts processor time of this process; the source's rows are read before. A turn is a question with
its answer. The rows before those that are measured have filled the reader's caches, as in the
middle of a large build; a second figure has them emptied for every chunk, so that caching is told
apart.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

from lineament.annotation import Annotation
from lineament.claims import forget_readings
from lineament.records.build import BuildSettings, build
from lineament.records.chunk import ChunkWriter
from lineament.records.read_back import read_after_question
from lineament.records.sources.table import require_source

RESULT = Path(__file__).resolve().parent / "results" / "build_speed.json"
ANNOTATIONS, WARM, ROUNDS = 2000, 4000, 5  # fewer are for trying out, and are not kept


class Ready:
    """A source whose rows are in memory."""

    name, licence, splits, needs_folder = "ready", "", ("all",), False

    def __init__(self, rows: list[Annotation]) -> None:
        self.rows = rows

    def read(self, folder: Path, split: str):  # noqa: ARG002
        return iter(self.rows)


def measure(rows: list[Annotation], seed: int) -> tuple[int, float]:
    """Return turns (questions with answers) and seconds of processor time of one build."""
    with tempfile.TemporaryDirectory() as out:
        began = time.process_time()
        result = build(Ready(rows), None, Path(out) / "out", BuildSettings(seed=seed))
        return result.totals.counts["turns"], time.process_time() - began


def measure_uncached(rows: list[Annotation], seed: int) -> tuple[int, float]:
    """Do the same with the reader's caches emptied before every chunk."""
    whole = ChunkWriter.__call__

    def forgetful(self, chunk):
        forget_readings()
        read_after_question.cache_clear()
        return whole(self, chunk)

    ChunkWriter.__call__ = forgetful  # type: ignore[method-assign]
    try:
        return measure(rows, seed)
    finally:
        ChunkWriter.__call__ = whole  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of ffhq-features-70k")
    parser.add_argument("--annotations", type=int, default=ANNOTATIONS, help="a round")
    parser.add_argument("--warm", type=int, default=WARM, help="annotations before the first round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    source = require_source("ffhq-features")
    found = (row for row in source.read(arguments.data, "all") if isinstance(row, Annotation))
    warm = list(islice(found, arguments.warm))
    rounds = [list(islice(found, arguments.annotations)) for _ in range(arguments.rounds)]
    measure(warm, 0)
    cached = [turns / seconds for turns, seconds in (measure(rows, 0) for rows in rounds)]
    uncached = [turns / seconds for turns, seconds in (measure_uncached(r, 0) for r in rounds)]
    result = {
        "command": "python benchmarks/build_speed.py DATA",
        "annotations": sum(map(len, rounds)),
        "warm_annotations": len(warm),
        "turns_per_second": round(statistics.median(cached)),
        "turns_per_second_without_reader_cache": round(statistics.median(uncached)),
        "all_rounds": [round(rate) for rate in cached],
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result, indent=1))
    if (arguments.annotations, arguments.warm, arguments.rounds) == (ANNOTATIONS, WARM, ROUNDS):
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
