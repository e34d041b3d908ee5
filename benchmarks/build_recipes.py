"""Build the two papers' compositions from fixtures: counts beside the papers', time and memory.

    python benchmarks/build_recipes.py --share 0.02            # minutes; predicts the whole
    python benchmarks/build_recipes.py --folder KEPT           # exact sizes; may be stopped

The fixtures have the layouts and the published prevalences of the sources, but nobody real is
behind any row, so all figures are of fixtures. Each build runs in a process of its own; seconds
are of its processor time, the memory is the kernel's highest. Fixtures and builds that an earlier
run finished are taken as they lie.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import fixture_sets
from lineament.records.store import RecordStore

RESULT = Path(__file__).resolve().parent / "results" / "build_recipes.json"
RECIPES = {"favchat": "favchat-170k", "unif2ace": "unif2ace-130k"}
DESCRIPTIONS = {"favchat": "summary", "unif2ace": "caption"}
# What the papers tell of their data sets; not told: None.
PAPERS: dict[str, dict[str, float | None]] = {
    "favchat": {
        "annotations": 61_007, "descriptions": 61_007, "questions": 170_000,
        "tokens_a_description": 100.7, "facts_a_description": 23.4, "names": 103,
    },
    "unif2ace": {
        "annotations": None, "descriptions": 130_000, "questions": 1_000_000,
        "tokens_a_description": 120, "facts_a_description": 17.7, "names": None,
    },
}  # fmt: skip
TOKENS_A_WORD = 1.3  # of English prose, as the tokenizers of language models cut it
CHILD = """
import json, resource, sys
from pathlib import Path
from lineament.recipes.builds import BUILDS
from lineament.records.build import build

result = build(BUILDS[sys.argv[1]], Path(sys.argv[2]), sys.argv[3])
used = resource.getrusage(resource.RUSAGE_SELF)
row = result.to_dict()
row |= {"cpu_seconds": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}
print(json.dumps(row))
"""


def write_fixtures(which: str, folder: Path, share: float) -> None:
    """Write the sources, unless an earlier run has finished that."""
    mark = folder / "written.json"
    if mark.exists() and json.loads(mark.read_text()) == share:
        return
    if folder.exists():
        raise SystemExit(f"{folder}: half written, or of another share; remove it")
    fixture_sets.WRITERS[which](folder, 0, share)
    mark.write_text(json.dumps(share))


def run_build(which: str, data: Path, out: Path) -> dict[str, Any]:
    """Build in a process of its own; the figures of a finished build are kept beside it."""
    kept = out.with_suffix(".json")
    if kept.exists():
        return json.loads(kept.read_text())
    command = [sys.executable, "-c", CHILD, RECIPES[which], str(data), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    kept.write_text(done.stdout)
    return json.loads(done.stdout)


def count_store(out: Path, description: str) -> dict[str, float]:
    """Return what stands beside the papers' figures."""
    counts: Counter[str] = Counter()
    names: set[str] = set()
    media: set[str] = set()
    for batch in RecordStore(out).batches(["kind", "media", "turns", "claims"]):
        for row in batch.to_pylist():
            media.add(row["media"])
            names.update(claim["name"] for claim in row["claims"])
            if row["kind"] != description:
                counts["questions"] += len(row["turns"]) // 2
                continue
            counts["descriptions"] += 1
            counts["words"] += len(row["turns"][-1]["text"].split())
            counts["facts"] += len({claim["name"] for claim in row["claims"]})
    per = max(counts["descriptions"], 1)
    return {
        "annotations": len(media),
        "descriptions": counts["descriptions"],
        "questions": counts["questions"],
        "tokens_a_description": round(counts["words"] * TOKENS_A_WORD / per, 1),
        "facts_a_description": round(counts["facts"] / per, 1),
        "names": len(names),
    }


def measure(which: str, root: Path, share: float) -> dict[str, Any]:
    """Write the fixtures, build, and count."""
    data, out = root / which, root / f"{which}-built"
    write_fixtures(which, data, share)
    row = run_build(which, data, out)
    seconds = row["cpu_seconds"]
    return {
        "share": share,
        "fixture_figures": count_store(out, DESCRIPTIONS[which]),
        "paper": PAPERS[which],
        "kinds": row["kinds"],
        "dropped": row["dropped"],
        "verdicts": row["verdicts"],
        "cpu_seconds": round(seconds, 1),
        "cpu_seconds_of_the_whole": round(seconds / share, 1),
        "peak_mib": round(row["peak_mib"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all clips and pictures")
    parser.add_argument("--folder", type=Path, help="kept, so that a stopped run goes on")
    parser.add_argument("--only", choices=tuple(RECIPES))
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else list(RECIPES)
    with contextlib.ExitStack() as stack:
        root = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root.mkdir(parents=True, exist_ok=True)
        found = {RECIPES[which]: measure(which, root, arguments.share) for which in wanted}
    size = "--folder KEPT" if arguments.share == 1.0 else f"--share {arguments.share:g}"
    result = {"command": f"python benchmarks/build_recipes.py {size}", "builds": found}
    print(json.dumps(result, indent=1))
    if arguments.share == 1.0:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
