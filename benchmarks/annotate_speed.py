"""Time `lineament annotate` on a clip of a minute against plain PyAV + FaceMesh loops.

All are run in turn, start-up included, in fresh processes; the median of the runs is reported.
The plain loop does the same work: decode every frame, fit the mesh with irises, collect the
landmarks, and apply the same event rules. Told that one face is to be expected it need not look
for others, which `annotate` always does; told that there may be four, it must.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lineament.video import open_clip, write_clip

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "annotate_speed.json"
GRID = ROOT.parent / "shared" / "data" / "face" / "clips" / "grid"
LOOP = """
import sys, json, math
import av, numpy as np, mediapipe as mp
path, faces, start, stop = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
mesh = mp.solutions.face_mesh.FaceMesh(max_num_faces=faces, refine_landmarks=True)
times, rows = [], []
with av.open(path) as container:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    if start:
        container.seek(int(start / stream.time_base), stream=stream)
    for frame in container.decode(stream):
        if frame.time < start:
            continue
        if frame.time >= stop:
            break
        pixels = frame.to_ndarray(format="rgb24")
        found = mesh.process(pixels).multi_face_landmarks
        height, width = pixels.shape[:2]
        if found:
            times.append(frame.time)
            rows.append([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark])
from lineament.faces.signals import signals_from_landmarks
from lineament.faces.events import find_events
events = find_events(signals_from_landmarks(np.array(rows, np.float32), np.array(times)))
print(json.dumps({"frames": len(rows), "events": {k: len(v) for k, v in events.items()}}))
"""


def make_clip(folder: Path, seconds: float) -> Path:
    """Join real talking heads, one after the other, into one long clip."""
    paths = sorted(GRID.glob("*.mpg"))
    if not paths:
        sys.exit("the real clips are not here: nothing was measured")

    def frames():
        num = 0
        while num < seconds * 25:
            for path in paths:
                for _, pixels in open_clip(path).frames():
                    yield pixels
                    num += 1

    return write_clip(folder / "minute.mp4", frames(), fps=25)


def time_commands(commands: list[list[str]]) -> float:
    """Run commands side by side and return the seconds until the last has ended."""
    began = time.perf_counter()
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"failed: {commands}")
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=62.0)
    arguments = parser.parse_args()
    python = sys.executable
    lineament = str(Path(python).with_name("lineament"))
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder), arguments.seconds)
        half = open_clip(clip).duration_seconds / 2

        def loop(faces: int, start: float, stop: float) -> list[str]:
            return [python, "-c", LOOP, str(clip), str(faces), str(start), str(stop)]

        ways = {
            "annotate": [[lineament, "annotate", str(clip), "--json"]],
            "loop, 1 process, 1 face": [loop(1, 0, 1e9)],
            "loop, 2 processes, 1 face": [loop(1, 0, half), loop(1, half, 1e9)],
            "loop, 1 process, up to 4 faces": [loop(4, 0, 1e9)],
            "loop, 2 processes, up to 4 faces": [loop(4, 0, half), loop(4, half, 1e9)],
        }  # fmt: skip
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.runs):
            for name, commands in ways.items():
                seconds[name].append(time_commands(commands))
    medians = {name: statistics.median(runs) for name, runs in seconds.items()}
    result = {
        "command": "python benchmarks/annotate_speed.py",
        "clip_seconds": 2 * half,
        "runs": arguments.runs,
        "median_seconds": {name: round(value, 3) for name, value in medians.items()},
        "times_faster": {
            name: round(value / medians["annotate"], 3)
            for name, value in medians.items()
            if name != "annotate"
        },
        "all_seconds": {name: [round(s, 3) for s in runs] for name, runs in seconds.items()},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
