"""Measure the landmark rules on labelled portraits: smile, and head pose in degrees.

FFHQ's labels are another network's scores. Thresholds were set on FFHQ's and LFW's training
parts; what is measured here are FFHQ's dev part, LFW's val part and the London portraits.
"""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from lineament.faces import rules
from lineament.faces.events import find_events
from lineament.faces.mesh import MeshFinder
from lineament.faces.signals import FaceSignals, signals_from_landmarks
from lineament.video import read_picture

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT.parent / "shared" / "data" / "face"
RESULT = ROOT / "benchmarks" / "results" / "portraits.json"

LFW_SMILES = {"happiness": True, "neutral": False}


def measure(finder: MeshFinder, pixels: np.ndarray) -> FaceSignals | None:
    found = [face for face in finder.find(pixels) if face.landmarks_px is not None]
    if not found:
        return None
    largest = max(found, key=lambda face: face.box_xyxy_px[2] - face.box_xyxy_px[0])
    assert largest.landmarks_px is not None
    return signals_from_landmarks(largest.landmarks_px[None], np.zeros(1))


def read_ffhq() -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    folder = FACES / "ffhq-adult-882"
    for row in csv.DictReader((folder / "labels.csv").open()):
        path = folder / "images" / f"{int(row['image']):05d}.jpg"
        if int(row["image"]) % 10 < 3 and path.exists():
            yield read_picture(path), row


def read_london() -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    folder = FACES / "london-webmorph"
    for row in csv.DictReader((folder / "labels.csv").open()):
        if row["set"] in ("neutral_front", "smiling_front") and (folder / row["image"]).exists():
            yield read_picture(folder / row["image"]), row


def read_lfw() -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    data = np.load(FACES / "lfw-expressions" / "lfw_expressions_112.npz")
    names = [str(name) for name in data["emotion_names"]]
    for i in np.flatnonzero(data["split"] == 1):
        blob = data["blob"][data["offsets"][i] : data["offsets"][i + 1]].tobytes()
        pixels = np.asarray(Image.open(io.BytesIO(blob)).convert("RGB"))
        # The crops are tight: the detectors were made for faces with some picture around them.
        padded = np.pad(pixels, ((30, 30), (30, 30), (0, 0)), mode="edge")
        yield padded, {"emotion": names[data["emotion"][i]]}


def score_smile(truth: list[bool], found: list[bool], num_missed: int) -> dict[str, float]:
    is_smile, said = np.array(truth), np.array(found)
    return {
        "pictures": len(truth),
        "smiling": int(is_smile.sum()),
        "faces_not_found": num_missed,
        "smiling_found": round(float(said[is_smile].mean()), 3),
        "others_left_alone": round(float((~said[~is_smile]).mean()), 3),
        "balanced_accuracy": round(
            float((said[is_smile].mean() + (~said[~is_smile]).mean()) / 2), 3
        ),
    }


def main() -> None:
    if not FACES.exists():
        sys.exit("the real pictures are not here: nothing was measured")
    result: dict[str, dict] = {"command": "python benchmarks/portraits.py"}  # type: ignore
    errors: dict[str, list[float]] = {"yaw": [], "pitch": []}
    with MeshFinder() as finder:
        for name, pictures, is_smiling in (
            ("ffhq_dev", read_ffhq(), lambda r: _three_way(float(r["smile"]))),
            ("london", read_london(), lambda r: r["expression"] == "smiling"),
            ("lfw_val", read_lfw(), lambda r: LFW_SMILES.get(r["emotion"])),
        ):  # fmt: skip
            truth, found, num_missed = [], [], 0
            for pixels, row in pictures:
                label = is_smiling(row)
                signals = measure(finder, pixels)
                if signals is None:
                    num_missed += 1
                if name == "ffhq_dev" and signals is not None:
                    errors["yaw"].append(float(signals.yaw_degrees[0]) - float(row["pose_yaw"]))
                    errors["pitch"].append(
                        float(signals.pitch_degrees[0]) - float(row["pose_pitch"])
                    )
                if label is not None:
                    truth.append(bool(label))
                    found.append(signals is not None and bool(find_events(signals)["smile"]))
            result[f"smile_{name}"] = score_smile(truth, found, num_missed)
    for axis, values in errors.items():
        result[f"{axis}_degrees_ffhq_dev"] = {
            "pictures": len(values),
            "mean_absolute_difference": round(float(np.mean(np.abs(values))), 2),
            "mean_difference": round(float(np.mean(values)), 2),
        }
    result["rule"] = {"smile": rules.describe_rule(rules.SMILE)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def _three_way(score: float) -> bool | None:
    return True if score >= 0.5 else False if score < 0.2 else None


if __name__ == "__main__":
    main()
