"""Draw faces nobody has seen, and compare what is found in them with what was drawn."""

import argparse
import json
from pathlib import Path

import numpy as np

from lineament.faces.events import find_events
from lineament.faces.finder import FoundFace
from lineament.faces.mesh import MeshFinder
from lineament.faces.signals import (
    CHIN,
    EYE_INNER_LEFT,
    EYE_INNER_RIGHT,
    EYE_OUTER_LEFT,
    EYE_OUTER_RIGHT,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_TIP,
    measure_signals,
)
from lineament.faces.track import follow_faces
from lineament.render import FaceRenderer, draw_clip, sample_face

RESULT = Path(__file__).resolve().parent / "results" / "rendered.json"
FIRST_SEED = 500_000  # development used seeds below
POINTS = {
    "left_eye_outer": EYE_OUTER_LEFT,
    "left_eye_inner": EYE_INNER_LEFT,
    "right_eye_inner": EYE_INNER_RIGHT,
    "right_eye_outer": EYE_OUTER_RIGHT,
    "mouth_left": MOUTH_LEFT,
    "mouth_right": MOUTH_RIGHT,
    "nose_tip": NOSE_TIP,
    "chin": CHIN,
}
ACTIONS = (
    "blink", "open_mouth", "turn", "talk", "smile", "close_eyes", "wink", "nod", "shake_head",
    "head_wagging", "yawn", "frown", "gaze_away", "look_around",
)  # fmt: skip


def measure_pictures(finder: MeshFinder, num: int, style: str, size_px: int, first: int) -> dict:
    """Find drawn faces and measure how far the mesh lies from the drawn points."""
    found, errors = 0, []
    for seed in range(first, first + num):
        annotation = sample_face(seed, is_picture=True)
        renderer = FaceRenderer(annotation, style=style, size_px=size_px, seed=seed)  # type: ignore
        faces = [f for f in finder.find(renderer.draw(0.0)) if f.landmarks_px is not None]
        if faces:
            found += 1
            errors.append(landmark_error(faces[0], renderer))
    return {
        "pictures": num,
        "found": round(found / num, 4),
        "landmark_error": round(float(np.mean(errors)), 4),
    }


def landmark_error(face: FoundFace, renderer: FaceRenderer) -> float:
    """Return the mean distance from drawn to found points over the distance of the eyes."""
    drawn = renderer.landmarks(0.0)
    assert face.landmarks_px is not None
    eyes = np.linalg.norm(drawn["left_pupil"] - drawn["right_pupil"])
    distances = [
        np.linalg.norm(face.landmarks_px[index, :2] - drawn[name]) for name, index in POINTS.items()
    ]
    return float(np.mean(distances) / eyes)


def measure_actions(finder: MeshFinder, num: int, first: int, verbose: bool) -> dict:
    """Count drawn actions that are found again, and findings of what was not drawn."""
    counts = {kind: {"drawn": 0, "recovered": 0, "alarms": 0} for kind in ACTIONS}
    for seed in range(first, first + num):
        annotation = sample_face(seed)
        pixels, times = draw_clip(annotation, size_px=256, seed=seed)
        tracks, _ = follow_faces(zip(times.tolist(), pixels, strict=True), finder)
        events = find_events(measure_signals(tracks[0])) if tracks else {}
        for kind in ACTIONS:
            drawn = [f.span_seconds or (0.0, 1e9) for f in annotation.facts_named(kind) if f.value]
            found = events.get(kind, [])
            hits = sum(any(overlaps(d, f) for f in found) for d in drawn)
            alarms = sum(not any(overlaps(d, f) for d in drawn) for f in found)
            row = counts[kind]
            row["drawn"] += len(drawn)
            row["recovered"] += hits
            row["alarms"] += alarms
            if verbose and (hits < len(drawn) or alarms):
                print(seed, kind, "drawn", drawn, "found", found)
    for row in counts.values():
        row["recall"] = round(row["recovered"] / row["drawn"], 3) if row["drawn"] else None
    return counts


def overlaps(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return min(first[1], second[1]) > max(first[0], second[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    with MeshFinder() as finder:
        styles = {
            f"{style} {size}": measure_pictures(
                finder, arguments.pictures, style, size, arguments.first_seed
            )
            for style, size in (("shaded", 256), ("shaded", 128), ("flat", 256), ("flat", 128))
        }
        actions = measure_actions(finder, arguments.clips, arguments.first_seed, arguments.verbose)
    result = {
        "command": "python benchmarks/rendered.py",
        **styles["shaded 256"],
        "by_style_and_size": styles,
        "clips": arguments.clips,
        "actions": actions,
    }
    if arguments.first_seed == FIRST_SEED:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
