"""Remote-sensing tasks: answers, captions and boxes scored, skill, yes-bias, worst examples."""

import math
from pathlib import Path

import pytest

from lineament.errors import BadInput
from lineament.evaluation.answerer import ChatAnswerer, Constant
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.scenes import SCENE_TASKS, unfold_fractions
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.records.sources.scenes.boxes import write_box
from scene_fixtures import make_rsitmd, make_rsvqa
from scene_fixtures import make_rsvg_hr as make_boxes


def make_captions(folder: Path) -> Path:
    """Write RSICD's plain-text test files: one file name and one caption a line, five each."""
    folder.mkdir(parents=True)
    captions = [f"many planes are parked near runway {n % 5} of port {n // 5} ." for n in range(15)]
    (folder / "test_caps.txt").write_text("\n".join(captions) + "\n")
    names = [f"airport_{n // 5}.jpg" for n in range(15)]
    (folder / "test_filename.txt").write_text("\n".join(names) + "\n")
    return folder


def make_rsvg(folder: Path) -> Path:
    """Write RSVG-HR's test file, the published decimal comma among its lines."""
    folder.mkdir(parents=True)
    lines = [
        "one.jpg,102.4,102.4,512.0,512.0,a pool in the middle",
        "two.jpg,0.0,0.0,204.8,102.4,a court at the top left",
        "two.jpg,409.0,216,00,447.0,467.0,a broken line",
    ]
    (folder / "rsvg_hr_test.txt").write_text("\n".join(lines) + "\n")
    return folder


def see(visual, questions):
    """Answer like somebody who sees whether the picture is bright."""
    is_bright = visual.frames.mean() > 128
    said = {"road?": ("yes", "no"), "farmlands?": ("no", "yes"), "number of": ("seven", "0")}
    answers = []
    for question in questions:
        pair = next((p for key, p in said.items() if key in question), ("Rural.", "Urban."))
        answers.append(pair[0] if is_bright else pair[1])
    return answers


