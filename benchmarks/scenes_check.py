"""Check generated scene texts a second way: own patterns, own geometry, none of the reader's code.

Counts, absence, colours, ninths and left/right/above/below are taken from the finished text with
plain regular expressions and compared with the boxes of the annotation.
"""

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from lineament.annotation import Annotation
from lineament.records.write.scenes.writer import SceneWriter
from lineament.render.scenes.sample import sample_scene

RESULT = Path(__file__).resolve().parent / "results" / "scenes_check.json"
FIRST_SEED = 700_000
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NOUNS = {
    "airplane": "airplane", "helicopter": "helicopter", "ship": "ship", "vehicle": "vehicle",
    "building": "building", "storage tank": "storage_tank", "tennis court": "tennis_court",
    "basketball court": "basketball_court", "soccer field": "soccer_field",
    "baseball field": "baseball_field", "swimming pool": "swimming_pool", "pier": "harbor",
    "parking lot": "parking_lot", "roundabout": "roundabout", "bridge": "bridge", "road": "road",
}  # fmt: skip
NOUN = "|".join(sorted(NOUNS, key=len, reverse=True))
COLOR = "black|white|gray|red|orange|yellow|green|blue|brown"
COUNT = re.compile(
    rf"\b({'|'.join(NUMBERS)}|\d+) (?:({COLOR}) )?({NOUN})s?\b(?! (?:lies?|are) )", re.I
)
EXTREME = "largest|smallest|leftmost|rightmost|topmost|bottommost"
ONE = rf"the (?:only )?(?:({EXTREME}) )?(?:({COLOR}) )?({NOUN})"
PLACE = re.compile(rf"{ONE} (?:is|lies)(?: {COLOR})?,? ?(?:lies )?in the (\w+)-(\w+) part", re.I)
BESIDE = re.compile(rf"{ONE} is (not )?(to the left of|to the right of|above|below) {ONE}", re.I)


def boxes_of(annotation: Annotation) -> list[dict]:
    """Return class, colour and upright box of every object."""
    colors = {f.subject: f.value for f in annotation.facts if f.name == "object_color"}
    rows = []
    for fact in annotation.facts:
        if fact.name == "object_class" and fact.region:
            xs, ys = fact.region[0::2], fact.region[1::2]
            box = (min(xs), min(ys), max(xs), max(ys))
            area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
            rows.append({"name": fact.value, "color": colors.get(fact.subject), "box": box,
                         "x": (box[0] + box[2]) / 2, "y": (box[1] + box[3]) / 2,
                         "area": area})  # fmt: skip
    return rows


def find_one(rows: list[dict], extreme: str | None, color: str | None, noun: str) -> dict | None:
    """Return the object that the words mean, if they mean exactly one."""
    found = [r for r in rows if r["name"] == NOUNS[noun.lower()]]
    if color:
        found = [r for r in found if r["color"] == color.lower()]
    if extreme and found:
        key, sign = {
            "largest": ("area", -1), "smallest": ("area", 1), "leftmost": ("x", 1),
            "rightmost": ("x", -1), "topmost": ("y", 1), "bottommost": ("y", -1),
        }[extreme.lower()]  # fmt: skip
        found = [min(found, key=lambda r: sign * r[key])]
    return found[0] if len(found) == 1 else None


def check_text(text: str, rows: list[dict]) -> Counter[str]:
    """Count right and wrong statements of one answer by kind."""
    seen: Counter[str] = Counter()
    for number, color, noun in COUNT.findall(text):
        own = [r for r in rows if r["name"] == NOUNS[noun.lower()]]
        own = [r for r in own if not color or r["color"] == color.lower()]
        said = int(number) if number.isdecimal() else NUMBERS.index(number.lower())
        seen["count right" if said == len(own) else "count wrong"] += 1
    for extreme, color, noun, row, column in PLACE.findall(text):
        one = find_one(rows, extreme, color, noun)
        places = {"top": 0, "middle": 1, "bottom": 2}, {"left": 0, "center": 1, "right": 2}
        is_right = one is not None and (int(one["y"] * 3), int(one["x"] * 3)) == (
            places[0][row.lower()], places[1][column.lower()],
        )  # fmt: skip
        seen["place right" if is_right else "place wrong"] += 1
    for match in BESIDE.finditer(text):
        one, other = find_one(rows, *match.groups()[:3]), find_one(rows, *match.groups()[5:8])
        if one is None or other is None:
            seen["relation wrong"] += 1
            continue
        axis = "x" if "the" in match[5] else "y"
        sign = -1 if match[5].lower() in ("to the left of", "above") else 1
        holds = sign * (one[axis] - other[axis]) > 0
        seen["relation right" if holds is not bool(match[4]) else "relation wrong"] += 1
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    arguments = parser.parse_args()
    seen: Counter[str] = Counter()
    num_records = 0
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.scenes):
        annotation = sample_scene(seed)
        rows = boxes_of(annotation)
        for record in SceneWriter().write(annotation):
            num_records += 1
            for turn in record.turns[1::2]:
                found = check_text(turn.text, rows)
                seen.update(found)
                if any(key.endswith("wrong") for key in found):
                    print(seed, turn.text)
    result = {
        "command": "python benchmarks/scenes_check.py",
        "scenes": arguments.scenes,
        "records": num_records,
        "statements": dict(sorted(seen.items())),
        "wrong": sum(n for key, n in seen.items() if key.endswith("wrong")),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
