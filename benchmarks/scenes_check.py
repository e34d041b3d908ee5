"""Check written scene records a second way: raw label rows, own words, own geometry.

Nothing of the project is imported. A built data set is read as Parquet, and the labels from their
own files: the rows that ``lineament render --kind scenes`` writes, VOC files, or a COCO file. Each
sentence must be understood whole; what is not is counted and shown, so that nothing passes unread.

    lineament render SCENES --kind scenes --count 200 --seed 700000
    lineament build folder --data SCENES --out OUT
    python benchmarks/scenes_check.py OUT --rows SCENES/annotations.jsonl
    python benchmarks/scenes_check.py OUT --voc DIOR/Annotations      # or --coco FILE.json
"""

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as parquet

RESULT = Path(__file__).resolve().parent / "results" / "scenes_check.json"
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
# The written noun, and what data sets call it, letters only.
NOUNS = {
    "airplane": "airplane plane", "airport": "airport", "ship": "ship",
    "vehicle": "vehicle smallvehicle largevehicle", "small vehicle": "smallvehicle",
    "large vehicle": "largevehicle", "building": "building", "storage tank": "storagetank",
    "tennis court": "tenniscourt", "basketball court": "basketballcourt",
    "baseball field": "baseballfield baseballdiamond",
    "soccer field": "soccerfield soccerballfield", "running track": "groundtrackfield runningtrack",
    "swimming pool": "swimmingpool", "bridge": "bridge", "pier": "harbor", "road": "road",
    "roundabout": "roundabout", "helicopter": "helicopter", "crane": "crane containercrane",
    "chimney": "chimney", "dam": "dam", "stadium": "stadium",
    "train station": "trainstation", "wind turbine": "windmill windturbine",
    "toll station": "expresswaytollstation tollstation", "overpass": "overpass",
    "golf course": "golffield golfcourse", "parking lot": "parkinglot",
    "crossroad": "crossroad", "t-junction": "tjunction",
    "service area": "expresswayservicearea servicearea",
}  # fmt: skip
NOUN = "|".join(sorted(map(re.escape, NOUNS), key=len, reverse=True))
COLOR = "black|white|gray|red|orange|yellow|green|blue|brown"
EXTREME = "largest|smallest|leftmost|rightmost|topmost|bottommost"
ONE = rf"the (?:(only) )?(?:({EXTREME}) )?(?:({COLOR}) )?({NOUN})"
PLACE = r"in the (?:(top|middle|bottom)-(left|center|right) part|(center))"
SIDE = r"in the (left|right|top|bottom) half"
RELATIONS = {
    "to the left of": "left", "to the right of": "right", "above": "above", "below": "below",
    "near": "near", "inside": "inside", "on": "on", "parallel to": "parallel",
    "larger than": "larger",
}  # fmt: skip
RELATION = "|".join(sorted(RELATIONS, key=len, reverse=True))
RUNS = {
    "horizontally": (0, 22.5), "vertically": (67.5, 112.5),
    "diagonally from the top left to the bottom right": (22.5, 67.5),
    "diagonally from the bottom left to the top right": (112.5, 157.5),
}  # fmt: skip
SCENES = {
    "storage-tank": "storage_tanks", "sports": "playground",
}  # fmt: skip
COVERS = {
    "water": "water", "trees": "trees", "grass": "grass", "bare ground": "bare_land",
    "farm fields": "fields",
}  # fmt: skip
COVER = "|".join(COVERS)
NUMBER = rf"{'|'.join(NUMBERS)}|\d+"
COUNTED = rf"({NUMBER}) ({NOUN})(?:e?s)?"
LISTED = rf"(?:(?:, | and |, and )?(?:{NUMBER}) (?:{NOUN})(?:e?s)?)+"
Picture = dict[str, Any]
Told = Iterator[tuple[str, bool]]


def letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def thing(name: str, points: list[float], **more: Any) -> dict[str, Any]:
    if len(points) == 4:
        x0, y0, x1, y1 = points
        points = [x0, y0, x1, y0, x1, y1, x0, y1]
    xs, ys = points[0::2], points[1::2]
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
    box = (min(xs), min(ys), max(xs), max(ys))
    return {"name": letters(name), "xs": xs, "ys": ys, "box": box, "area": area,
            "x": (box[0] + box[2]) / 2, "y": (box[1] + box[3]) / 2, **more}  # fmt: skip


def read_rows(path: Path) -> dict[str, Picture]:
    """Read the annotation rows of rendered scenes."""
    found: dict[str, Picture] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        facts = {f["name"]: f["value"] for f in row.get("facts", ())}
        things = []
        for subject in row["subjects"]:
            own = {f["name"]: f for f in subject["facts"]}
            if "object_class" in own and own["object_class"].get("region"):
                value = {k: f["value"] for k, f in own.items()}
                things.append(
                    thing(value["object_class"], own["object_class"]["region"], id=subject["id"],
                          color=value.get("object_color"), length=value.get("length_meters"),
                          degrees=value.get("orientation_degrees"), on=value.get("on"))
                )  # fmt: skip
            elif subject["id"] == "clip":
                facts |= {k: f["value"] for k, f in own.items()}
        found[Path(row["media"]).name] = {"things": things, "facts": facts}
    return found


def read_voc(folder: Path) -> dict[str, Picture]:
    found: dict[str, Picture] = {}
    for path in folder.glob("*.xml"):
        root = ElementTree.parse(path).getroot()
        sides = [float(root.findtext(f"size/{key}", "0")) for key in ("width", "height")] * 2
        things = []
        for element in root.findall("object"):
            box = [float(element.findtext(f"bndbox/{key}", "nan"))
                   for key in ("xmin", "ymin", "xmax", "ymax")]  # fmt: skip
            if box[0] < box[2] and box[1] < box[3]:
                points = [x / side for x, side in zip(box, sides, strict=True)]
                things.append(thing(element.findtext("name", ""), points))
        found[f"{path.stem}.jpg"] = {"things": things, "facts": {}}
    return found


def read_coco(path: Path) -> dict[str, Picture]:
    table = json.loads(path.read_text())
    names = {row["id"]: row["name"] for row in table["categories"]}
    rows = {row["id"]: row for row in table["images"]}
    found: dict[str, Picture] = {
        Path(row["file_name"]).name: {"things": [], "facts": {}} for row in rows.values()
    }
    for row in table["annotations"]:
        image = rows[row["image_id"]]
        x, y, width, height = row["bbox"]
        sides = (image["width"], image["height"])
        points = [x / sides[0], y / sides[1], (x + width) / sides[0], (y + height) / sides[1]]
        if width > 0 and height > 0:
            own = thing(names[row["category_id"]], points, degrees="unknown")
            found[Path(image["file_name"]).name]["things"].append(own)
    return found


def of_noun(picture: Picture, noun: str, color: str | None = None) -> list[dict[str, Any]]:
    names = NOUNS[noun.lower()].split()
    found = [row for row in picture["things"] if row["name"] in names]
    return [row for row in found if not color or row.get("color") == color.lower()]


