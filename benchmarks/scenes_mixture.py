"""Make, build, count and check RS-GPT4V's composition, in one command that goes on when stopped.

    python benchmarks/scenes_mixture.py DATA OUT --real RS
    python benchmarks/scenes_mixture.py DATA OUT --real RS --scale 0.003      # a first look

What ``DATA`` lacks is copied from ``RS`` or drawn (`scenes_fixtures.py`), both parts are built
into ``OUT/train`` and ``OUT/test``, counted beside the published numbers, real rows and fixture
rows apart, and every written record is read by the second check (`scenes_check.py`) against the
boxes of its picture in ``DATA/dior``. The six principles are measured on a sample: every k-th
record of each kind, adapted ones against the labels of their source.

Ends with 1 where the second check finds anything wrong, unread or without labels.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lineament.annotation import Annotation
from lineament.describe.scene_answers import answer_scene_question
from lineament.records.build import BuildSettings, build
from lineament.records.record import Record, record_from_dict
from lineament.records.sources.scenes.blend import RS_GPT4V_BUILD
from lineament.records.sources.scenes.mixture import RS_GPT4V
from lineament.records.sources.scenes.tally import tally_store, write_tally
from lineament.records.store import RecordStore
from lineament.records.write.scenes.principles import Principles, measure_principles
from scenes_check import Found, check_store
from scenes_fixtures import read_mark, write_fixtures
from scenes_labels import read_voc

RESULT = Path(__file__).resolve().parent / "results" / "scenes_mixture.json"
SAMPLE = 1500  # records of each kind
ORIGINS = "origins.json"  # in OUT: what the records were built from
BOXES = ("", "Horizontal Bounding Boxes", "Oriented Bounding Boxes")


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
    """Return the annotations of records, read again from the label files."""
    wanted = {record.media for record in records}
    found = RS_GPT4V_BUILD.read(data, split)
    return {one.media: one for one in found if isinstance(one, Annotation) and one.media in wanted}


def find_boxes(data: Path) -> Path:
    """Return the folder with DIOR's boxes."""
    places = [data / "dior" / "Annotations" / name for name in BOXES]
    return next((place for place in places if any(place.glob("*.xml"))), places[0])


def require_same_data(data: Path, out: Path, made: Mapping[str, str]) -> None:
    """Keep what the records are built from beside them; stop where it was something else.

    A build that is there already would be counted as if it were of the new labels.
    """
    origins = {name: read_mark(data / name) or "real" for name in sorted(made)}
    path = out / ORIGINS
    if path.is_file() and (before := json.loads(path.read_text())) != origins:
        changed = [name for name in origins if before.get(name) != origins[name]]
        raise SystemExit(
            f"error: {out} was built from other labels: {', '.join(changed)}\n"
            "hint: name another folder, or remove this one"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(origins, indent=1) + "\n")


def write_principles(figures: Principles, second: Found) -> str:
    """Return the six principles as a table in Markdown."""
    fewest = min(figures.wordings.values(), default=0)
    rich = "no descriptions in this part"
    if figures.objects_a_description:
        rich = (
            f"{figures.objects_a_description:.1f} objects, numbers of "
            f"{figures.classes_a_description:.1f} classes, "
            f"{figures.attributes_a_description:.1f} attributes and "
            f"{figures.relations_a_description:.1f} relations a description; "
            f"{figures.rich_share:.1%} name three objects or more where the picture has them"
        )
    agreed = figures.paraphrase_agreement
    right = second.kinds.total() - second.wrong
    rows: Mapping[str, str] = {
        "unity": f"{figures.unity:.1%} of {figures.num_records:,} records come back unchanged from "
        f"one schema, {figures.labels_compared:,} of them with the labels of their source",
        "diversity": f"at least {fewest} wordings a task, those of conversations apart; the "
        f"commonest has {figures.commonest_share:.1%} of its task",
        "correctness": f"{right:,} of {second.kinds.total():,} statements right by a second "
        f"program, in all {second.records:,} written records; {second.unread:,} parts unread; it "
        f"finds {second.planted_found:,} of {second.planted:,} planted errors, our own reader "
        f"{figures.planted_found:.1%}",
        "complexity": f"{figures.complexity:.1%} of the questions in conversations are on several "
        "kinds of objects or a relation",
        "richness": rich,
        "robustness": f"{figures.negative_share:.1%} of the written questions are about what is "
        f"not there or not so, {figures.unanswerable_share:.1%} cannot be answered; "
        + ("nothing asked again" if agreed is None else
           f"asked again in other words, the rules of `lineament chat` agree in {agreed:.1%}"),
    }  # fmt: skip
    lines = ["| principle | figure |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {said} |" for name, said in rows.items())]) + "\n"


def make_part(data: Path, out: Path, split: str, num_workers: int) -> tuple[dict[str, Any], bool]:
    """Build and measure one part; return its figures, and whether nothing is wrong with it."""
    began = time.perf_counter()
    settings = BuildSettings(split=split)
    built = build(RS_GPT4V_BUILD, data, out / split, settings, num_workers=num_workers).to_dict()
    seconds = time.perf_counter() - began
    store = RecordStore(out / split)
    rows = tally_store(store, RS_GPT4V, split)
    second = check_store(out / split, [read_voc(find_boxes(data))], plant_each=1)
    records = sample_records(store, SAMPLE)
    annotations = find_annotations(records, data, split)
    figures = measure_principles(records, annotations, answer_scene_question)
    print(f"## {split}: {built['turns']:,} pairs, built in {seconds:.0f} s\n")
    print(write_tally(rows, split))
    print(write_principles(figures, second))
    for text in second.shown:
        print(text)
    found = {
        "seconds": round(seconds, 1),
        "resumed": built["resumed"],
        "dropped": built["dropped"],
        "rows": [asdict(row) for row in rows],
        "second_check": second.to_dict(),
        "principles": asdict(figures),
    }
    return found, second.is_clean and not second.skipped


def main(texts: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", type=Path, help="Folder with the real label files.")
    parser.add_argument("--scale", type=float, default=1.0, help="Of what is drawn.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args(texts)
    given = [f"--{name} {getattr(arguments, name)}" for name in ("scale", "seed", "workers")
             if getattr(arguments, name) != parser.get_default(name)]  # fmt: skip
    real = ["--real RS"] if arguments.real else []
    result: dict[str, Any] = {
        "command": " ".join(["python benchmarks/scenes_mixture.py DATA OUT", *real, *given])
    }
    made = write_fixtures(
        arguments.data, real=arguments.real, scale=arguments.scale, seed=arguments.seed
    )
    result["sources"] = dict(sorted(made.items()))
    require_same_data(arguments.data, arguments.out, made)
    is_clean = True
    for split in RS_GPT4V_BUILD.splits:
        result[split], is_right = make_part(arguments.data, arguments.out, split, arguments.workers)
        is_clean = is_clean and is_right
        arguments.result.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
