"""Compare what `annotate` finds on real clips with what was marked by eye."""

import argparse
import itertools
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from lineament.faces.events import find_events
from lineament.faces.finder import Box, box_iou
from lineament.faces.mesh import MeshFinder
from lineament.faces.signals import measure_signals
from lineament.faces.track import FaceTrack, follow_faces
from lineament.video import open_clip

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from carphone import find_carphone  # noqa: E402

TRUTH = ROOT / "tests" / "truth"
CLIPS = ROOT.parent / "shared" / "data" / "face" / "clips"
RESULT = ROOT / "benchmarks" / "results" / "events.json"
DEVELOPMENT = ("grid/lrwp9a.mpg", "intel/asl-book.mkv", "intel/asl-eat.mkv", "intel/asl-hungry.mkv")
WALKING = "intel/face-demographics-walking.mp4"
MIN_IOU = 0.3
KINDS = (
    "blink", "close_eyes", "wink", "talk", "open_mouth", "smile", "nod", "shake_head", "turn",
    "head_wagging", "gaze_away", "yawn", "frown",
)  # fmt: skip

Span = tuple[float, float]


def read_marks() -> dict[str, dict]:
    marks: dict[str, dict] = {}
    for name in ("events_grid.json", "events_intel.json"):
        marks.update(json.loads((TRUTH / name).read_text())["clips"])
    return marks


def clip_path(name: str) -> Path:
    return find_carphone() if name == "carphone" else CLIPS / name


def span_iou(first: Span, second: Span) -> float:
    overlap = min(first[1], second[1]) - max(first[0], second[0])
    union = max(first[1], second[1]) - min(first[0], second[0])
    return max(overlap, 0.0) / union if union > 0 else 0.0


def match_spans(found: list[Span], marked: list[Span], unsure: list[Span]) -> tuple[int, int, int]:
    """Match greedily by IoU; return hits, false alarms, misses.

    Unsure marks excuse what was found there, and are never hits or misses.
    """
    pairs = sorted(
        (
            (span_iou(f, m), i, j)
            for (i, f), (j, m) in itertools.product(enumerate(found), enumerate(marked))
            if span_iou(f, m) >= MIN_IOU
        ),
        reverse=True,
    )
    hits: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in hits and j not in hits.values():
            hits[i] = j
    rest = [f for i, f in enumerate(found) if i not in hits]
    alarms = sum(not any(span_iou(f, u) > 0.1 for u in unsure) for f in rest)
    return len(hits), alarms, len(marked) - len(hits)


def track_of_subject(tracks: list[FaceTrack], subject: str) -> FaceTrack | None:
    longest = sorted(tracks, key=len, reverse=True)[:2]
    if not longest:
        return None
    by_place = sorted(longest, key=lambda t: float(np.median(t.boxes_xyxy_px[:, 0])))
    if "left" in subject:
        return by_place[0]
    return by_place[-1] if "right" in subject else longest[0]


def spans_of(events: list[dict], kind: str, fps: float, *, is_unsure: bool) -> list[Span]:
    return [
        (event["start_frame"] / fps, event["stop_frame"] / fps)
        for event in events
        if event["kind"] == kind and event["unsure"] is is_unsure
    ]


def score_events(names: list[str], marks: dict, finder: MeshFinder, verbose: bool) -> dict:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"hits": 0, "alarms": 0, "misses": 0})
    for name in names:
        tracks, _ = follow_faces(open_clip(clip_path(name)).frames(), finder)
        entry = marks[name]
        for subject in sorted({e["subject"] for e in entry["events"]} or {"the one person"}):
            track = track_of_subject(tracks, subject)
            events = find_events(measure_signals(track)) if track is not None else {}
            own = [e for e in entry["events"] if e["subject"] == subject]
            for kind in KINDS:
                sure = spans_of(own, kind, entry["fps"], is_unsure=False)
                unsure = spans_of(own, kind, entry["fps"], is_unsure=True)
                result = match_spans(events.get(kind, []), sure, unsure)
                for key, value in zip(("hits", "alarms", "misses"), result, strict=True):
                    counts[kind][key] += value
                if verbose and any(result):
                    print(name, subject, kind, "hits, alarms, misses", result, file=sys.stderr)
    return counts


