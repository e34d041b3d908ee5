"""Peak memory of a build against one of a tenth of the size: flat means at most 1.05 times.

Each build runs in a process of its own over made-up faces; the peak is the kernel's, of resident
memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

RESULT = Path(__file__).resolve().parent / "results" / "build_memory.json"
ANNOTATIONS = 700_000  # fewer, or fewer kinds, are for trying out, and are not kept
CHILD = """
import resource, sys
from pathlib import Path
from lineament.annotation import Annotation, Fact, Subject
from lineament.records.build import BuildSettings, build

class Faces:
    name, licence, splits, needs_folder = "faces", "", ("all",), False
    def read(self, folder, split):
        closed = frozenset(("beard", "wearing_hat", "bald", "sunglasses", "wearing_mask"))
        for n in range(int(sys.argv[1])):
            facts = (
                Fact("male", n % 2 == 0), Fact("smile", n % 3 == 0),
                Fact(("brown_hair", "black_hair", "blonde_hair")[n // 6 % 3], True),
                Fact("eyeglasses", n // 18 % 2 == 0), Fact("age_years", 18.0 + n // 36 % 60),
            )
            yield Annotation(f"{n}.png", (Subject("face 0"),), facts, closed, split_key=f"p{n}")

kinds = tuple(filter(None, sys.argv[3].split(",")))
result = build(Faces(), None, Path(sys.argv[2]), BuildSettings(kinds=kinds))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(result.totals.counts["records"], result.seconds, peak / 1024)
"""


def measure(count: int, kinds: str) -> dict[str, float]:
    """Return records, seconds and peak memory of one build."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(count), f"{out}/out", kinds],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    records, seconds, peak_mib = map(float, done.stdout.split())
    return {
        "annotations": count,
        "records": records,
        "seconds": round(seconds, 1),
        "peak_mib": round(peak_mib, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=ANNOTATIONS)
    parser.add_argument("--kinds", default="", help="fewer kinds take less time")
    arguments = parser.parse_args()
    small = measure(arguments.annotations // 10, arguments.kinds)
    large = measure(arguments.annotations, arguments.kinds)
    result = {
        "command": " ".join(["python", "benchmarks/build_memory.py", *sys.argv[1:]]),
        "small": small,
        "large": large,
        "ratio": round(large["peak_mib"] / small["peak_mib"], 3),
    }
    print(json.dumps(result, indent=1))
    if arguments.annotations == ANNOTATIONS and not arguments.kinds:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
