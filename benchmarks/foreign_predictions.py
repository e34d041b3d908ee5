"""Score a published model's own predictions about aerial pictures, published figures beside ours.

EarthDial's result files: JSON Lines with answers and truth, one folder for each kind of task:
``python benchmarks/foreign_predictions.py --data earthdial_eval``.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lineament.evaluation.predictions import parse_boxes
from lineament.evaluation.scorers import score_file

RESULT = Path(__file__).resolve().parent / "results" / "foreign_predictions.json"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs" / "earthdial_eval"
NUM_CAPTIONS = 5
# What stands in the notes that come with the files; nothing is published of the others.
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "rs_vqa/RSVQA_LR": {
        "exact_match_presence": 92.59, "exact_match_comp": 92.75, "exact_match_rural_urban": 94.00,
        "exact_match_count": 27.69, "exact_match": 73.55,
    },
    "rs_image_caption/NWPU_Captions": {"bleu4": 66.60},
    "rs_image_caption/RSICD_Captions": {"bleu4": 35.17},
    "rs_image_caption/RSITMD_Captions": {"bleu4": 11.36},
    "rs_image_caption/UCM_Captions": {"bleu4": 26.40},
    "rs_image_caption/sydney_Captions": {"bleu4": 30.18},
    "rs_classification/AID": {"accuracy": 68.83},
    "rs_classification/UCM": {"accuracy": 80.76},
    "rs_classification/WHU_19": {"accuracy": 96.42},
}  # fmt: skip
Row = dict[str, Any]


def read_vqa(row: Row) -> Row:
    return {"prediction": row["answer"], "answer": row["annotation"], "type": row["vqa_type"]}


def read_captions(row: Row) -> Row:
    found = [row[f"caption{n}"] for n in range(NUM_CAPTIONS)]
    return {"prediction": row["answer"], "references": found}


def read_region(row: Row) -> Row:
    return {"prediction": row["answer"], "references": [row["annotation"]]}


def read_description(row: Row) -> Row:
    return {"prediction": row["answer"], "references": [row["groundtruth"]]}


def read_class(row: Row) -> Row:
    return {"prediction": row["answer"], "label": row["annotation"]}


def read_boxes(row: Row) -> Row:
    return {
        "prediction": row["answer"],
        "box": [list(b) for b in parse_boxes(row["gt_bbox"]) or ()],
    }


def read_upright(row: Row) -> Row:
    """Leave the angle out on both sides: predicted ones are mostly 90, true ones 0."""
    return {
        "prediction": [list(box[:4]) for box in parse_boxes(row["answer"]) or ()],
        "box": [list(box[:4]) for box in parse_boxes(row["gt_bbox"]) or ()],
    }


# Folder: what else its name says, kind of score, and how its rows are read.
JOBS: Mapping[str, tuple[tuple[str, str, Callable[[Row], Row]], ...]] = {
    "rs_vqa": (("", "vqa", read_vqa),),
    "rs_image_caption": (("", "captions", read_captions),),
    "rs_region_captioning": (("", "captions", read_region),),
    "rs_grounding_description": (("", "captions", read_description),),
    "rs_classification": (("", "classes", read_class),),
    "rs_detection": (
        ("", "grounding", read_boxes), (", angles left out", "grounding", read_upright),
    ),
}  # fmt: skip


def find_jobs(data: Path) -> Iterator[tuple[Path, str, str, Callable[[Row], Row]]]:
    """Yield every file that is there, with the name of its entry, its kind and its reader."""
    for folder, jobs in JOBS.items():
        for path in sorted((data / folder).glob("*.jsonl")):
            for more, kind, read in jobs:
                yield path, f"{folder}/{path.stem}{more}", kind, read


def write_rows(path: Path, out: Path, read: Callable[[Row], Row]) -> Path:
    """Write a file's rows as ``lineament score`` reads them, numbered from 0."""
    with path.open(encoding="utf-8") as lines, out.open("w", encoding="utf-8") as file:
        for number, line in enumerate(lines):
            file.write(json.dumps({"id": number, **read(json.loads(line))}) + "\n")
    return out


def score_job(path: Path, name: str, kind: str, read: Callable[[Row], Row]) -> dict[str, Any]:
    """Score one file as ``lineament score`` does."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = score_file(write_rows(path, Path(folder) / path.name, read), kind)
    row = result.to_dict()
    published = PUBLISHED.get(name, {})
    figures = {
        metric: {key: figure[key] for key in ("value", "low", "high")}
        | {"published": published.get(metric)}
        for metric, figure in row["metrics"].items()
    }
    about = ("normalise", "num_unread", "num_empty", "num_targets", "num_classes", "num_other")
    return {
        "kind": kind,
        "num_items": row["num_items"],
        **{key: row[key] for key in about if key in row},
        "figures": figures,
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="Folder of the result files.")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    started = time.perf_counter()
    files = {job[1]: score_job(*job) for job in find_jobs(arguments.data)}
    if not files:
        parser.error(f"{arguments.data}: holds no result files")
    result = {
        "command": "python benchmarks/foreign_predictions.py --data DATA/rs/earthdial_eval",
        "predictions_of": "EarthDial, as released",
        "num_files": len({name.partition(",")[0] for name in files}),
        "files": files,
        "seconds": round(time.perf_counter() - started, 1),
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, row in files.items():
        for metric, figure in row["figures"].items():
            if figure["published"] is not None:
                print(
                    f"{name}: {metric} {figure['value']:.2f}, published {figure['published']:.2f}"
                )


if __name__ == "__main__":
    main()
