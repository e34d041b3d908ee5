"""Check written scene records a second way: raw label rows, own words, own geometry.

Nothing of the project is imported. A built data set is read as Parquet, and the labels from their
own files (`scenes_labels.py`): the rows that ``lineament render --kind scenes`` writes, VOC files,
a COCO file, or DOTA's turned boxes. Every sentence must be understood whole: each part that is not
counts as unread. A relation holds by the rule that the documentation states, and one that lies
between *holds* and *does not hold* counts as wrong either way. What the labels do not list
completely can be neither counted nor absent. Some answers are read again with an error planted.

Ends with 1 where something is wrong or unread, or nothing was checked.

    lineament render SCENES --kind scenes --count 60 --seed 700000
    lineament build folder --data SCENES --out OUT
    python benchmarks/scenes_check.py OUT --rows SCENES/annotations.jsonl
    python benchmarks/scenes_check.py OUT --voc DIOR/Annotations      # or --coco FILE.json
    python benchmarks/scenes_check.py OUT --dota DOTA                 # labelTxt beside images
"""

import argparse
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as compute
import pyarrow.parquet as parquet

from scenes_labels import DIOR, Labels, Picture, read_coco, read_dota, read_rows, read_voc
from scenes_places import RELATIONS, RUNS, holds, is_long, lies_in, on_side, runs, stands_out

RESULT = Path(__file__).resolve().parent / "results" / "scenes_check.json"
SHOWN = 20  # texts of each sort that are printed
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
NAMES = {name for names in NOUNS.values() for name in names.split()}
NOUN = "|".join(sorted(map(re.escape, NOUNS), key=len, reverse=True))
COLOR = "black|white|gray|red|orange|yellow|green|blue|brown"
EXTREME = "largest|smallest|leftmost|rightmost|topmost|bottommost"
ONE = rf"the (?:(only) )?(?:({EXTREME}) )?(?:({COLOR}) )?({NOUN})"
PHRASE = re.compile(rf"\b(?:(?:{EXTREME}) )?(?:(?:{COLOR}) )?(?:{NOUN})", re.I)
PLACE = r"in the (?:(top|middle|bottom)-(left|center|right) part|(center))"
SIDE = r"in the (left|right|top|bottom) half"
RELATION = "|".join(sorted(RELATIONS, key=len, reverse=True))
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
DECLINED = re.compile(
    r"(?:that cannot be told|i cannot (?:tell|say)|there is no way to know that)"
    r"(?: from (?:the|this) picture)?\.?|the picture does not show that\.?",
    re.I,
)
Told = Iterator[tuple[str, bool]]


def is_listed(picture: Picture, noun: str) -> bool:
    """Say whether the labels leave out no thing of a noun."""
    listed = picture["listed"]
    if noun.lower() == "vehicle":
        return "vehicle" in listed or {"smallvehicle", "largevehicle"} <= listed
    return any(name in listed for name in NOUNS[noun.lower()].split())


def of_noun(picture: Picture, noun: str, color: str | None = None) -> list[dict[str, Any]]:
    names = NOUNS[noun.lower()].split()
    found = [row for row in picture["things"] if row["name"] in names]
    return [row for row in found if not color or row["color"] == color.lower()]


def is_sure(picture: Picture, noun: str, color: str | None = None) -> bool:
    """Say whether the labels tell how many there are, of a colour where one is named."""
    known = not color or all(row["color"] for row in of_noun(picture, noun))
    return is_listed(picture, noun) and known