def find_one(picture: Picture, words: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the object that the words mean, if they mean exactly one."""
    only, extreme, color, noun = words
    found = of_noun(picture, noun, color)
    if extreme and found:
        key, sign = {
            "largest": ("area", -1), "smallest": ("area", 1), "leftmost": ("x", 1),
            "rightmost": ("x", -1), "topmost": ("y", 1), "bottommost": ("y", -1),
        }[extreme.lower()]  # fmt: skip
        found = [min(found, key=lambda row: sign * row[key])]
    return found[0] if len(found) == 1 or (only and len(found) == 1) else None


def number_of(word: str) -> int:
    return int(word) if word.isdecimal() else NUMBERS.index(word.lower())


def lies_in(row: dict[str, Any], match: re.Match[str], first: int) -> bool:
    rows, columns = ("top", "middle", "bottom"), ("left", "center", "right")
    if match[first + 2]:
        return (int(row["y"] * 3), int(row["x"] * 3)) == (1, 1)
    place = rows.index(match[first].lower()), columns.index(match[first + 1].lower())
    return (min(int(row["y"] * 3), 2), min(int(row["x"] * 3), 2)) == place


def on_side(row: dict[str, Any], side: str) -> bool:
    return {"left": row["x"] < 0.5, "right": row["x"] > 0.5, "top": row["y"] < 0.5,
            "bottom": row["y"] > 0.5}[side.lower()]  # fmt: skip


def covered(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the share of points of an object that lie within the other's outline."""
    corners = list(zip(one["xs"], one["ys"], strict=True))[:4]
    (ax, ay), (bx, by), _, (dx, dy) = corners if len(corners) == 4 else [corners[0]] * 4
    inside = 0
    for i in range(15):
        for j in range(15):
            u, v = (i + 0.5) / 15, (j + 0.5) / 15
            x, y = ax + u * (bx - ax) + v * (dx - ax), ay + u * (by - ay) + v * (dy - ay)
            hit, xs, ys = False, other["xs"], other["ys"]
            for k in range(len(xs)):
                if (ys[k] > y) != (ys[k - 1] > y):
                    at = (xs[k - 1] - xs[k]) * (y - ys[k]) / (ys[k - 1] - ys[k]) + xs[k]
                    hit ^= x < at
            inside += hit
    return inside / 225


def holds(one: dict[str, Any], relation: str, other: dict[str, Any]) -> bool:
    a, b = one["box"], other["box"]
    if relation in ("left", "right", "above", "below"):
        axis = "x" if relation in ("left", "right") else "y"
        return (one[axis] < other[axis]) is (relation in ("left", "above"))
    if relation == "near":
        gap = math.hypot(max(a[0] - b[2], b[0] - a[2], 0), max(a[1] - b[3], b[1] - a[3], 0))
        # Between half and the whole side neither is said.
        return gap < 0.75 * max(a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1])
    if relation in ("inside", "on"):
        told = relation == "on" and one.get("on") is not None and one["on"] == other.get("id")
        return told or covered(one, other) >= 0.75
    if relation == "parallel":
        apart = abs(one["degrees"] - other["degrees"]) % 180
        return min(apart, 180 - apart) < 18
    return one["area"] > other["area"]


def check_object(match: re.Match[str], picture: Picture) -> Told:
    """Check one sentence on one object: look, place, direction and length, in any order."""
    one = find_one(picture, match.groups()[:4])
    yield "object", one is not None and (not match[1] or len(of_noun(picture, match[4])) == 1)
    rest = match[5]
    while rest and one is not None:
        for kind, pattern, judge in PARTS:
            part = pattern.match(rest)
            if part:
                yield kind, judge(one, part)
                rest = rest[part.end() :]
                break
        else:
            yield "unread", False
            return


def runs(one: dict[str, Any], way: str) -> bool:
    low, high = RUNS[way.lower()]
    degrees = one["degrees"] % 180
    return low <= degrees <= high or (low == 0 and degrees >= 157.5)


LINK = r"(?:,? and |, | )"
PARTS: tuple[tuple[str, re.Pattern[str], Callable[..., bool]], ...] = tuple(
    (kind, re.compile(LINK + pattern, re.I), judge)
    for kind, pattern, judge in (
        ("length", r"is about ([\d.]+) meters long",
         lambda one, m: abs(one["length"] - float(m[1])) <= max(1.0, 0.1 * one["length"])),
        ("color", rf"is ({COLOR})\b", lambda one, m: one.get("color") == m[1].lower()),
        ("place", rf"(?:is|lies) {PLACE}", lambda one, m: lies_in(one, m, 1)),
        ("side", rf"(?:is|lies) {SIDE}", lambda one, m: on_side(one, m[1])),
        ("direction", rf"runs ({'|'.join(RUNS)})", lambda one, m: runs(one, m[1])),
    )
)  # fmt: skip


