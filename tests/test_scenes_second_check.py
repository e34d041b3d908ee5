"""The second check of written scene records imports nothing of ours and finds planted errors."""

import ast
import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "scenes_check.py"
SPEC = importlib.util.spec_from_file_location("scenes_check", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
check = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)

PICTURE = {
    "things": [
        check.thing("ship", [0.05, 0.05, 0.25, 0.15], color="white", length=30.0, degrees=2.0),
        check.thing("ship", [0.1, 0.8, 0.16, 0.86], color="red", length=9.0, degrees=90.0),
        check.thing("storagetank", [0.7, 0.7, 0.9, 0.9], color=None),
    ],
    "facts": {"water": True, "scene_class": "harbor", "urban": False},
}


def test_the_second_check_imports_nothing_of_the_project():
    tree = ast.parse(SCRIPT.read_text())
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
        unread: list[str] = []
        told = list(check.check_answer("What is there?", text, PICTURE, unread))
        assert told, text
        assert not unread, text
        assert all(is_right for _, is_right in told) is holds, text


def test_conclusions_are_checked_against_question_and_steps():
    question = "Are there more ships or more storage tanks? Think step by step."
    steps = "There are two ships and one storage tank. Two is more than one, so it must be the"
    for end, holds in (("former.", True), ("latter.", False)):
        told = dict(check.check_answer(question, f"{steps} {end}", PICTURE, []))
        assert told["conclusion"] is holds


def test_boxes_are_compared_both_ways_round():
    for answer, holds in (("[0.700, 0.700, 0.900, 0.900]", True), ("[0.1, 0.7, 0.9, 0.9]", False)):
        asked = list(check.check_answer("Give the box of: the storage tank.", answer, PICTURE, []))
        assert asked == [("box", holds)]
    question = "What is inside the box [0.050, 0.050, 0.250, 0.150]?"
    assert list(check.check_answer(question, "The white ship.", PICTURE, [])) == [("box", True)]
    assert list(check.check_answer(question, "The red ship.", PICTURE, [])) == [("box", False)]


def test_a_sentence_that_is_not_understood_is_told():
    unread: list[str] = []
    list(check.check_answer("?", "The gulls are loud. There are two ships.", PICTURE, unread))
    assert unread == ["The gulls are loud."]
