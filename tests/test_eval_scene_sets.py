"""FloodNet and VRSBench in their own layouts; priors beside every figure of aerial tasks."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation.answerer import Blindfold, ChatAnswerer, Constant
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.floodnet import HELD_OUT, FloodNet, read_condensed
from lineament.evaluation.tasks.priors import find_constants
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.evaluation.tasks.vrsbench import read_box
from lineament.records.sources.source import share_of

REAL_FLOODNET = Path(__file__).parents[2] / "shared" / "data" / "rs" / "floodnet_vqa"
BRIGHT, DARK = 220, 30


def save_picture(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(path)


def make_floodnet(folder: Path, count: int = 60) -> Path:
    """Write the challenge's folders: bright pictures are flooded and have four buildings."""
    kinds = [
        ("Condition_Recognition", "What is the condition of road?", "flooded", "non flooded"),
        ("Yes_No", "Is the entire road flooded?", "Yes", "No"),
        ("Simple_Counting", "How many buildings are in this image?", 4, 2),
        ("Complex_Counting", "How many buildings are flooded?", 4, 1),
    ]
    rows = {}
    for number in range(count):
        image = f"{10000 + number}.JPG"
        is_bright = number % 3 == 0
        save_picture(folder / "Images" / "Train_Image" / image, BRIGHT if is_bright else DARK)
        for kind, question, wet, dry in kinds:
            rows[str(len(rows))] = {
                "Image_ID": image, "Question": question, "Question_Type": kind,
                "Ground_Truth": wet if is_bright else dry,
            }  # fmt: skip
    write_questions(folder, "Training Question.json", rows)
    bare = {k: {n: v for n, v in row.items() if n != "Ground_Truth"} for k, row in rows.items()}
    write_questions(folder, "valid_question.json", bare)
    return folder


def write_questions(folder: Path, name: str, rows: dict) -> None:
    path = folder / "Questions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows))


def see_flood(visual, questions):
    is_bright = visual.frames.mean() > 128
    said = []
    for question in questions:
        if "yes or no" in question:
            said.append("Yes, it is." if is_bright else "No.")
        elif "number" in question:
            few = "two" if "in this image" in question else "There is one."
            said.append("4 buildings" if is_bright else few)
        else:
            said.append("Flooded." if is_bright else "The road is non-flooded")
    return said


def test_floodnet_is_read_in_the_challenges_folders_and_seen_through(tmp_path):
    folder = make_floodnet(tmp_path / "FloodNet")
    answerer = ChatAnswerer(see_flood, "double")
    result, found, _ = run_task(FloodNet(), answerer, folder, blind=Blindfold(answerer))
    figures = result.scores.figures
    names = [
        "uar", "exact_match", "exact_match_yes_no", "exact_match_counting",
        "exact_match_condition", "exact_match_simple_counting", "exact_match_complex_counting",
    ]  # fmt: skip
    for name in names:
        assert figures[name].value == 100, name
        assert figures[name].prior is not None
        assert figures[name].num_items > 0
    # Each of the four kinds has two answers. To the blind all is dry, and that it tells the two
    # questions on numbers apart by their words does not help it.
    assert figures["uar"].prior == pytest.approx(50)
    assert result.about["blind"]["metrics"]["uar"]["value"] == pytest.approx(50)
    held = {Path(item.media).name for item in found.items}
    assert all((folder / item.media).is_file() for item in found.items)
    whole = {f"{10000 + n}.JPG" for n in range(60)}
    assert held == {name for name in whole if share_of(f"floodnet/{name}") < HELD_OUT}
    assert 0 < len(held) < 30


@pytest.mark.parametrize("text", ["non flooded", "Yes", "2", "I cannot tell."])
def test_floodnets_majority_answers_earn_their_prior_and_no_more(text, tmp_path):
    folder = make_floodnet(tmp_path / "FloodNet")
    result, _, _ = run_task(FloodNet(), Constant(text), folder)
    figures = result.scores.figures
    assert figures["uar"].value <= figures["uar"].prior
    priors = {name: f.prior for name, f in figures.items() if name != "yes_bias"}
    assert all(figures[name].value <= prior + 1e-9 for name, prior in priors.items())
    if text == "non flooded":
        assert figures["exact_match_condition"].value == figures["exact_match_condition"].prior


def test_floodnet_without_answers_wrong_splits_absent_and_doubled(tmp_path):
    folder = make_floodnet(tmp_path / "FloodNet")
    with pytest.raises(BadInput, match="no usable item") as caught:
        FloodNet().read_items(folder, Options(split="val"))
    assert "no answer" in caught.value.hint
    with pytest.raises(BadInput, match="no split 'train'"):
        FloodNet().read_items(folder, Options(split="train"))
    with pytest.raises(BadInput, match="holds no"):
        FloodNet().read_items(tmp_path, Options())
    found = FloodNet().read_items(folder, Options())
    assert len({item.id for item in found.items}) == len(found.items)
    (folder / found.items[0].media).unlink()
    result, _, answered = run_task(FloodNet(), ChatAnswerer(see_flood, "double"), folder)
    assert len(answered.failures) == 4
    assert result.scores.figures["exact_match"].value < 100
    assert result.to_dict()["metrics"]["uar"]["num_items"] == len(found.items)
    path = folder / "Questions" / "Training Question.json"
    text = path.read_text()
    path.write_text('{"3": {"Image_ID": "1.JPG"}, ' + text[1:])
    with pytest.raises(BadInput, match=r"Training Question.json: 1 keys .* twice.* '3'"):
        FloodNet().read_items(folder, Options())


