"""Write `faces/validation.toml`: what each kind of landmark fact has been measured on.

real: at least 5 events marked by eye on real clips and F1 of at least 0.6, or head pose within
5 degrees of labelled portraits, or the number of people right in 9 of 10 clips. rendered: at
least 5 drawn, 90 % of them recovered, and no more false alarms than hits. none: anything else.
"""

import json
from pathlib import Path

from lineament.faces.rules import RULES

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TARGET = ROOT / "src" / "lineament" / "faces" / "validation.toml"


def read_result(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def judge_rule(name: str, events: dict, rendered: dict) -> dict[str, str]:
    real, drawn = events["kinds"].get(name), rendered["actions"].get(name)
    entry = {"validated": "none"}
    if drawn and drawn["drawn"]:
        entry["rendered"] = (
            f"{drawn['recovered']} of {drawn['drawn']} recovered, {drawn['alarms']} false alarms"
        )
        enough = drawn["drawn"] >= 5 and drawn["recall"] >= 0.9
        if enough and drawn["alarms"] <= drawn["recovered"]:
            entry["validated"] = "rendered"
    if real and real["f1"] is not None:
        marked = real["hits"] + real["misses"]
        entry["real"] = f"F1 {real['f1']} ({marked} marked, {real['alarms']} false alarms)"
        if marked >= 5 and real["f1"] >= 0.6:
            entry["validated"] = "real"
    return entry


def judge_pose(axis: str, portraits: dict) -> dict[str, str]:
    row = portraits[f"{axis}_degrees_ffhq_dev"]
    difference = row["mean_absolute_difference"]
    return {
        "validated": "real" if difference <= 5.0 else "none",
        "real": f"{difference} degrees mean absolute difference, {row['pictures']} portraits",
    }


def main() -> None:
    events, rendered, portraits = (read_result(n) for n in ("events", "rendered", "portraits"))
    entries = {rule.name: judge_rule(rule.name, events, rendered) for rule in RULES}
    entries["head_yaw_degrees"] = judge_pose("yaw", portraits)
    entries["head_pitch_degrees"] = judge_pose("pitch", portraits)
    people = events["people"]
    entries["num_people"] = {
        "validated": "real" if people["right"] >= 0.9 * people["clips"] else "none",
        "real": f"right in {people['right']} of {people['clips']} clips",
    }
    lines = ["# Written by benchmarks/validation.py from benchmarks/results; do not edit.\n"]
    for name, entry in entries.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        lines.append("")
    TARGET.write_text("\n".join(lines))
    print(TARGET.read_text())


if __name__ == "__main__":
    main()