def check_relation(match: re.Match[str], picture: Picture) -> Told:
    one = find_one(picture, match.groups()[:4])
    other = find_one(picture, match.groups()[6:10])
    found = one is not None and other is not None
    yield (
        f"relation {match[6].lower()}",
        found and holds(one, RELATIONS[match[6].lower()], other) is not bool(match[5]),
    )


def check_counts(match: re.Match[str], picture: Picture) -> Told:
    for number, noun in re.findall(COUNTED, match[1], re.I):
        yield "count", number_of(number) == len(of_noun(picture, noun))
    if re.sub(COUNTED, "", match[1], flags=re.I).strip(" ,and"):
        yield "unread", False


def check_some(match: re.Match[str], picture: Picture) -> Told:
    yield "presence", bool(of_noun(picture, match[2], match[1]))


def check_none(match: re.Match[str], picture: Picture) -> Told:
    yield "absence", not of_noun(picture, match[2], match[1])


def check_side_counts(match: re.Match[str], picture: Picture) -> Told:
    rows = of_noun(picture, match[2])
    own = [row for row in rows if on_side(row, match[3])]
    wanted = len(rows) if match[1].lower() == "all" else number_of(match[1])
    yield "layout", bool(rows) and len(own) == wanted


def check_cover(match: re.Match[str], picture: Picture) -> Told:
    for name in re.findall(COVER, match[1], re.I):
        yield "cover", picture["facts"].get(COVERS[name.lower()]) is True


def check_no_cover(match: re.Match[str], picture: Picture) -> Told:
    yield "no cover", picture["facts"].get(COVERS[match[1].lower()]) is not True


def check_scene(match: re.Match[str], picture: Picture) -> Told:
    said = match[1].lower()
    found = str(picture["facts"].get("scene_class"))
    yield "scene", SCENES.get(said, said) == found


def check_urban(match: re.Match[str], picture: Picture) -> Told:
    yield "urban", picture["facts"].get("urban") is (match[1].lower() == "urban")


def check_density(match: re.Match[str], picture: Picture) -> Told:
    rows = [row for row in picture["things"] if row["name"] not in ("road", "bridge")]
    steps = sorted(
        min(math.dist((a["x"], a["y"]), (b["x"], b["y"])) for b in rows if b is not a)
        / max(math.sqrt(a["area"]), 1e-6)
        for a in rows
    )
    half = len(steps) // 2
    middle = steps[half] if len(steps) % 2 else (steps[half - 1] + steps[half]) / 2
    said = {"close together": middle < 1.2, "far apart": middle > 3}
    yield "density", said.get(match[1].lower(), 1.2 <= middle <= 3)


SENTENCES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Picture], Told]], ...] = tuple(
    (re.compile(rf"^(?:yes, |no, )?{pattern}$", re.I), check)
    for pattern, check in (
        (rf"{ONE} is (not )?({RELATION}) {ONE}", check_relation),
        (rf"there (?:is|are) ({LISTED})", check_counts),
        (rf"there is an? (?:({COLOR}) )?({NOUN})", check_some),
        (rf"there is no (?:({COLOR}) )?({NOUN})", check_none),
        (rf"there is no ({COVER})", check_no_cover),
        (rf"(all|{NUMBER}) ({NOUN})(?:e?s)? lies? {SIDE}", check_side_counts),
        (rf"((?:(?:, | and )?(?:{COVER}))+) can be seen", check_cover),
        (r"the picture shows an? ([\w-]+) area", check_scene),
        (r"the surroundings are (urban|rural)", check_urban),
        (r"the objects lie (close together|far apart|at a moderate distance)", check_density),
        (rf"{ONE}((?: |,).*)", check_object),
    )
)  # fmt: skip