def test_floodnets_yes_bias_is_that_of_its_yes_no_questions(tmp_path):
    folder = make_floodnet(tmp_path / "FloodNet")
    result, found, _ = run_task(FloodNet(), Constant("Yes, I think so."), folder)
    asked = [item for item in found.items if item.group == "yes_no"]
    share = sum(item.truth == "yes" for item in asked) / len(asked)
    assert 0 < share < 1
    bias = result.scores.figures["yes_bias"]
    assert bias.value == pytest.approx(1 - share)
    assert bias.num_items == len(asked)
    assert result.scores.figures["exact_match_yes_no"].extra["yes_bias"] == bias.value
    right = FloodNet().score(found.items, {item.id: item.truth for item in found.items})
    assert right.figures["yes_bias"].value == 0


@pytest.mark.parametrize(
    ("kind", "answer", "says"),
    [
        ("condition", "Flooded, non flooded", "flooded,non flooded"),
        ("condition", "It is not flooded.", "non flooded"),
        ("condition", "nonflooded", "non flooded"),
        ("condition", "dry", ""),
        ("yes_no", "No, it is dry.", "no"),
        ("yes_no", "Nothing is flooded", ""),
        ("counting", "There are seven buildings.", "7"),
        ("counting", "12", "12"),
        ("counting", "between 3 and 5", ""),
    ],
)
def test_floodnets_answers_are_read_in_its_own_words(kind, answer, says):
    assert read_condensed(kind, answer) == says


@pytest.mark.skipif(not REAL_FLOODNET.is_dir(), reason="needs the shared FloodNet questions")
def test_the_real_floodnet_file_is_read_whole():
    rows = json.loads((REAL_FLOODNET / "training_question.json").read_text()).values()
    own = [r for r in rows if share_of(f"floodnet/{r['Image_ID']}") < HELD_OUT]
    found = FloodNet().read_items(REAL_FLOODNET, Options())
    assert len(found.items) == len(own)
    assert not found.dropped
    truths = Counter(item.truth for item in found.items)
    assert truths == Counter(str(r["Ground_Truth"]).lower() for r in own)


def make_vrsbench(folder: Path) -> Path:
    """Write the three evaluation files and their pictures; a bright one shows a pool."""
    captions, questions, phrases = [], [], []
    for number in range(6):
        image, is_bright = f"P{number:04d}_0001.png", number % 2 == 0
        save_picture(folder / "Images_val" / image, BRIGHT if is_bright else DARK)
        common = {"image_id": image, "dataset": "RSBench"}
        thing = "pool beside a house" if is_bright else "ship at a pier"
        text = f"The image, sourced from GoogleEarth, shows one large {thing} number {number}."
        captions.append(
            common | {"question": "Describe the image in detail", "ground_truth": text,
                      "question_id": number, "type": "caption"}
        )  # fmt: skip
        for kind, truth in (
            ("object category", "Pool" if is_bright else "ship"),
            ("object quantity", "1" if is_bright else "two"),
            ("rural or urban", "urban" if is_bright else "rural"),
        ):
            questions.append(
                common | {"question": f"Which {kind} is it?", "ground_truth": truth,
                          "question_id": len(questions), "type": kind}
            )  # fmt: skip
        box = "{<10><20><50><60>}" if is_bright else "{<60><60><95><99>}"
        phrases.append(
            common | {"question": f"The large {thing}.", "ground_truth": box, "type": "ref",
                      "question_id": number, "obj_corner": [0.1] * 8, "is_unique": number < 3}
        )  # fmt: skip
    phrases.append(phrases[0] | {"question_id": 99, "ground_truth": "{<92><0><96><0>}"})
    phrases.append({"image_id": "P0000_0001.png", "question_id": 100})
    for name, rows in (("Cap", captions), ("vqa", questions), ("referring", phrases)):
        (folder / f"VRSBench_EVAL_{name}.json").write_text(json.dumps(rows))
    return folder


def see_ground(visual, questions):
    is_bright = visual.frames.mean() > 128
    said = []
    for question in questions:
        if question.startswith("Describe"):
            said.append(f"The image shows one large {'pool' if is_bright else 'ship'}.")
        elif "box" in question:
            said.append("[10, 20, 50, 60]" if is_bright else "[60, 60, 95, 99]")
        elif "category" in question:
            said.append("pool." if is_bright else "Ship")
        elif "quantity" in question:
            said.append("one" if is_bright else "2")
        else:
            said.append("urban" if is_bright else "rural")
    return said