def f1_row(row: dict[str, int]) -> dict[str, float]:
    total = 2 * row["hits"] + row["alarms"] + row["misses"]
    return row | {"f1": round(2 * row["hits"] / total, 3) if total else None}


def count_talkers(finder: MeshFinder) -> dict[str, int]:
    """Count the talking heads that talk, and the same frozen for three seconds that do not."""
    talking = frozen_silent = 0
    paths = sorted((CLIPS / "grid").glob("*.mpg"))
    for path in paths:
        frames = list(open_clip(path).frames())
        tracks, _ = follow_faces(frames, finder)
        talking += bool(find_events(measure_signals(tracks[0]))["talk"])
        middle = frames[len(frames) // 2][1]
        frozen, _ = follow_faces(((n / 25, middle) for n in range(75)), finder)
        frozen_silent += not find_events(measure_signals(frozen[0]))["talk"]
    return {"clips": len(paths), "talking": talking, "frozen_not_talking": frozen_silent}


def _box_at(track: FaceTrack, frame: int) -> Box | None:
    at = np.flatnonzero(track.frame_index == frame)
    if not len(at):
        return None
    x0, y0, x1, y1 = (float(side) for side in track.boxes_xyxy_px[at[0]])
    return x0, y0, x1, y1


def count_walkers(finder: MeshFinder) -> dict[str, dict[str, int]]:
    """Count the frames in which each walking person is found where they were marked."""
    truth = json.loads((TRUTH / "events_intel.json").read_text())["visible_faces"][WALKING]
    tracks, times = follow_faces(open_clip(CLIPS / WALKING).frames(), finder)
    result = {}
    for person in truth:
        frames = sorted(int(frame) for frame in person["boxes_xyxy_px"])
        boxes = np.array([person["boxes_xyxy_px"][str(frame)] for frame in frames], float)
        visible = [f for start, stop in person["visible_frames"] for f in range(start, stop)]
        found = 0
        for frame in visible:
            x0, y0, x1, y1 = (float(np.interp(frame, frames, side)) for side in boxes.T)
            seen = [_box_at(track, frame) for track in tracks]
            found += any(box and box_iou(box, (x0, y0, x1, y1)) > 0.2 for box in seen)
        result[person["subject"]] = {"frames_visible": len(visible), "frames_found": found}
    assert len(times) > 0
    return result


def count_people(finder: MeshFinder) -> dict[str, int]:
    """Count the clips in which as many people are seen at once as the clips' list says."""
    rows = json.loads((CLIPS / "clips.json").read_text())
    right = 0
    for row in rows:
        tracks, _ = follow_faces(open_clip(CLIPS / row["file"]).frames(), finder)
        frames = np.concatenate([track.frame_index for track in tracks] or [np.zeros(0, int)])
        right += int(np.unique(frames, return_counts=True)[1].max(initial=0)) == row["faces"]
    return {"clips": len(rows), "right": right}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--development", action="store_true", help="only the development clips")
    parser.add_argument("--verbose", action="store_true", help="list every clip and kind")
    arguments = parser.parse_args()
    if not CLIPS.exists():
        sys.exit("the real clips are not here: nothing was measured")
    marks = read_marks()
    names = [name for name in marks if (name in DEVELOPMENT) == arguments.development]
    with MeshFinder() as finder:
        counts = score_events(names, marks, finder, arguments.verbose)
        total = {k: sum(row[k] for row in counts.values()) for k in ("hits", "alarms", "misses")}
        result = {
            "command": "python benchmarks/events.py",
            "clips": len(names),
            "marked": total["hits"] + total["misses"],
            "all": f1_row(total),
            "kinds": {kind: f1_row(counts[kind]) for kind in KINDS},
            "talkers": count_talkers(finder),
            "walkers": count_walkers(finder),
            "people": count_people(finder),
        }
    if not arguments.development:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