def test_rsvqa_is_answered_from_its_pictures_and_scored_by_type(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    result, found, _ = run_task(require_task("rsvqa-lr"), ChatAnswerer(see, "double"), folder)
    assert result.num_items == 24
    figures = result.scores.figures
    for kind in ("presence", "comp", "count", "rural_urban"):
        assert figures[f"exact_match_{kind}"].value == 100
        assert figures[f"exact_match_{kind}"].prior == pytest.approx(100 * 4 / 6)
    assert figures["skill"].value == 1
    assert figures["skill"].prior == 0
    assert figures["skill"].extra["num_types"] == 4
    assert found.items[0].question.endswith("Answer the question using a single word or number.")
    published = {row["metric"]: row["value"] for row in result.about["published"]}
    assert published["exact_match_presence"] == 92.59


def test_the_majority_of_each_type_is_worth_its_prior_and_has_no_skill(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    task = require_task("rsvqa-lr")
    result, found, _ = run_task(task, Constant("yes"), folder)
    assert result.scores.figures["exact_match_mean_over_types"].value == pytest.approx(25.0)
    assert result.scores.figures["skill"].value < 0
    common = {"presence": "yes", "comp": "no", "count": "7", "rural_urban": "rural"}
    figures = task.score(found.items, {i.id: common[i.group] for i in found.items}).figures
    # Two in three answers are right, which looks like something; the headline says nothing.
    assert figures["exact_match_mean_over_types"].value == pytest.approx(100 * 4 / 6)
    assert figures["skill"].value == pytest.approx(0)


def test_skill_is_that_of_numbers_worked_by_hand(tmp_path):
    task = require_task("rsvqa-lr")
    items = task.read_items(make_rsvqa(tmp_path / "RSVQA-LR"), Options()).items
    # All presence right, and five of six counts; comparisons and areas get their majority.
    counts = [item.id for item in items if item.group == "count"]
    said = {i.id: i.truth for i in items if i.group in ("presence", "count")}
    said |= {i.id: "no" for i in items if i.group == "comp"} | {counts[0]: "1000"}
    said |= {i.id: "rural" for i in items if i.group == "rural_urban"}
    figure = task.score(items, said).figures["skill"]
    assert figure.value == pytest.approx((1 + (5 / 6 - 4 / 6) / (1 / 3) + 0 + 0) / 4)
    assert figure.low <= figure.value <= figure.high
    # Types with fewer than five questions say nothing of skill, and one alone has no figure.
    few = [item for item in items if item.group == "count"][:4]
    assert math.isnan(task.score(few, said).figures["skill"].value)


def test_yes_bias_stands_beside_questions_that_yes_and_no_answer(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    task = require_task("rsvqa-lr")
    result, found, _ = run_task(task, Constant("Yes, there are some."), folder)
    figures = result.scores.figures
    # Of six pictures four have a road, and two more roads than farmlands.
    assert figures["yes_bias"].value == pytest.approx(1 - 6 / 12)
    assert figures["yes_bias"].num_items == 12
    assert figures["exact_match_presence"].extra["yes_bias"] == pytest.approx(1 - 4 / 6)
    assert figures["exact_match_comp"].extra["yes_bias"] == pytest.approx(1 - 2 / 6)
    assert "yes_bias" not in figures["exact_match_count"].extra
    assert result.to_dict()["metrics"]["yes_bias"]["value"] == 0.5
    never = task.score(found.items, dict.fromkeys((i.id for i in found.items), "no")).figures
    assert never["yes_bias"].value == pytest.approx(-0.5)
    right = task.score(found.items, {i.id: i.truth for i in found.items}).figures
    assert right["yes_bias"].value == 0
    silent = task.score(found.items, dict.fromkeys((i.id for i in found.items), "unknown")).figures
    assert math.isnan(silent["yes_bias"].value)
    assert silent["exact_match_presence"].extra["num_unread"] == 6


def test_absent_pictures_count_as_wrong_and_are_listed(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    (folder / "Images_LR" / "0.tif").unlink()
    task = require_task("rsvqa-lr")
    result, _, answered = run_task(task, ChatAnswerer(see, "double"), folder)
    assert len(answered.failures) == 4
    assert result.scores.figures["exact_match"].value == pytest.approx(100 * 20 / 24)


def test_answers_that_hold_the_right_word_inside_another_are_among_the_worst(tmp_path):
    task = require_task("rsvqa-lr")
    items = task.read_items(make_rsvqa(tmp_path / "RSVQA-LR"), Options()).items
    said = {i.id: "unknown" if i.truth == "no" else f"{i.truth}." for i in items}
    wrong = task.score(items, said).wrong_ids
    assert set(wrong) == {i.id for i in items if i.truth == "no"}


def test_the_worst_boxes_come_first_and_good_ones_not_at_all(tmp_path):
    task = require_task("rsvg-hr")
    items = task.read_items(make_boxes(tmp_path / "rsvg"), Options()).items
    first, second, third, fourth = (item.id for item in items[:4])
    box = items[0].truth
    half = (box[0], box[1], box[2], (box[1] + box[3]) / 2)  # IoU 0.5 counts as found
    third_part = (*items[2].truth[:2], items[2].truth[2], items[2].truth[1] + 4)
    said = {
        first: str(list(half)), second: "no idea", third: str(list(third_part)),
        fourth: "[0, 0, 1, 1]", **{item.id: str(list(item.truth)) for item in items[4:]},
    }  # fmt: skip
    scores = task.score(items, said)
    assert scores.unread_ids == (second,)
    assert scores.wrong_ids == (second, fourth, third)


def test_the_worst_captions_are_those_no_better_than_a_fixed_one(tmp_path):
    task = require_task("rsitmd")
    items = task.read_items(make_rsitmd(tmp_path / "rsitmd"), Options()).items
    said = {item.id: item.truth[0] for item in items}
    said |= {items[1].id: "a forest with many pines", items[4].id: "nothing is seen"}
    scores = task.score(items, said)
    assert scores.wrong_ids == (items[4].id,)
    said[items[1].id] = "many"
    assert set(task.score(items, said).wrong_ids) == {items[1].id, items[4].id}


def test_captions_are_scored_against_all_references_of_a_picture(tmp_path):
    folder = make_captions(tmp_path / "rsicd")
    task = require_task("rsicd")
    found = task.read_items(folder, Options())
    assert [len(item.truth) for item in found.items] == [5, 5, 5]
    perfect = {item.id: item.truth[0] for item in found.items}
    assert task.score(found.items, perfect).figures["bleu4"].value == pytest.approx(100)
    nothing = task.score(found.items, {})
    assert nothing.figures["bleu4"].value == pytest.approx(0, abs=1e-6)
    assert nothing.figures["cider"].value == 0


def test_boxes_are_asked_and_scored_on_the_prompts_scale(tmp_path):
    folder = make_rsvg(tmp_path / "rsvg")
    task = require_task("rsvg-hr")
    found = task.read_items(folder, Options())
    assert found.items[0].truth == pytest.approx((10, 10, 50, 50))
    assert sum(found.dropped.values()) == 1
    answers = {found.items[0].id: "It is at [10, 10, 50, 50].", found.items[1].id: "no idea"}
    scores = task.score(found.items, answers)
    assert scores.figures["accuracy_50"].value == 50
    assert scores.unread_ids == (found.items[1].id,)


def test_a_box_of_our_own_writers_is_scored_on_the_prompts_scale(tmp_path):
    folder = make_rsvg(tmp_path / "rsvg")
    task = require_task("rsvg-hr")
    found = task.read_items(folder, Options())
    first, second = found.items
    truths = {item.id: tuple(n / 100 for n in item.truth) for item in found.items}
    answers = {first.id: write_box(truths[first.id], (1.0, 1.0)), second.id: "[0.9, 0.9, 1.0, 1.0]"}
    assert task.score(found.items, answers).figures["accuracy_50"].value == 50


@pytest.mark.parametrize(
    ("said", "scored"),
    [
        ("[0.1, 0.105, 1, 1.0]", "[10, 10.5, 100, 100]"),
        ("[1, 2, 3, 4]", "[1, 2, 3, 4]"),
        ("[0.5, 0.5]", "[0.5, 0.5]"),
        ("none", "none"),
    ],
)
def test_fractions_alone_are_unfolded(said, scored):
    assert unfold_fractions(said) == scored


@pytest.mark.parametrize("task", SCENE_TASKS, ids=lambda task: task.name)
def test_train_parts_are_never_scored_and_empty_folders_are_refused(task, tmp_path):
    assert not any("train" in split for split in task.splits)
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(tmp_path, Options(split="train"))
    with pytest.raises(BadInput):
        task.read_items(tmp_path, Options())
