"""Kill a build with SIGKILL at random moments; nothing finished is lost or written twice.

    python benchmarks/build_kill.py                    # 20 moments, 240 annotations
    python benchmarks/build_kill.py --folder KEPT      # goes on where it was stopped

Runs a build of a paid writer (a stub that keeps its own books, on disk) in a process of its own,
kills it again and again, lets it finish, and compares records and books with an undisturbed run.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lineament.annotation import Annotation, Fact, Subject

RESULT = Path(__file__).resolve().parent / "results" / "build_kill.json"
PAUSE_SECONDS = 0.02
# What the killed process runs: annotations, books and target come as arguments.
CHILD = """
import os, sys, time
from pathlib import Path
from lineament.records import build as rooms, gather
from lineament.records.sources.table import require_source
from lineament.records.write.template import TemplateWriter
from lineament.records.writers import Outcome

rooms.CHUNK_ITEMS, gather.SHARD_ROWS = 4, 150
folder, out, books, pause = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])

class Stub:
    name, prompt_version, sampling = "stub", "p1", "T=0"
    def write_all(self, jobs):
        writer = TemplateWriter()
        for job in jobs:
            time.sleep(pause)
            with open(books, "a") as file:
                file.write(job.key + chr(10))
            yield Outcome(job.key, tuple(writer.write(job.annotation, job.provenance)), 0.01, 1, 1)

rooms.build(require_source("folder"), folder, out, writer=Stub())
"""


def write_annotations(folder: Path, count: int) -> None:
    """Write annotations of made-up faces as the source ``folder`` reads them."""
    folder.mkdir(parents=True)
    with (folder / "faces.jsonl").open("w") as file:
        for number in range(count):
            facts = (
                Fact("male", number % 2 == 0),
                Fact("smile", number % 3 == 0),
                Fact(("brown_hair", "black_hair")[number % 2], True),
                Fact("eyeglasses", number % 5 == 0),
            )
            closed = frozenset(("beard", "wearing_hat", "bald"))
            row = Annotation(f"{number}.png", (Subject("face 0"),), facts, closed)
            file.write(json.dumps(row.to_dict()) + "\n")


def start_build(folder: Path, out: Path, books: Path, pause: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(out), str(books), str(pause)]
    )


def kill_until(
    folder: Path,
    out: Path,
    books: Path,
    num_kills: int,
    rng: random.Random,
    pause: float,
    moments: list[int] | None = None,
    on_kill: Callable[[list[int]], None] = lambda _: None,
) -> int:
    """Kill builds until enough were killed at work, then let one finish; returns the kills.

    Args:
        folder: Of the annotations.
        out: Of the build.
        books: What the stub wrote down.
        num_kills: How many are wanted.
        rng: Draws the moments.
        pause: Seconds that the stub takes for an answer.
        moments: How many answers were paid for at each kill so far; grows.
        on_kill: Called with the moments after every kill.
    """
    moments = [] if moments is None else moments
    num_annotations = (folder / "faces.jsonl").read_bytes().count(b"\n")
    most_answers = max(9 * num_annotations // (10 * num_kills), 1)  # all over the build
    while len(moments) < num_kills and not (out / "manifest.json").exists():
        num_paid = len(books.read_bytes().splitlines()) if books.exists() else 0
        process = start_build(folder, out, books, pause)
        # At work: it has paid for something more.
        wanted = num_paid + rng.randint(1, most_answers)
        while process.poll() is None:
            now = len(books.read_bytes().splitlines()) if books.exists() else 0
            if now >= wanted:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 2 * pause))
        if process.poll() is not None:
            break  # it was quicker
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        moments.append(len(books.read_bytes().splitlines()))
        on_kill(moments)
    process = start_build(folder, out, books, 0.0)
    if process.wait():
        raise SystemExit("the last build failed")
    return len(moments)


def compare(out: Path, whole: Path, books: Path) -> dict[str, int]:
    """Compare a build that was killed with one that was not."""
    from lineament.records.ledger import FILE, Ledger
    from lineament.records.store import RecordStore

    one, other = RecordStore(out), RecordStore(whole)
    killed, undisturbed = list(one), list(other)
    paid = Counter(books.read_text().splitlines())
    with Ledger(out / FILE) as ledger:
        entered = ledger.connection.execute(
            "SELECT count(*), count(DISTINCT key) FROM entries WHERE state = 'paid'"
        ).fetchone()
    return {
        "records": len(killed),
        "records_lost": len({r.id for r in undisturbed} - {r.id for r in killed}),
        "records_twice": len(killed) - len({r.id for r in killed}),
        "records_changed": sum(a != b for a, b in zip(killed, undisturbed, strict=False)),
        "paid": paid.total(),
        "paid_again": paid.total() - len(paid),  # in flight when killed: at most one a kill
        "entered_twice": entered[0] - entered[1],
    }


def measure(root: Path, num_kills: int, num_annotations: int, seed: int) -> dict[str, object]:
    """Kill, finish and compare in a folder; what an earlier run left there is gone on with."""
    notes = root / "moments.json"
    moments: list[int] = json.loads(notes.read_text()) if notes.exists() else []
    if not (root / "faces").exists():
        write_annotations(root / "faces", num_annotations)
    # Moments that were drawn before are not drawn again.
    rng = random.Random(f"{seed} {len(moments)}")
    books = root / "books"
    kills = kill_until(
        root / "faces", root / "out", books, num_kills, rng, PAUSE_SECONDS, moments,
        lambda found: _keep(notes, found),
    )  # fmt: skip
    if start_build(root / "faces", root / "whole", root / "other-books", 0.0).wait():
        raise SystemExit("the undisturbed build failed")
    return {"kills": kills, "paid_at_each_kill": moments} | compare(
        root / "out", root / "whole", books
    )


def _keep(path: Path, moments: list[int]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(moments))
    os.replace(draft, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--annotations", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="kept, so that a stopped run goes on")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root.mkdir(parents=True, exist_ok=True)
        found = measure(root, arguments.kills, arguments.annotations, arguments.seed)
    result = {"command": "python benchmarks/build_kill.py", **found}
    print(json.dumps(result, indent=1))
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    if found["kills"] != arguments.kills:
        raise SystemExit(f"only {found['kills']} of {arguments.kills} kills: more --annotations")


if __name__ == "__main__":
    main()