def test_vrsbench_is_asked_in_three_parts_and_seen_through(tmp_path):
    folder = make_vrsbench(tmp_path / "VRSBench")
    answerer = ChatAnswerer(see_ground, "double")
    task = require_task("vrsbench")
    result, found, _ = run_task(task, answerer, folder, blind=Blindfold(answerer))
    figures = result.scores.figures
    assert found.dropped == {"referring: box without an area": 1, "referring: unreadable row": 1}
    assert result.num_items == 6 + 18 + 6
    assert figures["vqa/exact_match_mean_over_types"].value == 100
    assert figures["vqa/exact_match_mean_over_types"].prior == 50
    assert task.headline == "vqa/skill"
    assert figures["vqa/skill"].value == 1
    assert result.about["blind"]["metrics"]["vqa/skill"]["value"] == pytest.approx(0)
    assert {name for name in figures if name.startswith("vqa/exact_match_")} == {
        "vqa/exact_match_mean_over_types", "vqa/exact_match_category",
        "vqa/exact_match_quantity", "vqa/exact_match_scene",
    }  # fmt: skip
    for name in ("accuracy_50", "accuracy_70", "unique/accuracy_50", "not_unique/accuracy_70"):
        assert figures[f"referring/{name}"].value == 100
        assert figures[f"referring/{name}"].prior == 0
    assert 0 < figures["caption/bleu1"].value < 100
    assert result.about["blind"]["metrics"]["referring/accuracy_50"]["value"] == 50
    for name, figure in figures.items():
        assert figure.prior is not None, name
        assert figure.num_items, name
    published = {(row["system"], row["metric"]): row["value"] for row in result.about["published"]}
    assert published["LLaVA-1.5", "referring/accuracy_70"] == 13.6
    assert {metric for _, metric in published} <= figures.keys()


@pytest.mark.parametrize("part", ["caption", "vqa", "referring"])
def test_each_part_of_vrsbench_is_a_task_and_needs_its_own_file_alone(part, tmp_path):
    folder = make_vrsbench(tmp_path / "VRSBench")
    task = require_task(f"vrsbench-{part}")
    for path in folder.glob("VRSBench_EVAL_*.json"):
        if not path.stem.lower().endswith({"caption": "cap"}.get(part, part)):
            path.unlink()
    result, found, _ = run_task(task, ChatAnswerer(see_ground, "double"), folder)
    assert task.headline in result.scores.figures
    assert {item.group.split("/")[0] for item in found.items} == {part}
    with pytest.raises(BadInput, match="holds no VRSBench_EVAL"):
        require_task("vrsbench").read_items(folder, Options())
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(folder, Options(split="train"))


def test_vrsbench_absent_pictures_are_failures_and_doubled_rows_refused(tmp_path):
    folder = make_vrsbench(tmp_path / "VRSBench")
    (folder / "Images_val" / "P0000_0001.png").unlink()
    task = require_task("vrsbench-referring")
    result, _, answered = run_task(task, ChatAnswerer(see_ground, "double"), folder)
    assert len(answered.failures) == 1
    figure = result.scores.figures["referring/accuracy_50"]
    assert figure.value == pytest.approx(100 * 5 / 6)
    path = folder / "VRSBench_EVAL_vqa.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([*rows, rows[0]]))
    with pytest.raises(BadInput, match="twice"):
        require_task("vrsbench").read_items(folder, Options())
    path.write_text('{"not": "a list"}')
    with pytest.raises(BadInput, match="expected a list"):
        require_task("vrsbench-vqa").read_items(folder, Options())


def test_boxes_are_read_from_the_sets_own_brackets():
    assert read_box("{<25><40><33><60>}") == (25, 40, 33, 60)
    assert read_box("[25, 40, 33, 60]") == (25, 40, 33, 60)
    for text in ("", "{<25><40><33>}", "{<25><40><33><160>}", "{<33><40><25><60>}"):
        with pytest.raises(ValueError, match=r"box|outside"):
            read_box(text)


def test_constants_are_what_one_who_never_looks_might_say():
    answers = [{"answer": "yes"}, {"answer": "no"}, {"answer": "yes"}]
    assert find_constants(answers)[0] == "yes"
    boxes = [{"box": [0, 0, 10, 10]}, {"box": [10, 10, 30, 50]}]
    assert "[5.0, 5.0, 20.0, 30.0]" in find_constants(boxes)
    captions = [{"references": [f"caption {n}"]} for n in range(20)]
    chosen = find_constants(captions)
    assert len(chosen) == 5
    assert chosen == find_constants(captions[::-1])


def test_the_prior_of_a_caption_is_what_one_fixed_caption_scores(tmp_path):
    folder = make_vrsbench(tmp_path / "VRSBench")
    task = require_task("vrsbench-caption")
    found = task.read_items(folder, Options())
    figures = task.score(found.items, {i.id: i.truth[0] for i in found.items}).figures
    best = dict.fromkeys(figures, -math.inf)
    for constant in sorted({item.truth[0] for item in found.items}):
        said = task.score(found.items, dict.fromkeys((i.id for i in found.items), constant))
        best = {name: max(best[name], said.figures[name].value) for name in best}
    for name, figure in figures.items():
        assert 0 <= figure.prior <= best[name] + 1e-9
        assert figure.prior < figure.value
