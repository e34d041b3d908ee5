"""Files of FaceXBench, Face-Human-Bench and FaceBench, to questions with their right answers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.evaluation.item import hash_text
from lineament.evaluation.reading import fold
from lineament.records.sources.rows import (
    read_json_file,
    read_json_lines,
    require_file,
    require_inside,
)
from lineament.records.sources.source import NOT_ADULT, UNREADABLE, Dropped

OTHER_BRANCH = "follow-up of another answer"
ADULT_YEARS = 18
_RANGE = re.compile(r"\b(\d+)\s*-\s*\d+\b")
_BRANCHES = {"option Y": "yes", "option N": "no"}


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a set, as its files have it.

    Attributes:
        id: Unique in the set; a follow-up's stands below that of the question before it.
        part: The set's own division, such as a sub-category.
        group: What it is counted under.
        pictures: Files, from the left to the right.
        text: What is asked.
        options: What may be chosen.
        answer: The right option's place, several options, or words.
        excluded: Why it is left out; empty where it is asked.
        subject: Whom it is about, where several pictures show one; else each is its own.
    """

    id: str
    part: str
    group: str
    pictures: tuple[str, ...]
    text: str
    options: tuple[str, ...]
    answer: int | tuple[str, ...] | str
    excluded: str = ""
    subject: str = ""


def read_facexbench(folder: Path, _split: str) -> Iterator[Question | Dropped]:
    """Yield ``benchmark/*.json``: a file per source and kind, questions by number."""
    base = folder / "benchmark" if (folder / "benchmark").is_dir() else folder
    paths = sorted(base.glob("*.json"))
    if not paths:
        raise BadInput(f"{folder}: holds no benchmark/*.json", hint="is this the right folder?")
    for path in paths:
        repeated: list[str] = []
        table = read_json_file(path, repeated)
        for key in ("category", "sub-category", "questions"):
            if key not in table:
                raise BadInput(f"{path}: has no field {key!r}", hint="is this FaceXBench's file?")
        twice = [key for key in repeated if key in table["questions"]]
        if twice:
            raise BadInput(f"{path}: question {twice[0]!r} is there twice", hint="remove one")
        category, part = str(table["category"]), str(table["sub-category"])
        for number, row in table["questions"].items():
            try:
                yield _read_facexbench(f"{path.stem}/{number}", f"{category}/{part}", row)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                yield Dropped(f"{path.name}, {number}", UNREADABLE, f"{type(error).__name__}")


def _read_facexbench(id: str, group: str, row: Mapping[str, Any]) -> Question:
    options = tuple(str(option) for option in row["options"])
    place = ord(row["correct_answer_option"]) - ord("A")
    part = group.rpartition("/")[2]
    asked = f"{row['question_text']} {options[place]}"
    lows = [int(low) for low in _RANGE.findall(asked)] if part == "age" else []
    pictures = tuple(require_inside(str(path)) for path in row["image_paths"])
    return Question(
        id, part, group, pictures, str(row["question_text"]), options, place,
        NOT_ADULT if any(low < ADULT_YEARS for low in lows) else "",
    )  # fmt: skip


def read_face_human_bench(folder: Path, split: str) -> Iterator[Question | Dropped]:
    """Yield ``<split>/json/en/<task>.json``, each item once for every version of its picture."""
    places = (folder / "data" / "Face-Human-Bench" / split, folder / split, folder)
    base = next((p / "json" / "en" for p in places if (p / "json" / "en").is_dir()), None)
    paths = sorted(base.glob("*.json")) if base else []
    if not paths:
        raise BadInput(f"{folder}: holds no {split}/json/en/*.json", hint="is --data right?")
    for path in paths:
        rows = read_json_file(path).get("data")
        if not isinstance(rows, list):
            raise BadInput(f"{path}: field 'data' is no list")
        for number, row in enumerate(rows, start=1):
            try:
                yield from _read_face_human_bench(row)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                yield Dropped(f"{path.name}, {number}", UNREADABLE, f"{type(error).__name__}")