def find_one(picture: Picture, words: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the thing that the words mean, if they mean exactly one, and its place is known."""
    only, extreme, color, noun = words
    found = of_noun(picture, noun, color)
    if not is_sure(picture, noun, color) or (only and len(found) != 1):
        return None
    if extreme and found:
        key, sign = {
            "largest": ("area", -1), "smallest": ("area", 1), "leftmost": ("x", 1),
            "rightmost": ("x", -1), "topmost": ("y", 1), "bottommost": ("y", -1),
        }[extreme.lower()]  # fmt: skip
        first, *rest = sorted(found, key=lambda row: sign * row[key])
        is_close = key == "area" and rest and not stands_out(first, rest[0])
        found = [] if is_close else [first]
    return found[0] if len(found) == 1 and not math.isnan(found[0]["x"]) else None


def number_of(word: str) -> int:
    return int(word) if word.isdecimal() else NUMBERS.index(word.lower())


LINK = r"(?:,? and |, | )"
PARTS: tuple[tuple[str, re.Pattern[str], Callable[..., bool]], ...] = tuple(
    (kind, re.compile(LINK + pattern + r"(?=$|,| and )", re.I), judge)
    for kind, pattern, judge in (
        ("length", r"is about (\d+(?:\.\d+)?) meters long",
         lambda one, m: is_long(one, float(m[1]))),
        ("color", rf"is ({COLOR})", lambda one, m: one["color"] == m[1].lower()),
        ("place", rf"(?:is|lies) {PLACE}", lambda one, m: lies_in(one, m, 1)),
        ("side", rf"(?:is|lies) {SIDE}", lambda one, m: on_side(one, m[1])),
        ("direction", rf"runs ({'|'.join(RUNS)})", lambda one, m: runs(one, m[1])),
    )
)  # fmt: skip


def check_object(match: re.Match[str], picture: Picture) -> Told:
    """Check one sentence on one thing: look, place, direction and length, in any order."""
    one = find_one(picture, match.groups()[:4])
    yield "object", one is not None
    rest = match[5]
    while rest:
        found = ((kind, p.match(rest), judge) for kind, p, judge in PARTS)
        kind, part, judge = next((x for x in found if x[1]), ("unread", None, None))
        yield kind, bool(part and judge and one is not None and judge(one, part))
        if part is None:
            return
        rest = rest[part.end() :]


def check_relation(match: re.Match[str], picture: Picture) -> Told:
    one = find_one(picture, match.groups()[:4])
    other = find_one(picture, match.groups()[6:10])
    relation = match[6].lower()
    found = one is not None and other is not None and one is not other
    answer = holds(one, relation, other) if found and one and other else None
    yield f"relation {relation}", answer is (match[5] is None)


def check_counts(match: re.Match[str], picture: Picture) -> Told:
    for number, noun in re.findall(COUNTED, match[1], re.I):
        found = of_noun(picture, noun)
        yield "count", is_listed(picture, noun) and number_of(number) == len(found)
    if re.sub(COUNTED, "", match[1], flags=re.I).replace("and", "").strip(" ,"):
        yield "unread", False


def check_some(match: re.Match[str], picture: Picture) -> Told:
    yield "presence", bool(of_noun(picture, match[2], match[1]))


def check_none(match: re.Match[str], picture: Picture) -> Told:
    is_told = is_sure(picture, match[2], match[1])
    yield "absence", is_told and not of_noun(picture, match[2], match[1])


def check_side_counts(match: re.Match[str], picture: Picture) -> Told:
    rows = of_noun(picture, match[2])
    own = [row for row in rows if on_side(row, match[3])]
    wanted = len(rows) if match[1].lower() == "all" else number_of(match[1])
    yield "layout", bool(rows) and is_listed(picture, match[2]) and len(own) == wanted


def check_cover(match: re.Match[str], picture: Picture) -> Told:
    for name in re.findall(COVER, match[1], re.I):
        yield "cover", picture["facts"].get(COVERS[name.lower()]) is True


def check_no_cover(match: re.Match[str], picture: Picture) -> Told:
    yield "no cover", picture["facts"].get(COVERS[match[1].lower()]) is False


def check_scene(match: re.Match[str], picture: Picture) -> Told:
    said = match[1].lower()
    found = str(picture["facts"].get("scene_class"))
    yield "scene", SCENES.get(said, said) == found


def check_urban(match: re.Match[str], picture: Picture) -> Told:
    yield "urban", picture["facts"].get("urban") is (match[1].lower() == "urban")


def check_density(match: re.Match[str], picture: Picture) -> Told:
    rows = [row for row in picture["things"] if row["name"] in NAMES - {"road", "bridge"}]
    rows = [row for row in rows if not math.isnan(row["x"])]
    steps = sorted(
        min(math.dist((a["x"], a["y"]), (b["x"], b["y"])) for b in rows if b is not a)
        / max(math.sqrt(a["area"]), 1e-6)
        for a in rows
        if len(rows) > 1
    ) or [math.nan]
    middle = (steps[len(steps) // 2] + steps[(len(steps) - 1) // 2]) / 2
    said = {"close together": middle < 1.2, "far apart": middle > 3}
    yield "density", said.get(match[1].lower(), 1.2 <= middle <= 3)


SENTENCES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Picture], Told]], ...] = tuple(
    (re.compile(rf"^{pattern}$", re.I), check)
    for pattern, check in (
        (rf"{ONE} is (not )?({RELATION}) {ONE}", check_relation),
        (rf"there (?:is|are) ({LISTED})", check_counts),
        (rf"there is an? (?:({COLOR}) )?({NOUN})", check_some),
        (rf"there is no (?:({COLOR}) )?({NOUN})", check_none),
        (rf"there is no ({COVER})", check_no_cover),
        (rf"(all|{NUMBER}) ({NOUN})(?:e?s)? lies? {SIDE}", check_side_counts),
        (rf"((?:(?:, | and |, and )?(?:{COVER}))+) can be seen", check_cover),
        (r"the picture shows an? ([\w-]+) area", check_scene),
        (r"the surroundings are (urban|rural)", check_urban),
        (r"the objects lie (close together|far apart|at a moderate distance)", check_density),
        (rf"{ONE}((?: |,).*)", check_object),
    )
)  # fmt: skip


def check_end(said: str, question: str, before: list[str], picture: Picture) -> Told | None:
    """Check the conclusion of a question in two steps against the sentences before it."""
    shared = re.fullmatch(r"so (?:yes, |no, )?(both share a half|they are parted)", said, re.I)
    if shared:
        sides = re.findall(SIDE, " ".join(before), re.I)
        is_one = len(sides) == 2 and sides[0] == sides[1]
        is_said = shared[1].lower().startswith("both")
        led = "so yes" if is_said else "so no"
        is_led = said.lower().startswith(led) or "," not in said
        return iter([("conclusion", len(sides) == 2 and is_led and is_one is is_said)])
    nouns = re.findall(rf"\b({NOUN})e?s\b", question, re.I)
    if len(nouns) < 2:
        return None
    first, second = (len(of_noun(picture, noun)) for noun in nouns[:2])
    equal = r"both numbers are equal, so neither kind is in the majority"
    if re.fullmatch(equal, said, re.I):
        return iter([("conclusion", first == second)])
    end = rf"({NUMBER}) is more than ({NUMBER}), so it must be the (former|latter)"
    more = re.fullmatch(end, said, re.I)
    if more is None:
        return None
    right = (number_of(more[1]), number_of(more[2])) == (max(first, second), min(first, second))
    right = right and first != second
    return iter([("conclusion", right and (first > second) is (more[3].lower() == "former"))])


def check_box(question: str, answer: str, picture: Picture) -> Told | None:
    """Check an answer that is a box for words, or words for the box of the question."""
    number = r"\d+(?:\.\d+)?"
    box = rf"\[({number}(?:, {number}){{3}})\]"
    said, asked = re.fullmatch(box + r"\.?", answer.strip()), re.search(box, question)
    words = re.search(ONE, question, re.I) if said else None
    if asked and not said:
        words = re.fullmatch(ONE + r"\.?", answer.strip(), re.I)
    corners = said or asked
    if corners is None or words is None:
        return iter([("unread", False)]) if corners else None
    one = find_one(picture, words.groups())
    told = [float(x) for x in corners[1].split(",")]
    near = one is not None and all(
        abs(x - y) < 0.0011 for x, y in zip(told, one["box"], strict=True)
    )
    return iter([("box", near)])


def check_answer(question: str, answer: str, picture: Picture, unread: list[str]) -> Told:
    """Yield the statements of an answer, right or wrong; ``unread`` for each part not understood.

    A yes or no must go with what follows, and nothing may be told that was not asked about.
    """
    if DECLINED.fullmatch(answer.strip()):  # right where nothing that labels know is asked about
        yield "declined", not PHRASE.search(question) and "[" not in question
        return
    boxed = check_box(question, answer, picture)
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", answer.strip())
    before: list[str] = []
    for number, sentence in enumerate([] if boxed else sentences):
        text = sentence.removesuffix(".")
        lead = re.match(r"(yes|no), ", text, re.I) if number == 0 else None
        if lead:
            text = text[lead.end() :]
            is_denied = bool(re.search(r" is not |^there (?:is|are) no ", text, re.I))
            yield "yes or no", is_denied is (lead[1].lower() == "no")
        found = next(((m, check) for p, check in SENTENCES if (m := p.match(text))), None)
        told = found[1](found[0], picture) if found else None
        told = told or check_end(text, question, before, picture) or iter([("unread", False)])
        for kind, is_right in told:
            if kind == "unread":
                unread.append(sentence)
            yield kind, is_right
        before.append(text)
    for kind, is_right in boxed or ():
        if kind == "unread":
            unread.append(answer)
        yield kind, is_right
    asked = {phrase.lower() for phrase in PHRASE.findall(question)}
    if asked and not {phrase.lower() for phrase in PHRASE.findall(answer)} <= asked:
        yield "beside the question", False


def plant(answer: str) -> str | None:
    """Return an answer with one certain error; None where no sentence has a place for one."""
    other = {"left": "right", "right": "left", "top": "bottom", "bottom": "top",
             "above": "below", "below": "above"}  # fmt: skip
    count = rf"(?<=there is )({NUMBER})(?= )|(?<=there are )({NUMBER})(?= )"
    for pattern, change in (
        (count, lambda m: str(number_of(m[0]) + 1)),
        (r"(?<= is to the )(?:left|right)(?= of)", lambda m: other[m[0]]),
        (r"(?<=[a-z] is )(?:above|below)(?= the)", lambda m: other[m[0]]),
        (r"(?<= in the )(?:top|bottom)(?=-)", lambda m: other[m[0]]),
        (r"(?<=(?:lies|e is|p is|d is) in the middle-)(?:left|right)", lambda m: other[m[0]]),
    ):
        wrong = re.sub(pattern, change, answer, count=1, flags=re.I)
        if wrong != answer:
            return wrong
    return None


@dataclass
class Found:
    """What the check of a store found.

    Attributes:
        records: Written records whose picture the labels have.
        skipped: Written records whose picture the labels lack.
        kinds: Statements by kind, right or wrong.
        wrong: How many statements are wrong.
        unread: How many parts of sentences were not understood.
        planted: How many answers were read again with an error in them, and in how many it showed.
        shown: Some texts that are wrong or unread.
    """

    records: int = 0
    skipped: int = 0
    answers: int = 0
    sentences: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    unread: int = 0
    planted: int = 0
    planted_found: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return bool(self.kinds) and not self.wrong and not self.unread

    def to_dict(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "shown"}
        statements = {"statements": self.kinds.total(), "kinds": dict(sorted(self.kinds.items()))}
        return {**own, **statements}

    def add(self, question: str, answer: str, picture: Picture, where: str) -> None:
        """Check one answer and count."""
        self.answers += 1
        self.sentences += len(re.findall(r"[.!?]\s+(?=[A-Z0-9])", answer.strip())) + 1
        unread: list[str] = []
        for kind, is_right in check_answer(question, answer, picture, unread):
            if kind == "unread":
                continue
            self.kinds[f"{kind} {'right' if is_right else 'wrong'}"] += 1
            if not is_right:
                self.wrong += 1
                self.shown += [f"wrong: {where}: {kind}: {answer}"] * (self.wrong <= SHOWN)
        for text in unread:
            self.unread += 1
            self.shown += [f"unread: {where}: {text}"] * (self.unread <= SHOWN)

    def test(self, question: str, answer: str, picture: Picture) -> None:
        """Plant an error in an answer and see whether it shows."""
        wrong = plant(answer)
        if wrong is not None:
            self.planted += 1
            told = check_answer(question, wrong, picture, [])
            self.planted_found += not all(is_right for _, is_right in told)


def check_store(store: Path, labels: list[Labels], plant_each: int = 10) -> Found:
    """Check every written record of a built data set, a batch of rows at a time.

    Args:
        store: Folder with Parquet files.
        labels: Where pictures are looked for, in this order.
        plant_each: Every so manieth record is read again with errors planted; 0: none.
    """
    found = Found()
    columns = ["media", "turns", "provenance"]
    for shard in sorted(store.rglob("*.parquet")):
        for batch in parquet.ParquetFile(shard).iter_batches(2000, columns=columns):
            writers = compute.struct_field(batch.column("provenance"), "writer")
            is_written = compute.starts_with(writers, pattern="scenes-")
            for row in batch.filter(is_written).to_pylist():
                stem = Path(row["media"]).stem
                picture = next((one for read in labels if (one := read(stem)) is not None), None)
                if picture is None:
                    found.skipped += 1
                    continue
                found.records += 1
                texts = [turn["text"] for turn in row["turns"]]
                for question, answer in zip(texts[::2], texts[1::2], strict=True):
                    found.add(question, answer, picture, row["media"])
                    if plant_each and found.records % plant_each == 0:
                        found.test(question, answer, picture)
    return found


READERS: dict[str, Callable[[Path], Labels]] = {
    "rows": read_rows, "coco": read_coco, "dota": read_dota
}  # fmt: skip


def main(texts: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("store", type=Path)
    for name in (*READERS, "voc"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--classes", default=DIOR, help="All classes that the VOC files mark.")
    parser.add_argument("--name", default="rendered", help="Names the row of the result.")
    parser.add_argument("--made", default="", help="How the records were built, for the result.")
    parser.add_argument("--plant", type=int, default=10, help="Of every so manieth record.")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args(texts)
    given = {name: getattr(arguments, name) for name in (*READERS, "voc")}
    labels = [READERS[name](path) for name, path in given.items() if path and name != "voc"]
    if arguments.voc:
        labels.append(read_voc(arguments.voc, arguments.classes))
    found = check_store(arguments.store, labels, arguments.plant)
    options = [f"--{name} {path.name}" for name, path in given.items() if path]
    command = " ".join(["python benchmarks/scenes_check.py OUT", *options,
                        f"--name {arguments.name}"])  # fmt: skip
    result = {"made": arguments.made, "command": command, **found.to_dict()}
    rows = json.loads(arguments.result.read_text()) if arguments.result.is_file() else {}
    rows[arguments.name] = result
    arguments.result.write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    for text in found.shown:
        print(text)
    return 0 if found.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
