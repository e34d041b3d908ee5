"""The second check of written scene records imports nothing of ours and finds planted errors."""

import ast
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from lineament.records.build import BuildSettings, build
from lineament.records.record import Record, Turn
from lineament.records.sources.table import require_source
from lineament.records.store import write_records

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import scenes_check as check  # noqa: E402
import scenes_labels as labels  # noqa: E402

SHIP, RED = [0.05, 0.05, 0.25, 0.15], [0.1, 0.8, 0.16, 0.86]
PICTURE = labels.picture_of(
    [
        labels.thing("ship", SHIP, color="white", lengths=[30.0], ways=[2.0]),
        labels.thing("ship", RED, color="red", lengths=[9.0], ways=[90.0]),
        labels.thing("storagetank", [0.7, 0.7, 0.9, 0.9]),
    ],
    ["ship", "storagetank", "bridge"],
    {"water": True, "grass": False, "scene_class": "harbor", "urban": False},
)


def ask(text, question="What is there?", picture=PICTURE):
    """Return what is told of an answer, and what of it is not understood."""
    unread: list[str] = []
    told = list(check.check_answer(question, text, picture, unread))
    return told, unread


@pytest.mark.parametrize("name", ["scenes_check.py", "scenes_labels.py", "scenes_places.py"])
def test_the_second_check_imports_nothing_of_the_project(name):
    tree = ast.parse((BENCHMARKS / name).read_text())
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported
    assert not any(name.startswith("lineament") for name in imported)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("There are two ships.", "There are three ships."),
        ("There are two ships and one storage tank.", "There are two ships and no storage tanks."),
        ("There is a red ship.", "There is a blue ship."),
        ("No, there is no bridge.", "No, there is no storage tank."),
        ("The white ship lies in the top-left part.", "The white ship lies in the top-right part."),
        ("The white ship runs horizontally and is about 30 meters long.",
         "The white ship runs vertically and is about 30 meters long."),
        ("The red ship is about 9.5 meters long.", "The red ship is about 20 meters long."),
        ("The white ship is above the red ship.", "The white ship is below the red ship."),
        ("No, the storage tank is not to the left of the white ship.",
         "Yes, the storage tank is to the left of the white ship."),
        ("The only storage tank lies in the bottom-right part.",
         "The only white ship lies in the bottom-right part."),
        ("Two ships lie in the left half.", "One ship lies in the left half."),
        ("All ships lie in the left half.", "All storage tanks lie in the left half."),
        ("Water can be seen.", "Water and grass can be seen."),
        ("The picture shows a harbor area.", "The picture shows a forest area."),
        ("The surroundings are rural.", "The surroundings are urban."),
        ("The largest ship is white.", "The largest ship is red."),
    ],
)  # fmt: skip
def test_every_sort_of_sentence_can_be_found_right_and_wrong(right, wrong):
    for text, holds in ((right, True), (wrong, False)):
        told, unread = ask(text)
        assert told, text
        assert not unread, text
        assert all(is_right for _, is_right in told) is holds, text


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The gulls are loud. There are two ships.", "?"),
        ("The white ship is blurry and old.", "?"),
        ("The white ship lies in the top-left part and is old.", "?"),
        ("The white ship lies in the top-left partition.", "?"),
        ("There are two ships and many gulls.", "?"),
        ("So yes, both are on fire.", "?"),
        ("Two is more than one, so it must be the former, I think.", "More ships or bridges?"),
        ("[0.700, 0.700, 0.900, 0.900]. It burns.", "Give the box of: the storage tank."),
        ("The white ship. It burns.", "Which object does [0.050, 0.050, 0.250, 0.150] mark?"),
        ("Yes.", "Is there a ship?"),
    ],
)
def test_each_part_that_is_not_understood_is_unread(text, question):
    told, unread = ask(text, question)
    assert ("unread", False) in told
    assert unread


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ("No, there is a red ship.", "Is there a red ship?"),
        ("Yes, the storage tank is not to the left of the white ship.",
         "Is the storage tank to the left of the white ship?"),
        ("Yes, there is a ship.", "Is there a bridge?"),
        ("There is one storage tank.", "How many ships are there?"),
        ("The red ship is red.", "What color is the white ship?"),
    ],
)  # fmt: skip
def test_a_true_sentence_that_does_not_answer_the_question_is_wrong(answer, question):
    told, unread = ask(answer, question)
    assert not unread
    assert not all(is_right for _, is_right in told)


def two(first, second):
    things = [labels.thing("ship", first), labels.thing("bridge", second)]
    return labels.picture_of(things, ["ship", "bridge"])


