"""Figures of scene models and the study of arms: what counts as right, told apart and compared."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.records.sources.rendered import FIRST_SEED
from test_training_scenes import Oracle

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from scene_figures import say_study
from scenes_described import score
from scenes_study import (
    ARMS,
    COLUMNS,
    FIGURES,
    FIRST_SCENE,
    PRIOR,
    QUESTIONS,
    Question,
    find_done,
    row_of_figures,
    summarise,
    write_table,
)
from scenes_truth import draw_questions, ends_right, find_end, measure, prior_of_ends
from study_rows import add_row, read_rows

SHIPS = ((0.05, 0.05, 0.25, 0.12), (0.1, 0.8, 0.16, 0.86))
QUESTION = "Are there more ships or more bridges? Think step by step."
STEPS = "There are two ships and one bridge."
TRUTH = f"{STEPS} Two is more than one, so it must be the former."


def harbour():
    boxes = [("ship", box) for box in SHIPS] + [("bridge", (0.45, 0.4, 0.55, 0.6))]
    facts = [Fact("listed_class", name, subject="clip") for name in ("ship", "bridge")]
    facts += [Fact("object_class", name, subject=f"object {n}", region=box)
              for n, (name, box) in enumerate(boxes)]  # fmt: skip
    subjects = tuple(Subject(f"object {n}", "object") for n in range(len(boxes)))
    return Annotation("a.png", subjects, tuple(facts))


@pytest.mark.parametrize(
    ("said", "is_right"),
    [
        (TRUTH, True),
        ("It must be the former.", True),
        ("There are more ships.", True),
        (f"{STEPS} Two is more than one, so it must be the latter.", False),
        (STEPS, False),  # draws no conclusion
        ("There are three ships and one bridge. It must be the former.", False),
        ("Yes.", False),
        ("", False),
    ],
)
def test_a_conversation_ends_rightly_when_its_conclusion_is_drawn_and_right(said, is_right):
    assert ends_right(QUESTION, said, TRUTH, harbour()) is is_right


def test_the_prior_of_conclusions_is_chosen_for_each_form_of_question():
    assert [find_end(t) for t in (TRUTH, "So they are parted.", "The ship is white.")] == [
        "former", "parted", "",
    ]  # fmt: skip
    counts = Counter({"former": 5, "latter": 3, "share": 1, "parted": 4, "": 7})
    assert prior_of_ends(counts) == (5 + 4) / 20


def test_a_description_is_scored_against_the_annotation_part_by_part():
    # Columns: supported, judged, of the reference (2), classes (2), places (2), relations (2).
    reference = "There are two ships."
    text = "There are two ships. The bridge lies in the center. There are three bridges."
    assert score(text, harbour(), reference) == [3, 4, 1, 1, 1, 2, 1, 3, 0, 3]
    sides = "All ships lie in the left half."
    assert score(sides, harbour(), reference)[6:8] == [2, 3]  # of each ship its half
    counted = "Two ships lie in the left half."
    assert score(counted, harbour(), reference)[6:8] == [2, 3]
    related = "The bridge is to the right of the topmost ship."
    assert score(related, harbour(), reference)[8:] == [2, 3]
    assert score("Hello.", harbour(), reference) == [0, 0, 0, 1, 0, 2, 0, 3, 0, 3]


def test_local_and_global_are_told_apart_and_every_figure_has_a_prior():
    scenes = list(draw_questions(3, 32, first=41))
    found = measure(Oracle(scenes), iter(scenes))
    for kind in ("local", "global"):
        assert found[f"{kind}_precision"]["value"] == 1.0
        assert found[f"{kind}_precision"]["prior"] < 1.0
        assert 0 < found[f"{kind}_recall"]["value"] < 1.0  # none tells all there is
        assert found[f"{kind}_recall"]["prior"] < found[f"{kind}_recall"]["value"]
    assert found["global_class_recall"]["value"] > found["local_class_recall"]["value"]
    for figure in FIGURES:
        assert {"items", "value", "low", "high", "prior"} <= set(found[figure]), figure
    row = row_of_figures(found)
    assert set(row) <= set(COLUMNS)
    assert row["local_recall items"] == found["local_recall"]["items"]


# --- the study


def test_the_study_measures_scenes_that_nothing_else_uses():
    for split in ("train", "test"):
        assert not FIRST_SEED[split] <= FIRST_SCENE < FIRST_SEED[split] + 1_000_000_000
    assert FIRST_SCENE - FIRST_SEED["dev"] >= 100_000  # validation takes the first of them


def test_every_question_compares_arms_that_there_are():
    asked = {arm for question in QUESTIONS for arm in (question.reference, *question.others)}
    assert asked == set(ARMS)
    assert {figure for question in QUESTIONS for figure in question.figures} <= set(FIGURES)


def fill(path, values, steps=5):
    for (arm, seed), value in values.items():
        found = {"count": {"value": value, "low": value - 0.1, "high": value + 0.1, "items": 90}}
        row = {"arm": arm, "seed": seed, "steps": steps, "trained_weights": 1, "scenes": 60}
        add_row(path, row | row_of_figures(found), COLUMNS)
    prior = {"arm": PRIOR, "seed": 0, "steps": steps, "scenes": 60, "count": 0.25}
    add_row(path, prior, COLUMNS)


def test_differences_are_paired_by_seed(tmp_path):
    path = tmp_path / "rows.csv"
    values = {("full", 0): 0.5, ("full", 1): 0.7, ("full", 2): 0.9}
    values |= {("lora", 0): 0.4, ("lora", 1): 0.6, ("lora", 2): 0.8, ("moe-lora", 1): 0.7}
    fill(path, values)
    write_table(path)
    result = json.loads(path.with_suffix(".json").read_text())
    length = result["lengths"]["5 steps"]
    assert (length["runs"], length["scenes a run"]) == (7, [60])
    assert len(length["questions"]) == 1  # of the others no second arm was run
    table = length["questions"]["full tuning against adapters"]
    assert table["full"]["count"].startswith("0.700 [")
    assert table["lora"]["reference minus this, count"] == "0.100 [0.100, 0.100]"
    assert table["moe-lora"]["reference minus this, count"] == "0.000"  # one seed: no interval
    assert table["lora"]["count, items a run"] == 90
    assert table["lora"]["count, blind"] == 0.25
    assert "existence" not in table["full"]  # was not measured


def test_runs_are_compared_with_those_of_their_length(tmp_path):
    path = tmp_path / "rows.csv"
    fill(path, {("full", 0): 0.5, ("lora", 0): 0.4})
    fill(path, {("full", 0): 0.9, ("no conversations", 0): 0.6}, steps=50)
    assert find_done(path) >= {("full", 0, 5), ("full", 0, 50)}
    assert ("lora", 0, 50) not in find_done(path)
    write_table(path)
    short, long = json.loads(path.with_suffix(".json").read_text())["lengths"].values()
    assert list(short["questions"]) == ["full tuning against adapters"]
    (table,) = long["questions"].values()
    assert table["no conversations"]["reference minus this, count"] == "0.300"
    said = say_study(json.loads(path.with_suffix(".json").read_text()))
    assert "| count | 0.500 | 0.400 | – | 0.100 | – | 0.250 |" in said
    assert "| count | 0.900 | 0.600 | 0.300 | 0.250 |" in said


def test_questions_of_one_name_fill_one_table(tmp_path):
    path = tmp_path / "rows.csv"
    found = {
        figure: {"value": 0.5, "low": 0.4, "high": 0.6, "items": 9}
        for figure in ("count", "grounding")
    }
    for arm in ("full", "count alone", "grounding alone"):
        row = {"arm": arm, "seed": 0, "steps": 5, "trained_weights": 1, "scenes": 60}
        add_row(path, row | row_of_figures(found), COLUMNS)
    table = summarise(read_rows(path))["all tasks together against one"]
    assert {"count", "grounding"} <= set(table["full"])
    assert "grounding" not in table["count alone"]  # a task it never learned says nothing


def test_an_arm_without_runs_is_told_as_such(tmp_path):
    path = tmp_path / "rows.csv"
    fill(path, {("full", 0): 0.5, ("moe-lora", 0): 0.5})
    question = Question("a", "full", ("lora", "moe-lora"), ("count",))
    table = summarise(read_rows(path), (question,))
    assert table["a"]["lora"] == {"seeds": 0}
