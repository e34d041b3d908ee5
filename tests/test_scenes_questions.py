"""Questions about a scene: what they ask about, and answers by rule that must not overreach."""

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims.scenes_check import check_scene_text
from lineament.claims.scenes_read import find_asked_objects, read_scene_answer, read_scene_claims
from lineament.claims.scenes_say import say_scene_claim
from lineament.describe.scene_answers import (
    CANNOT_TELL,
    answer_scene_question,
    check_scene_answer,
)
from lineament.records.write.scenes.phrase import read_asks
from lineament.render.scenes import sample_scene

LISTED = ("ship", "bridge", "airplane", "storage_tank", "vehicle")
BOXES = (
    ("ship", (0.05, 0.05, 0.25, 0.15), "white"),
    ("ship", (0.10, 0.80, 0.16, 0.86), "red"),
    ("bridge", (0.45, 0.40, 0.55, 0.60), ""),
    ("ship", (0.56, 0.45, 0.60, 0.50), "white"),
)


def harbour() -> Annotation:
    facts = [Fact("listed_class", name, subject="clip") for name in LISTED]
    facts += [Fact("water", True, subject="clip"), Fact("urban", True, subject="clip")]
    for number, (name, box, color) in enumerate(BOXES):
        subject = f"object {number}"
        facts.append(Fact("object_class", name, subject=subject, region=box))
        if color:
            facts.append(Fact("object_color", color, subject=subject))
    subjects = tuple(Subject(f"object {i}", "object") for i in range(len(BOXES)))
    return Annotation("harbour.png", subjects, tuple(facts), frozenset(("trees",)))


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("How many ships are near the bridge?", ["near:bridge ship"]),
        ("How many ships to the left of the bridge are there?", ["left_of:bridge ship"]),
        ("How many of the ships are white?", ["white ship"]),
        ("How many ships and bridges are there?", ["ship", "bridge"]),
        ("In the left half, how many ships can be seen?", ["side:left ship"]),
        ("What color is the ship in the top left?", ["at:top_left ship"]),
        ("Where is the largest ship?", ["largest ship"]),
        ("How many ships are not white?", []),
        ("How many ships are near the red bridge?", []),
        ("Where is the bridge relative to the ship?", []),
        ("How are you?", []),
    ],
)
def test_what_a_question_says_of_its_objects_narrows_them(question, asked):
    assert find_asked_objects(question) == asked


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many ships are near the bridge?", "There is one ship near a bridge."),
        ("How many ships are white?", "There are two white ships."),
        ("How many of the ships are white?", "There are two white ships."),
        ("How many ships and bridges are there?", "There are three ships and one bridge."),
        ("How many ships are not white?", CANNOT_TELL),
        ("What color is the ship near the bridge?", "The ship near a bridge is white."),
        ("Give the box of the ship near the bridge.", "[0.560, 0.450, 0.600, 0.500]"),
        ("Are there more ships than bridges?", "Yes, there are three ships and one bridge."),
        ("Are there fewer ships than bridges?", "No, there are three ships and one bridge."),
        ("Do you see more bridges or more ships?",
         "There is one bridge and three ships, so there are more ships."),
        ("Is there a ship or an airplane?", "Yes, there are three ships."),
        ("Is there an airplane or a tank?", "No."),
        ("Are there trees or grass?", CANNOT_TELL),  # grass may be there
        ("Is there water or grass?", "Yes."),
        ("Are there airplanes and ships?", "No, there are no airplanes."),
        ("Are the ships white?", "No, not all ships are white."),
        ("Is it a rural or an urban area?", "It is an urban area."),
        ("Is the number of ships larger than the number of bridges?", CANNOT_TELL),
        ("Can ships pass under the bridge?", CANNOT_TELL),
        ("Is there an abandoned ship?", CANNOT_TELL),
        ("Are there as many ships as bridges?",
         "No, there are not as many ships as bridges."),
        ("How many ships are moving?", CANNOT_TELL),
        ("Are there people on the ship?", CANNOT_TELL),
        ("Has the bridge a ship near it?", CANNOT_TELL),
        ("Wie viele Schiffe gibt es?", CANNOT_TELL),
        ("船は何隻ありますか", CANNOT_TELL),
    ],
)  # fmt: skip
def test_rules_answer_what_was_asked_or_say_that_they_cannot(question, answer):
    assert answer_scene_question(question, harbour()) == answer


def test_counts_with_a_relation_agree_with_plain_arithmetic():
    (bridge,) = (box for name, box, _ in BOXES if name == "bridge")
    middle = (bridge[0] + bridge[2]) / 2
    left = [b for n, b, _ in BOXES if n == "ship" and (b[0] + b[2]) / 2 < middle - 0.1]
    said = answer_scene_question("How many ships are left of the bridge?", harbour())
    (claim,) = read_scene_claims(said)
    assert claim.value == (len(left), len(left) + 1)


def test_every_wording_of_ours_is_understood():
    scene = sample_scene(6)  # five airplanes, four vehicles, one road, one helicopter
    slots = {
        "p": "airplanes", "q": "vehicles", "n": "the helicopter", "o": "the red building",
        "r": "to the left of", "b": "[0.753, 0.0, 0.888, 1.0]",
    }  # fmt: skip
    silent = []
    for kind, wordings in read_asks().items():
        if kind == "same_side":  # of two steps, which rules do not take
            continue
        for wording in wordings:
            own = {**slots, "n": "a helicopter"} if kind == "exists" else slots
            question = wording.format(**own)
            if answer_scene_question(question, scene) == CANNOT_TELL:
                silent.append(question)
    assert silent == []


def test_no_rule_answer_to_our_wordings_is_contradicted():
    scene = sample_scene(6)
    for kind in ("count", "exists", "where", "color", "relation", "more"):
        for wording in read_asks()[kind]:
            question = wording.format(
                p="airplanes", q="vehicles", n="the helicopter", o="the red building",
                r="to the left of",
            )  # fmt: skip
            answer = answer_scene_question(question, scene)
            checked = check_scene_answer(question, answer, scene)
            assert checked.contradicted == 0, (question, answer)


@pytest.mark.parametrize(
    ("question", "answer", "subject"),
    [
        ("How many ships are near the bridge?", "One.", "near:bridge ship"),
        ("How many ships are white?", "2", "white ship"),
        ("What color is the ship near the bridge?", "White.", "near:bridge ship"),
    ],
)
def test_bare_answers_are_checked_against_what_was_asked(question, answer, subject):
    (claim,) = read_scene_answer(question, answer)
    assert claim.subject == subject
    assert check_scene_answer(question, answer, harbour()).supported == 1


@pytest.mark.parametrize(
    "question",
    ["Is there a ship or an airplane?", "Do ships or bridges occur more often?"],
)
def test_yes_and_no_to_a_choice_claim_no_single_thing(question):
    assert read_scene_answer(question, "Yes.") == ()
    assert read_scene_answer(question, "No.") == ()


def test_a_denial_of_all_and_a_denial_of_each_are_told_apart():
    scene = harbour()  # two white ships, one red
    assert check_scene_text("Not all ships are white.", scene).contradicted == 0
    assert check_scene_text("The ships are not white.", scene).contradicted == 1
    assert check_scene_text("The ships are not blue.", scene).contradicted == 0
    (_, claim) = read_scene_claims("Not all of the ships are white.")
    assert say_scene_claim(claim) == "not all ships are white"
