"""Build RS-GPT4V's composition and print it beside the published one, with the six principles.

    python benchmarks/scenes_fixtures.py DATA --real RS
    python benchmarks/scenes_mixture.py DATA OUT

A build that was stopped goes on. Counts are over all rows. The principles are measured on a
sample: every k-th record of each kind, what is written against the boxes of its picture.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from lineament.annotation import Annotation
from lineament.records.build import BuildSettings, build
from lineament.records.record import Record, record_from_dict
from lineament.records.sources.scenes.blend import RS_GPT4V_BUILD
from lineament.records.sources.scenes.mixture import RS_GPT4V
from lineament.records.sources.scenes.tally import tally_store, write_tally
from lineament.records.store import RecordStore
from lineament.records.write.scenes.principles import Principles, measure_principles

RESULT = Path(__file__).resolve().parent / "results" / "scenes_mixture.json"
SAMPLE = 1500  # records of each kind


def sample_records(store: RecordStore, most: int) -> list[Record]:
    """Return every k-th record of each kind."""
    kinds = Counter(store.column("kind"))
    steps = {kind: max(1, count // most) for kind, count in kinds.items()}
    seen: Counter[str] = Counter()
    chosen = []
    for batch in store.batches():
        for row in batch.to_pylist():
            if seen[row["kind"]] % steps[row["kind"]] == 0:
                chosen.append(record_from_dict(row))
            seen[row["kind"]] += 1
    return chosen


def find_annotations(records: list[Record], data: Path, split: str) -> dict[str, Annotation]:
    """Return the annotations of what was written, read again from their files."""
    wanted = {record.media for record in records if record.claims}
    found = RS_GPT4V_BUILD.read_written(data, split)
    return {one.media: one for one in found if isinstance(one, Annotation) and one.media in wanted}


def write_principles(figures: Principles) -> str:
    """Return the six principles as a table in Markdown."""
    fewest = min(figures.wordings.values(), default=0)
    rich = "no descriptions in this part"
    if figures.objects_a_description:
        rich = (
            f"{figures.objects_a_description:.1f} objects, "
            f"{figures.attributes_a_description:.1f} attributes and "
            f"{figures.relations_a_description:.1f} relations a description; "
            f"{figures.rich_share:.1%} name three objects or more"
        )
    rows: Mapping[str, str] = {
        "unity": f"{figures.unity:.1%} of the records read back unchanged, labels included",
        "diversity": f"at least {fewest} wordings a task; the commonest has "
        f"{figures.commonest_share:.1%} of its task",
        "correctness": f"{figures.correctness:.2%} of the written claims are supported; "
        f"{figures.planted_found:.1%} of planted errors are contradicted",
        "complexity": f"{figures.complexity:.1%} of the questions in conversations are on several "
        "objects or a relation",
        "richness": rich,
        "robustness": f"{figures.negative_share:.1%} of the written answers begin with no; "
        f"{figures.paraphrase_agreement:.1%} of other wordings read the same",
    }
    lines = ["| principle | figure |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {said} |" for name, said in rows.items())]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result: dict = {"command": "python benchmarks/scenes_mixture.py DATA OUT"}
    for split in RS_GPT4V_BUILD.splits:
        began = time.perf_counter()
        built = build(
            RS_GPT4V_BUILD, arguments.data, arguments.out / split, BuildSettings(split=split),
            num_workers=arguments.workers,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        store = RecordStore(arguments.out / split)
        rows = tally_store(store, RS_GPT4V, split)
        records = sample_records(store, SAMPLE)
        figures = measure_principles(records, find_annotations(records, arguments.data, split))
        print(f"## {split}: {built.to_dict()['turns']:,} pairs, {seconds:.0f} s\n")
        print(write_tally(rows, split))
        print(write_principles(figures))
        result[split] = {
            "seconds": round(seconds, 1),
            "dropped": built.to_dict()["dropped"],
            "rows": [asdict(row) for row in rows],
            "principles": asdict(figures),
        }
    arguments.result.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
