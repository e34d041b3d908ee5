"""Remote-sensing tasks: layouts as published, test parts alone, absent pictures and bad splits."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation.answerer import ChatAnswerer, Constant
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.scenes import SCENE_TASKS
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options


def make_rsvqa(folder: Path) -> Path:
    """Write RSVQA-LR's three files of the test part, and one inactive picture."""
    kinds = [
        ("presence", "Is there a road?", ("yes", "no")),
        ("comp", "Are there more roads than farmlands?", ("no", "yes")),
        ("count", "What is the number of roads?", ("7", "0")),
        ("rural_urban", "Is it a rural or an urban area", ("rural", "urban")),
    ]
    images, questions, answers = [{"id": 99, "active": False}], [], []
    for picture in range(4):
        images.append(
            {"id": picture, "original_name": f"{picture}.tif", "res_x": "10m", "active": True}
        )
        path = folder / "Images_LR" / f"{picture}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        level = 200 if picture % 2 == 0 else 40
        Image.fromarray(np.full((256, 256, 3), level, np.uint8)).save(path)
        for kind, text, truths in kinds:
            id = len(questions)
            row = {"id": id, "img_id": picture, "type": kind, "question": text, "active": True}
            questions.append(row | {"answers_ids": [id]})
            answers.append(
                {"id": id, "question_id": id, "answer": truths[picture % 2], "active": True}
            )
    for name, rows in (("images", images), ("questions", questions), ("answers", answers)):
        (folder / f"LR_split_test_{name}.json").write_text(json.dumps({name: rows}))
    return folder


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
    assert result.num_items == 16
    figures = result.scores.figures
    for kind in ("presence", "comp", "count", "rural_urban"):
        assert figures[f"exact_match_{kind}"].value == 100
        assert figures[f"exact_match_{kind}"].prior == 50
    assert found.items[0].question.endswith("Answer the question using a single word or number.")
    published = {row["metric"]: row["value"] for row in result.about["published"]}
    assert published["exact_match_presence"] == 92.59


def test_the_majority_answer_is_worth_its_prior_and_no_more(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    task = require_task("rsvqa-lr")
    result, _, _ = run_task(task, Constant("yes"), folder)
    assert result.scores.figures[task.headline].value == pytest.approx(25.0)


def test_absent_pictures_count_as_wrong_and_are_listed(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    (folder / "Images_LR" / "0.tif").unlink()
    task = require_task("rsvqa-lr")
    result, _, answered = run_task(task, ChatAnswerer(see, "double"), folder)
    assert len(answered.failures) == 4
    assert result.scores.figures["exact_match"].value == 75


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


def test_doubled_questions_are_refused(tmp_path):
    folder = make_rsvqa(tmp_path / "RSVQA-LR")
    path = folder / "LR_split_test_questions.json"
    table = json.loads(path.read_text())
    table["questions"].append(table["questions"][0])
    path.write_text(json.dumps(table))
    with pytest.raises(BadInput, match="twice"):
        require_task("rsvqa-lr").read_items(folder, Options())


@pytest.mark.parametrize("task", SCENE_TASKS, ids=lambda task: task.name)
def test_train_parts_are_never_scored_and_empty_folders_are_refused(task, tmp_path):
    assert not any("train" in split for split in task.splits)
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(tmp_path, Options(split="train"))
    with pytest.raises(BadInput):
        task.read_items(tmp_path, Options())
