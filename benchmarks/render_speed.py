"""How many frames a second of processor time the face renderer draws on one core.

Median over several rounds, each over the same clips; set-up of a clip included and apart.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from lineament.render import FaceRenderer, sample_face

RESULT = Path(__file__).resolve().parent / "results" / "render_speed.json"
FIRST_SEED = 600_000


def measure_round(num_clips: int, size_px: int, style: str) -> tuple[float, float, int]:
    """Return seconds of set-up, seconds of drawing, and frames drawn."""
    setup = drawing = 0.0
    frames = 0
    for seed in range(FIRST_SEED, FIRST_SEED + num_clips):
        start = time.process_time()
        annotation = sample_face(seed, duration_seconds=3.0)
        renderer = FaceRenderer(annotation, style=style, size_px=size_px, seed=seed)  # type: ignore
        ready = time.process_time()
        for index in range(annotation.num_frames):
            renderer.draw(index / annotation.fps)
        setup += ready - start
        drawing += time.process_time() - ready
        frames += annotation.num_frames
    return setup, drawing, frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    result: dict = {"command": "python benchmarks/render_speed.py", "clips": arguments.clips}
    for style, size_px in (("shaded", 128), ("flat", 128), ("shaded", 256)):
        rounds = [measure_round(arguments.clips, size_px, style) for _ in range(arguments.rounds)]
        result[f"{style} {size_px} px"] = {
            "frames_per_second": round(statistics.median(n / (s + d) for s, d, n in rounds), 1),
            "without_set_up": round(statistics.median(n / d for _, d, n in rounds), 1),
            "all_rounds": [round(n / (s + d), 1) for s, d, n in rounds],
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