@pytest.mark.parametrize(
    ("relation", "ship", "bridge", "holds"),
    [
        ("to the left of", [0.1, 0.1, 0.2, 0.2], [0.3, 0.1, 0.4, 0.2], True),
        ("to the left of", [0.1, 0.1, 0.2, 0.2], [0.19, 0.1, 0.29, 0.2], None),  # 9 % apart
        ("to the left of", [0.1, 0.1, 0.5, 0.5], [0.3, 0.1, 0.7, 0.5], None),  # half in common
        ("to the left of", [0.3, 0.1, 0.4, 0.2], [0.1, 0.1, 0.2, 0.2], False),
        ("above", [0.1, 0.1, 0.2, 0.2], [0.1, 0.4, 0.2, 0.5], True),
        ("below", [0.1, 0.1, 0.2, 0.2], [0.1, 0.15, 0.2, 0.25], False),
        ("near", [0.1, 0.1, 0.2, 0.2], [0.24, 0.1, 0.34, 0.2], True),  # 0.4 of a side
        ("near", [0.1, 0.1, 0.2, 0.2], [0.27, 0.1, 0.37, 0.2], None),  # 0.7
        ("near", [0.1, 0.1, 0.2, 0.2], [0.4, 0.1, 0.5, 0.2], False),
        ("larger than", [0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.6, 0.6], True),
        ("larger than", [0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.605, 0.6], False),
        ("larger than", [0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.59, 0.6], None),
    ],
)
def test_relations_follow_the_stated_rule_and_between_neither_is_right(
    relation, ship, bridge, holds
):
    picture = two(ship, bridge)
    for said, is_right in (
        (f"is {relation}", holds is True),
        (f"is not {relation}", holds is False),
    ):
        (told,), _ = ask(f"The ship {said} the bridge.", picture=picture)
        assert told == (f"relation {relation}", is_right)


@pytest.mark.parametrize(
    "text",
    [
        "There is no building.",  # no class of the data set
        "There is no bare ground.",  # nothing tells of it
        "There are no buildings.",
        "All buildings lie in the left half.",
        "The building lies in the top-left part.",
    ],
)
def test_what_the_labels_do_not_list_can_be_neither_counted_nor_absent(text):
    one = labels.picture_of([labels.thing("building", SHIP)], ["ship"], {})
    for picture in (PICTURE, one):
        told, unread = ask(text, picture=picture)
        assert told
        assert not unread
        assert not any(is_right for _, is_right in told)


def test_conclusions_are_checked_against_question_and_steps():
    question = "Are there more ships or more storage tanks? Think step by step."
    steps = "There are two ships and one storage tank. Two is more than one, so it must be the"
    for end, holds in (("former.", True), ("latter.", False)):
        told = dict(check.check_answer(question, f"{steps} {end}", PICTURE, []))
        assert told["conclusion"] is holds


def test_a_shared_half_is_concluded_from_the_two_steps_before():
    question = "Do the white ship and the storage tank lie in the same half, left or right?"
    steps = "The white ship lies in the left half. The storage tank lies in the right half. "
    for end, holds in (
        ("So no, they are parted.", True),
        ("So they are parted.", True),
        ("So yes, both share a half.", False),
        ("So both share a half.", False),
        ("So yes, they are parted.", False),
    ):
        told, unread = ask(steps + end, question)
        assert not unread
        assert dict(told)["conclusion"] is holds, end


def test_boxes_are_compared_both_ways_round():
    for answer, holds in (("[0.700, 0.700, 0.900, 0.900]", True), ("[0.1, 0.7, 0.9, 0.9]", False)):
        asked = list(check.check_answer("Give the box of: the storage tank.", answer, PICTURE, []))
        assert asked == [("box", holds)]
    question = "What is inside the box [0.050, 0.050, 0.250, 0.150]?"
    assert list(check.check_answer(question, "The white ship.", PICTURE, [])) == [("box", True)]
    assert list(check.check_answer(question, "The red ship.", PICTURE, [])) == [("box", False)]


def test_planted_errors_are_wrong_in_every_place_there_is_for_one():
    for text in (
        "There are two ships.",
        "The white ship is above the red ship.",
        "The storage tank is to the right of the white ship.",
        "The white ship lies in the top-left part.",
    ):
        assert all(is_right for _, is_right in ask(text)[0])
        assert not all(is_right for _, is_right in ask(check.plant(text))[0])
    assert check.plant("Water can be seen.") is None


def test_the_tightest_rectangle_is_found_by_turning():
    # A rectangle of 40 by 10 turned by 30 degrees, worked out by hand: cos 0.8660, sin 0.5.
    corners = [0, 0, 34.641, 20, 29.641, 28.660, -5, 8.660]
    found = labels.turn(corners, 0.5)
    assert found["ways"] == pytest.approx([30] * len(found["ways"]), abs=0.5)
    assert found["lengths"] == pytest.approx([20] * len(found["lengths"]), abs=0.1)
    assert labels.turn([0, 0, 10, 0, 10, 10, 0, 10])["ways"] == []  # a square runs nowhere


def test_boxes_are_cut_at_the_border_and_crossed_ones_left_out():
    assert labels.cut([-10, 0, 90, 50], (100, 100)) == [0, 0, 0.9, 0.5]
    assert labels.cut([-60, 0, 40, 50], (100, 100)) == []
    assert labels.cut([0, 0, 10, 10, 10, 0, 0, 10], (100, 100)) == []  # an hourglass
    assert labels.cut([0, 0, 10, 0, 10, 10, 0, 10], (100, 100)) != []