def check_end(sentence: str, question: str, before: list[str], picture: Picture) -> Told | None:
    """Check the conclusion of a question in two steps against the sentences before it."""
    said = sentence.lower()
    if said.startswith(("so yes, both", "so no, they")):
        sides = re.findall(SIDE, " ".join(before), re.I)
        return iter([("conclusion", (sides[0] == sides[1]) is said.startswith("so yes"))])
    nouns = re.findall(rf"\b({NOUN})e?s\b", question, re.I)
    if len(nouns) < 2:
        return None
    first, second = (len(of_noun(picture, noun)) for noun in nouns[:2])
    if said.startswith("both numbers are equal"):
        return iter([("conclusion", first == second)])
    more = re.match(r"(\w+) is more than (\w+), so it must be the (former|latter)", said)
    if more is None:
        return None
    right = (number_of(more[1]), number_of(more[2])) == (max(first, second), min(first, second))
    return iter([("conclusion", right and (first > second) is (more[3] == "former"))])


def check_box(question: str, answer: str, picture: Picture) -> Told | None:
    """Check a box for words, or words for a box."""
    for text, other in ((answer, question), (question, answer)):
        box = re.search(r"\[([\d., ]+)\]", text)
        words = re.search(ONE, other, re.I)
        if box and words and not re.search(r"\[[\d., ]+\]", other):
            one = find_one(picture, words.groups())
            corners = [float(x) for x in box[1].split(",")]
            near = one is not None and all(
                abs(x - y) < 0.0011 for x, y in zip(corners, one["box"], strict=True)
            )
            return iter([("box", near)])
    return None


def check_answer(question: str, answer: str, picture: Picture, unread: list[str]) -> Told:
    boxed = check_box(question, answer, picture)
    if boxed is not None:
        yield from boxed
        return
    before: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", answer.strip()):
        text = sentence.rstrip(".")
        found = next(((m, check) for p, check in SENTENCES if (m := p.match(text))), None)
        told = found[1](found[0], picture) if found else None
        if told is None:
            told = check_end(text, question, before, picture)
        if told is None:
            unread.append(sentence)
            yield "unread", False
        else:
            yield from told
        before.append(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--voc", type=Path)
    parser.add_argument("--coco", type=Path)
    parser.add_argument("--name", default="rendered", help="Names the row of the result.")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    pictures: dict[str, Picture] = {}
    for path, read in ((arguments.rows, read_rows), (arguments.voc, read_voc),
                       (arguments.coco, read_coco)):  # fmt: skip
        pictures |= read(path) if path else {}
    seen: Counter[str] = Counter()
    unread: list[str] = []
    wrong: list[str] = []
    num_records = num_answers = 0
    for shard in sorted(arguments.store.rglob("*.parquet")):
        columns = ["kind", "media", "turns", "provenance"]
        for row in parquet.read_table(shard, columns=columns).to_pylist():
            picture = pictures.get(Path(row["media"]).name)
            is_written = row["provenance"]["writer"].startswith("scenes-")
            if picture is None or not is_written:
                continue
            num_records += 1
            for question, answer in zip(row["turns"][::2], row["turns"][1::2], strict=True):
                num_answers += 1
                told = check_answer(question["text"], answer["text"], picture, unread)
                for kind, is_right in told:
                    seen[f"{kind} {'right' if is_right else 'wrong'}"] += kind != "unread"
                    if kind != "unread" and not is_right:
                        wrong.append(f"{row['media']}: {kind}: {answer['text']}")
    result = {
        "records": num_records,
        "answers": num_answers,
        "statements": sum(seen.values()),
        "kinds": dict(sorted(seen.items())),
        "wrong": len(wrong),
        "unread_sentences": len(unread),
    }
    rows = json.loads(arguments.result.read_text()) if arguments.result.is_file() else {}
    rows = rows if "statements" not in rows else {}
    arguments.result.write_text(json.dumps(rows | {arguments.name: result}, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    for title, texts in (("wrong", wrong), ("unread", unread)):
        for text in texts[:20]:
            print(f"{title}: {text}")


if __name__ == "__main__":
    main()
