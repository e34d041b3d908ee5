"""Adapt the real label files of aerial data sets and compare the counts with those published.

    python benchmarks/scenes_counts.py --data RS

Ends with 1 where a published count is missed by more than the faulty rows that are dropped by
name, labels come back changed, or no file is at hand.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from lineament.annotation import Annotation
from lineament.records.sources.scenes.adapt import adapt_annotation, labels_from_record
from lineament.records.sources.scenes.label import labels_of
from lineament.records.sources.scenes.objects import CUT
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import require_source

RESULT = Path(__file__).resolve().parent / "results" / "scenes_counts.json"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"
# source, folder, split, published pictures, published pairs (None: nothing published to compare)
JOBS = (
    ("rsicd", "captions_precomp/rsicd", "train", 8734, 17_813),
    ("rsitmd", "captions_precomp/rsitmd", "train", 4291, 20_096),
    ("ucm-captions", "captions_precomp/ucm", "train", 1680, 7999),
    ("sydney-captions", "captions_precomp/sydney", "train", 497, 2294),
    ("floodnet", "floodnet_vqa", "train", 1448, 4511),
    ("rsivqa", "rsivqa", "train", 5401, 19_218),
    ("rsivqa", "rsivqa", "dota-train", 1410, 12_389),
    ("rsivqa", "rsivqa", "ucm-human", 559, 2795),
    ("rsvqa-lr", "rsvqa_website", "all", 50, 5005),
    ("rsvqa-hr", "rsvqa_website", "all", 50, 5001),
    ("rsvqa-lr", "rsvqa_splits", "test", 4, 400),
    ("rsvg-hr", "rsvg_hr", "train", 1381, 2151),
    ("rsvg-hr", "rsvg_hr", "test", 371, 499),
    ("hrrsd", "hrrsd", "val", 4352, None),
    ("nwpu-vhr10", "nwpu_vhr10", "all", 650, None),
    ("dota", "dota_sample", "all", 8, None),
    ("dior-rsvg", "dior_rsvg_sample", "train", 1, 1),
)


def count_job(name: str, folder: Path, split: str) -> dict:
    """Adapt one split; every record is turned back into labels and compared."""
    counts: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    flaws: Counter[str] = Counter()
    for row in require_source(name).read(folder, split):
        if isinstance(row, Dropped):
            if row.reason == CUT:  # its row is kept
                counts["cut"] += 1
            else:
                dropped[row.reason] += 1
            continue
        assert isinstance(row, Annotation)
        records = list(adapt_annotation(row, {"source": name, "split": split}))
        labels = [label for record in records for label in labels_from_record(record)]
        counts["pictures"] += 1
        counts["records"] += len(records)
        counts["pairs"] += sum(len(record.turns) // 2 for record in records)
        counts["inexact"] += Counter(labels) != Counter(labels_of(row))
        flaws.update(label.flaw for label in labels if label.flaw)
    keys = ("pictures", "pairs", "records", "inexact", "cut")
    return {key: counts[key] for key in keys} | {"dropped": dict(dropped), "flaws": dict(flaws)}


def count_unexplained(row: dict) -> int:
    """Return how many published pairs are neither there nor dropped as faulty."""
    faulty = sum(n for reason, n in row["dropped"].items() if reason != "duplicate row")
    return row["published_pairs"] - row["pairs"] - faulty


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="Folder with the real files.")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    rows, missing = [], []
    for name, folder, split, pictures, pairs in JOBS:
        if not (arguments.data / folder).is_dir():
            missing.append(folder)
            continue
        found = count_job(name, arguments.data / folder, split)
        expected = {"published_pictures": pictures, "published_pairs": pairs}
        rows.append({"source": name, "split": split, **found, **expected})
        print(
            f"{name:18}{split:12}{found['pictures']:>8} /{pictures:>6}{found['pairs']:>8} /"
            f"{pairs or '-':>6}  dropped {found['dropped']}  cut {found['cut']}  "
            f"flaws {found['flaws']}"
        )
    published = [row for row in rows if row["published_pairs"] is not None]
    exact = [
        row
        for row in published
        if (row["pictures"], row["pairs"]) == (row["published_pictures"], row["published_pairs"])
    ]
    result = {
        "command": "python benchmarks/scenes_counts.py --data RS",
        "rows": rows,
        "equal_to_published": len(exact),
        "published": len(published),
        "not_at_hand": missing,
    }
    arguments.result.write_text(json.dumps(result, indent=1) + "\n")
    lost = [row for row in published if count_unexplained(row) != 0]
    is_right = bool(published) and not lost and not any(row["inexact"] for row in rows)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