DOTA_ROWS = """imagesource:GoogleEarth
gsd:0.5
20 20 120 20 120 50 20 50 ship 0
300 300 370 370 350 390 280 320 plane 0
50 300 60 300 60 310 50 310 storage-tank 0
"""


@pytest.fixture
def dota(tmp_path):
    """Return DOTA's own files with three turned boxes, and the built records."""
    (tmp_path / "DOTA" / "labelTxt").mkdir(parents=True)
    (tmp_path / "DOTA" / "images").mkdir()
    (tmp_path / "DOTA" / "labelTxt" / "P1.txt").write_text(DOTA_ROWS)
    Image.new("L", (400, 400)).save(tmp_path / "DOTA" / "images" / "P1.png")
    build(require_source("dota"), tmp_path / "DOTA", tmp_path / "out", BuildSettings(split="all"))
    return tmp_path


def run(store, folder, *options):
    result = folder / "result.json"
    code = check.main([str(store), *map(str, options), "--name", "test", "--result", str(result)])
    return code, json.loads(result.read_text())["test"]


def test_turned_boxes_are_read_from_their_own_files(dota, capsys):
    code, found = run(dota / "out", dota, "--dota", dota / "DOTA", "--plant", 1)
    assert code == 0, capsys.readouterr().out
    assert found["kinds"]["direction right"] > 0
    assert found["kinds"]["length right"] > 0
    assert 0 < found["planted"] == found["planted_found"]
    assert (found["wrong"], found["unread"], found["skipped"]) == (0, 0, 0)


def test_labels_that_say_something_else_make_the_same_records_wrong(dota):
    labels_of = dota / "DOTA" / "labelTxt" / "P1.txt"
    labels_of.write_text(
        DOTA_ROWS.replace("20 20 120 20 120 50 20 50", "20 20 50 20 50 120 20 120")
    )
    code, found = run(dota / "out", dota, "--dota", dota / "DOTA")
    assert code == 1
    assert found["kinds"]["direction wrong"] > 0


def test_a_mask_tells_the_direction_and_without_one_none_may_be_told(tmp_path):
    table = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 30],
             "segmentation": [[10, 13, 13, 10, 40, 37, 37, 40]]}
        ],
    }  # fmt: skip
    for way, holds in (("falls", True), ("masks nothing", False)):
        if not holds:
            table["annotations"][0]["segmentation"] = []
        (tmp_path / "file.json").write_text(json.dumps(table))
        picture = labels.read_coco(tmp_path / "file.json")("1")
        text = "The ship runs diagonally from the top left to the bottom right."
        told, _ = ask(text, picture=picture)
        assert dict(told)["direction"] is holds, way


def store_of(folder, question, answer, media="1.png"):
    turns = (Turn("user", question), Turn("assistant", answer))
    provenance = {"writer": "scenes-1", "licence": "", "source": "test", "split": "all"}
    write_records(folder, [Record("scene_local", 2, media, turns, provenance=provenance)])
    return folder


ROW = {
    "media": "1.png", "closed": ["water"],
    "facts": [{"name": "listed_class", "value": "ship", "subject": "clip"}],
    "subjects": [{"id": "object 0", "facts": [
        {"name": "object_class", "value": "ship", "region": SHIP},
        {"name": "object_color", "value": "white"}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "media", "code", "counts"),
    [
        ("The ship is white.", "1.png", 0, {"wrong": 0, "unread": 0, "records": 1}),
        ("The ship is red.", "1.png", 1, {"wrong": 1, "unread": 0}),
        ("The ship is blurry and old.", "1.png", 1, {"wrong": 0, "unread": 1}),
        ("The ship is white. Gulls cry. Waves break.", "1.png", 1, {"unread": 2, "sentences": 3}),
        ("The ship is white.", "2.png", 1, {"skipped": 1, "records": 0}),
    ],
)
def test_the_script_ends_with_one_where_anything_is_wrong_unread_or_unchecked(
    tmp_path, answer, media, code, counts
):
    store = store_of(tmp_path / "out", "Describe the objects.", answer, media)
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    ended, found = run(store, tmp_path, "--rows", tmp_path / "rows.jsonl")
    assert ended == code
    assert {name: found[name] for name in counts} == counts
    assert found["command"] == "python benchmarks/scenes_check.py OUT --rows rows.jsonl --name test"


@pytest.mark.parametrize(
    ("question", "answer", "is_right"),
    [
        ("Who lives here?", "I cannot tell.", True),
        ("When was this picture taken?", "That cannot be told from the picture.", True),
        ("How many ships are there?", "I cannot tell.", False),
        ("What is at [0.1, 0.1, 0.2, 0.2]?", "The picture does not show that.", False),
        ("Where is the bridge?", "There is no bridge.", True),
        ("Where is the storage tank?", "There is no storage tank.", False),
    ],
)
def test_only_what_labels_do_not_know_may_be_declined(question, answer, is_right):
    told, unread = ask(answer, question)
    assert told
    assert not unread
    assert all(right for _, right in told) is is_right
