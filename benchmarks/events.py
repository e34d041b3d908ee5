"""Compare the events that the rules find with those marked by eye on real clips."""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from lineament.faces.events import find_events
from lineament.faces.mesh import MeshFinder
from lineament.faces.signals import measure_signals
from lineament.faces.track import FaceTrack, follow_faces
from lineament.video import open_clip

ROOT = Path(__file__).resolve().parent.parent
TRUTH = ROOT / "tests" / "truth"
CLIPS = ROOT.parent / "shared" / "data" / "face" / "clips"
DEVELOPMENT = ("grid/lrwp9a.mpg", "intel/asl-book.mkv", "intel/asl-eat.mkv", "intel/asl-hungry.mkv")
MIN_IOU = 0.3

Span = tuple[float, float]


def read_marks() -> dict[str, dict]:
    marks: dict[str, dict] = {}
    for name in ("events_grid.json", "events_intel.json"):
        marks.update(json.loads((TRUTH / name).read_text())["clips"])
    return marks


def span_iou(first: Span, second: Span) -> float:
    overlap = min(first[1], second[1]) - max(first[0], second[0])
    union = max(first[1], second[1]) - min(first[0], second[0])
    return max(overlap, 0.0) / union if union > 0 else 0.0


def match_spans(found: list[Span], marked: list[Span], unsure: list[Span]) -> tuple[int, int, int]:
    """Match greedily by IoU; return hits, false alarms, misses. Unsure marks excuse, never count."""
    pairs = sorted(
        (
            (span_iou(f, m), i, j)
            for i, f in enumerate(found)
            for j, m in enumerate(marked)
            if span_iou(f, m) >= MIN_IOU
        ),
        reverse=True,
    )
    used_found: set[int] = set()
    used_marked: set[int] = set()
    for _, i, j in pairs:
        if i not in used_found and j not in used_marked:
            used_found.add(i)
            used_marked.add(j)
    false_alarms = [
        f
        for i, f in enumerate(found)
        if i not in used_found and not any(span_iou(f, u) > 0.1 for u in unsure)
    ]
    return len(used_marked), len(false_alarms), len(marked) - len(used_marked)


def track_of_subject(tracks: list[FaceTrack], subject: str, width: int) -> FaceTrack | None:
    tracks = sorted(tracks, key=len, reverse=True)[:2]
    if not tracks:
        return None
    by_place = sorted(tracks, key=lambda t: float(np.median(t.boxes_xyxy_px[:, 0])))
    if "left" in subject:
        return by_place[0]
    return by_place[-1] if "right" in subject else tracks[0]


def score_clips(names: list[str], marks: dict, clip_path) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict(hits=0, false_alarms=0, misses=0))
    with MeshFinder() as finder:
        for name in names:
            clip = open_clip(clip_path(name))
            tracks, _ = follow_faces(clip.frames(), finder)
            entry = marks[name]
            fps = entry["fps"]
            subjects = {event["subject"] for event in entry["events"]} or {"the one person"}
            for subject in sorted(subjects):
                track = track_of_subject(tracks, subject, clip.width)
                events = find_events(measure_signals(track)) if track is not None else {}
                own = [e for e in entry["events"] if e["subject"] == subject]
                for kind in KINDS:
                    spans = [(e["start_frame"] / fps, e["stop_frame"] / fps, e["unsure"])
                             for e in own if e["kind"] == kind]  # fmt: skip
                    sure = [(a, b) for a, b, unsure in spans if not unsure]
                    doubtful = [(a, b) for a, b, unsure in spans if unsure]
                    found = events.get(kind, [])
                    hits, alarms, misses = match_spans(found, sure, doubtful)
                    counts[kind]["hits"] += hits
                    counts[kind]["false_alarms"] += alarms
                    counts[kind]["misses"] += misses
                    if VERBOSE and (alarms or misses or found):
                        print(name, subject, kind, "found", [(round(a * fps), round(b * fps)) for a, b in found],
                              "marked", [(round(a * fps), round(b * fps)) for a, b in sure],
                              "unsure", [(round(a * fps), round(b * fps)) for a, b in doubtful], file=sys.stderr)  # fmt: skip
    return counts


KINDS = (
    "blink", "close_eyes", "wink", "talk", "open_mouth", "smile", "nod", "shake_head", "turn",
    "head_wagging", "gaze_away", "yawn", "frown",
)  # fmt: skip
VERBOSE = False


def f1(row: dict[str, int]) -> float:
    total = 2 * row["hits"] + row["false_alarms"] + row["misses"]
    return 2 * row["hits"] / total if total else float("nan")


def clip_path(name: str) -> Path:
    if name == "carphone":
        sys.path.insert(0, str(ROOT / "scripts"))
        from carphone import find_carphone

        return find_carphone()
    return CLIPS / name


def main() -> None:
    global VERBOSE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--development", action="store_true", help="the four development clips")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    VERBOSE = arguments.verbose
    marks = read_marks()
    names = [n for n in marks if (n in DEVELOPMENT) == arguments.development]
    counts = score_clips(names, marks, clip_path)
    total = {
        key: sum(row[key] for row in counts.values()) for key in ("hits", "false_alarms", "misses")
    }
    result = {"clips": len(names), "marked": total["hits"] + total["misses"], "all": total | {"f1": f1(total)},
              "kinds": {kind: row | {"f1": f1(row)} for kind, row in counts.items()}}  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