def _read_face_human_bench(row: Mapping[str, Any]) -> Iterator[Question]:
    name, asked = str(row["type"]), row["QA"]
    options = [str(option) for option in asked["options"]]
    labels = row["image"]["source"].get("labels")
    age = labels.get("age") if isinstance(labels, Mapping) else None
    for version, picture in row["image"]["image_paths"].items():
        id = f"{name}/{version}/{Path(picture).stem}"
        options[asked["answer"]]  # a place outside the options is an error
        # In many files the right option always comes first, so options are turned round.
        turn = int(hash_text(id), 16) % len(options)
        yield Question(
            id, name, f"{name.split('_')[0]}/{name}/{version}", (require_inside(picture),),
            str(asked["question"]), tuple(options[turn:] + options[:turn]),
            (asked["answer"] - turn) % len(options),
            NOT_ADULT if age is not None and age < ADULT_YEARS else "",
            f"{name}/{Path(picture).stem}",
        )  # fmt: skip


def read_facebench(folder: Path, _split: str) -> Iterator[Question | Dropped]:
    """Yield ``test.jsonl``, follow-ups below the question whose answer calls for them."""
    path = require_file(folder, "test.jsonl", "datasets/test.jsonl", "datasets/example/test.jsonl")
    rows: list[Mapping[str, Any]] = []
    for row in read_json_lines(path):
        if isinstance(row, Dropped):
            yield row
        elif not isinstance(row.get("image_id"), str) or not isinstance(row.get("text"), str):
            yield Dropped(str(row.get("question_id")), UNREADABLE, "no image_id or text")
        else:
            rows.append(row)
    before = _find_parents(rows)
    for row in rows:
        try:
            yield _read_facebench(row, before)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Dropped(str(row.get("question_id")), UNREADABLE, f"{type(error).__name__}")


Key = tuple[str, str]  # picture and question


def _find_parents(rows: Sequence[Mapping[str, Any]]) -> dict[Key, tuple[str, bool]]:
    """Return each follow-up's question before it, and whether the true answer calls for it."""
    parents: dict[Key, tuple[str, bool]] = {}
    for row in rows:
        conditions = row.get("conditions")
        for branch, ids in conditions.items() if isinstance(conditions, Mapping) else ():
            is_called = fold(str(row.get("gt_answer"))) == {
                "option Y": "yes",
                "option N": "no",
            }.get(branch)
            for child in ids:
                known = parents.get((row["image_id"], child))
                if child != row.get("question_id") and (known is None or not known[1]):
                    parents[row["image_id"], child] = (str(row.get("question_id")), is_called)
    return parents


def _read_facebench(row: Mapping[str, Any], parents: Mapping[Key, tuple[str, bool]]) -> Question:
    image, name = row["image_id"], str(row["question_id"])
    chain, is_called = [name], True
    while (image, chain[0]) in parents and len(chain) <= len(parents):
        parent, called = parents[image, chain[0]]
        if parent in chain:
            raise ValueError("follow-ups in a circle")
        chain, is_called = [parent, *chain], is_called and called
    options = tuple(str(option) for option in row["options"])
    truth = row["gt_answer"]
    listed = tuple(str(t) for t in truth) if isinstance(truth, list) else (str(truth),)
    answer: Any = listed[0]
    if row["question_type"] == "MCQ":
        answer = listed
    elif row["question_type"] in ("TFQ", "SCQ"):
        answer = options.index(listed[0])
    elif row["question_type"] != "OEQ":
        raise ValueError("question_type")
    if row["question_type"] == "MCQ" and not (listed and set(listed) <= set(options)):
        raise ValueError("gt_answer is no option")
    view = str((row.get("metadata") or {}).get("view", "unknown")).casefold()
    return Question(
        "/".join((Path(require_inside(image)).stem, *chain)), view, f"{view}/{name}", (image,),
        row["text"], options, answer, "" if is_called else OTHER_BRANCH,
    )  # fmt: skip
