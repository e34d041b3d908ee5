"""FaceXBench, Face-Human-Bench, FaceBench: own layouts, nobody recognised, guesses at chance."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput
from lineament.evaluation.answerer import ChatAnswerer, Constant
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.choices import CHOICE_TASKS
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options

FACEBENCH = Path(__file__).resolve().parents[2] / "shared" / "data" / "face" / "facebench-example"


def save(path: Path, level: int, size: tuple[int, int] = (24, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def write_facexbench(folder: Path, name: str, category: str, part: str, rows: list) -> None:
    """Write one file of questions and its pictures; a row: text, options, letter, num pictures."""
    questions = {}
    for number, (text, options, letter, count) in enumerate(rows, start=1):
        shown = [f"images/{name}/question_{number}_{n + 1}.png" for n in range(count)]
        if count == 1:
            shown = [f"images/{name}/question_{number}.png"]
        for place, picture in enumerate(shown):
            level = 60 * (ord(letter) - ord("A")) + 20
            save(folder / "benchmark" / picture, level, (24 + 8 * place, 32 - 8 * place))
        questions[str(number)] = {
            "image_paths": shown,
            "question_text": text,
            "options": options,
            "correct_answer_option": letter,
            "answer": options[ord(letter) - ord("A")],
        }
    table = {
        "category": category, "sub-category": part, "dataset": "drawn", "question_type": "MCQ",
        "num_images": "single", "prepend_text": "", "postpend_text": "", "questions": questions,
    }  # fmt: skip
    (folder / "benchmark" / f"{name}.json").write_text(json.dumps(table))


def make_facexbench(folder: Path) -> Path:
    (folder / "benchmark").mkdir(parents=True)
    faces = ["Happy", "Sad", "Anger", "Fear"]
    ask = "Which expression is shown?"
    rows = [(ask, faces, letter, 1) for letter in "AAAABCD"]
    write_facexbench(folder, "one_mcq", "attributes_expression", "expression", rows)
    counts = [0, 1, 2, 3]
    ask = "How many images have a person with the expression 'sad'?"
    rows = [(ask, counts, letter, 3) for letter in "BBC"]
    write_facexbench(folder, "many_mcq", "attributes_expression", "attributes", rows)
    ages = ["20-29", "10-19", "40-49", "0-9"]
    rows = [("Which age group fits?", ages, letter, 1) for letter in "ABCD"]
    write_facexbench(folder, "age_mcq", "bias_fairness", "age", rows)
    people = ["One", "Another", "A third", "A fourth"]
    rows = [("Who is it?", people, "A", 1)] * 2
    write_facexbench(folder, "named_mcq", "face_recognition", "celebrity_identification", rows)
    write_facexbench(folder, "pairs_mcq", "face_recognition", "hr_fr", rows[:1])
    write_facexbench(folder, "group_mcq", "bias_fairness", "race", rows[:1])
    write_facexbench(folder, "calls", "tools_use", "tools_retrieval", rows[:1])
    words = [("Which ethnicity fits?", people, "A", 1), ("Same person?", people, "A", 1)]
    write_facexbench(folder, "words_mcq", "attributes_expression", "expression", words)
    return folder


def write_fhb(folder: Path, name: str, rows: list, versions=("cropped",)) -> None:
    data = []
    for number, (text, options, answer, labels) in enumerate(rows, start=1):
        paths = {v: f"eval_data/face/{name}/{v}/sample_{number:04d}.jpg" for v in versions}
        for path in paths.values():
            save(folder / path, 60 * answer + 20)
        data.append(
            {
                "type": name,
                "QA": {"question": text, "options": options, "answer": answer},
                "image": {
                    "image_paths": paths,
                    "source": {"dataset": "drawn", "paths": {}, "labels": labels},
                },
            }
        )
    lists = folder / "data" / "Face-Human-Bench" / "test" / "json" / "en"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"{name}.json").write_text(json.dumps({"data": data}))


def make_fhb(folder: Path) -> Path:
    faces = ["Fear", "Disgust", "Happiness", "Sadness"]
    rows = [("What is the expression?", faces, 0, {"expression": "Fear"})] * 24
    write_fhb(folder, "face_expression_basic", rows, ("original", "cropped"))
    rows = [("Is it manipulated?", ["yes", "no"], n % 3 == 0, ["Bona Fides"]) for n in range(12)]
    write_fhb(
        folder, "face_attack_digital_identity_swap", [(t, o, int(a), s) for t, o, a, s in rows]
    )
    rows = [("How many people?", [2, 3, 4, 5], n % 4, [n]) for n in range(8)]
    write_fhb(folder, "human_spatial_relation_count_10", rows, ("original",))
    rows = [("Which age?", ["10", "20", "30", "40"], n, {"age": 10 * n + 10}) for n in range(4)]
    write_fhb(folder, "face_age_basic_10", rows)
    rows = [("Are they one?", ["yes", "no"], 0, ["positive"])] * 3
    write_fhb(folder, "face_recognition_basic", rows)
    write_fhb(folder, "human_reid_basic", rows[:2])
    return folder


def ask_facebench(image: str, id: str, kind: str, text: str, options: list, truth, **more) -> dict:
    return {
        "question_id": id, "question_type": kind, "image_id": image, "text": text,
        "instruction": "", "options": options,
        "conditions": {"option Y": more.get("yes", []), "option N": more.get("no", [])},
        "gt_answer": truth,
        "metadata": {"image_source": "drawn", "view": more.get("view", "Appearance"),
                     "attribute_level": "level 1"},
    }  # fmt: skip


def make_facebench(folder: Path) -> Path:
    """Write four faces: three with a beard, one without; nine questions of each."""
    rows = []
    for number in range(4):
        image = f"test-drawn-{number}.jpg"
        save(folder / "images" / image, 60 * number)
        has = "No" if number == 3 else "Yes"
        rows += [
            ask_facebench(image, "beard_q0", "TFQ", "Does the person have a beard?",
                          ["Yes", "No", "Information not visible"], has,
                          yes=["beard_q1", "beard_q2"], no=["beard_q3"]),
            ask_facebench(image, "beard_q1", "OEQ", "What color is the beard?", [],
                          "Black" if number else "Light brown"),
            ask_facebench(image, "beard_q2", "SCQ", "How dense is the beard?",
                          ["Dense", "Sparse"], "Dense" if number else "Sparse"),
            ask_facebench(image, "beard_q3", "SCQ", "How is the chin shaved?",
                          ["Clean", "Stubbly"], "Clean"),
            ask_facebench(image, "worn_q0", "MCQ", "What is worn?",
                          ["Hat", "Scarf", "Earrings"], ["Hat", "Scarf"] if number else ["Hat"]),
            ask_facebench(image, "eyes_q0", "TFQ", "Are the eyes visible?", ["Yes", "No"], "Yes"),
            ask_facebench(image, "line_q0", "SCQ", "Which race fits?", ["A", "B"], "A"),
            ask_facebench(image, "id_q0", "OEQ", "Anything else?", [], "x", view="Identity"),
            ask_facebench(image, "bad_q0", "SCQ", "What shape?", ["Round", "Oval"], "Square"),
        ]  # fmt: skip
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


MAKERS = {
    "facexbench": make_facexbench, "face-human-bench": make_fhb, "facebench": make_facebench,
}  # fmt: skip


def answer_rightly(found) -> dict[str, str]:
    said = {"labels": lambda truth: "; ".join(truth[0])}
    return {i.id: said.get(i.kind, str)(i.truth) for i in found.items}


@pytest.mark.parametrize("name", MAKERS)
def test_true_answers_score_a_hundred(name, tmp_path):
    task = require_task(name)
    found = task.read_items(MAKERS[name](tmp_path / name), Options())
    scores = task.score(found.items, answer_rightly(found))
    assert scores.figures[task.headline].value == 100
    assert {figure.value for figure in scores.figures.values()} == {100}
    assert not scores.wrong_ids


@pytest.mark.parametrize("name", MAKERS)
def test_who_always_says_the_same_is_at_chance_in_the_headline(name, tmp_path):
    task = require_task(name)
    folder = MAKERS[name](tmp_path / name)
    for text in ("A", "B", "C", "D", "Yes", "no", "Happy", "Fear", "3", "Dense"):
        figure = run_task(task, Constant(text), folder)[0].scores.figures[task.headline]
        assert figure.value <= figure.prior + 1e-9
        assert figure.prior <= 50 + 1e-9


def test_facexbench_counts_what_is_not_asked(tmp_path):
    task = require_task("facexbench")
    found = task.read_items(make_facexbench(tmp_path / "f"), Options())
    assert found.excluded == {
        "identity": 2, "recognition": 2, "ancestry": 2, "not an adult": 2,
        "no picture: calls of recognition tools": 1,
    }  # fmt: skip
    assert len(found.items) == 7 + 3 + 2
    assert {item.group for item in found.items} == {
        "attributes_expression/expression", "attributes_expression/attributes",
        "bias_fairness/age",
    }  # fmt: skip


def test_several_pictures_are_joined_in_order_and_said_so(tmp_path):
    task = require_task("facexbench")
    found = task.read_items(make_facexbench(tmp_path / "f"), Options())
    item = next(item for item in found.items if item.group.endswith("attributes"))
    assert item.question.startswith("The picture shows 3 images side by side; Image 1 is the left")
    assert item.options == ("0", "1", "2", "3")
    visual = found.open_media(item.media)
    # 24 x 32, 32 x 24 and 40 x 16, all made 32 high.
    assert visual.frames.shape == (1, 32, 24 + round(32 * 32 / 24) + round(40 * 32 / 16), 3)


def test_majority_letters_lift_accuracy_to_its_prior_and_not_the_headline(tmp_path):
    task = require_task("facexbench")
    result, _, _ = run_task(task, Constant("A"), make_facexbench(tmp_path / "f"))
    figures = result.scores.figures
    expression = result.scores.tables["by_group"]["attributes_expression/expression"]
    assert expression["accuracy"] == pytest.approx(100 * 4 / 7)
    assert expression["balanced_accuracy"] == pytest.approx(25)
    # Groups: one of four letters, none of two, one of two.
    assert figures["balanced_accuracy"].value == pytest.approx((25 + 0 + 50) / 3)
    assert figures["balanced_accuracy"].prior == pytest.approx((25 + 50 + 50) / 3)
    assert figures["accuracy"].prior == pytest.approx(100 * (4 + 2 + 1) / 12)


def test_face_human_bench_turns_options_and_asks_each_version(tmp_path):
    task = require_task("face-human-bench")
    found = task.read_items(make_fhb(tmp_path / "f"), Options())
    shown = [i for i in found.items if "face_expression_basic" in i.group]
    assert len(shown) == 48
    assert len({item.subject for item in shown}) == 24  # both versions are of one face
    # The right option always comes first in the file, and must not here.
    assert {item.truth for item in shown} == set("ABCD")
    assert all(item.options[ord(item.truth) - ord("A")] == "Fear" for item in shown)
    assert found.excluded == {"recognition": 5, "not an adult": 1}
    again = task.read_items(tmp_path / "f", Options())
    assert again.items == found.items


def test_face_human_bench_looks_at_the_pictures(tmp_path):
    task = require_task("face-human-bench")
    folder = make_fhb(tmp_path / "f")

    def see(visual, questions):
        place = round((float(visual.frames.mean()) - 20) / 60)
        words = {"expression": 0, "manipulated": 1, "people": 2, "age": 3}
        at = [next(n for word, n in words.items() if word in q) for q in questions]
        table = [["Fear", "yes", "2", "10"], ["", "no", "3", "20"], ["", "", "4", "30"]]
        table.append(["", "", "5", "40"])
        return [table[place][n] for n in at]

    result, _, answered = run_task(task, ChatAnswerer(see, "double"), folder)
    assert not answered.failures
    assert result.scores.figures["accuracy"].value == 100


def test_facebench_asks_follow_ups_that_the_true_answer_calls_for(tmp_path):
    task = require_task("facebench")
    found = task.read_items(make_facebench(tmp_path / "f"), Options())
    ids = {item.id for item in found.items}
    assert "facebench/test-drawn-0/beard_q0/beard_q1" in ids
    assert "facebench/test-drawn-3/beard_q0/beard_q3" in ids
    assert "facebench/test-drawn-3/beard_q0/beard_q1" not in ids
    assert found.excluded == {
        "follow-up of another answer": 2 + 3, "ancestry": 4, "identity": 4,
    }  # fmt: skip
    assert found.dropped == {"unreadable row": 4}


def test_a_follow_up_counts_only_below_a_right_answer(tmp_path):
    task = require_task("facebench")
    found = task.read_items(make_facebench(tmp_path / "f"), Options())
    answers = answer_rightly(found)
    answers["facebench/test-drawn-0/beard_q0"] = "No"
    figures = task.score(found.items, answers).figures
    assert figures["follow_up_accuracy"].value == 100
    assert figures["conditional_accuracy"].value == pytest.approx(100 * 5 / 7)


def test_facebench_headline_leaves_out_questions_with_one_answer(tmp_path):
    task = require_task("facebench")
    found = task.read_items(make_facebench(tmp_path / "f"), Options())
    # Whoever gives each question its most frequent answer is right in most, and at chance.
    said = {"beard_q0": "Yes", "beard_q2": "Dense", "beard_q3": "Clean", "eyes_q0": "Yes"}
    answers = {i.id: said.get(i.id.rpartition("/")[2], "Black") for i in found.items}
    figures = task.score(found.items, answers).figures
    assert figures["accuracy"].value == pytest.approx(100 * (3 + 2 + 1 + 4) / 12)
    assert figures["accuracy"].value == pytest.approx(figures["accuracy"].prior)
    assert figures["balanced_accuracy"].value == pytest.approx(50)
    assert figures["balanced_accuracy"].prior == pytest.approx(50)
    assert figures["open_exact"].value == pytest.approx(100 * 2 / 3)
    assert figures["open_exact"].prior == pytest.approx(100 * 2 / 3)


def test_lists_are_scored_by_f1_and_naming_everything_is_the_prior(tmp_path):
    task = require_task("facebench")
    found = task.read_items(make_facebench(tmp_path / "f"), Options())
    worn = [item for item in found.items if item.kind == "labels"]
    scores = task.score(worn, {item.id: "Hat; Scarf; Earrings" for item in worn})
    assert scores.figures["several_f1"].value == pytest.approx(100 * (0.5 + 3 * 0.8) / 4)
    assert scores.figures["several_f1"].prior == pytest.approx(scores.figures["several_f1"].value)
    assert scores.figures["several_exact"].value == 0
    assert np.isnan(scores.figures[task.headline].value)


@pytest.mark.skipif(
    not FACEBENCH.is_dir(), reason=f"the published example is not here: {FACEBENCH}"
)
def test_the_published_example_of_facebench_is_read_whole():
    task = require_task("facebench")
    found = task.read_items(FACEBENCH, Options())
    assert len(found.items) == 10
    assert not found.dropped
    assert sum(item.id.count("/") == 3 for item in found.items) == 8
    scores = task.score(found.items, answer_rightly(found))
    assert scores.figures["accuracy"].value == 100
    # One face: every question has one right answer, so nothing tells sight from a guess.
    assert np.isnan(scores.figures[task.headline].value)


@pytest.mark.parametrize("name", MAKERS)
def test_absent_pictures_count_as_wrong_and_are_listed(name, tmp_path):
    folder = MAKERS[name](tmp_path / name)
    task = require_task(name)
    found = task.read_items(folder, Options())
    truth = answer_rightly(found)
    gone = found.items[0].media.split(" | ")[0]
    next(p for p in folder.rglob(Path(gone).name) if p.as_posix().endswith(gone)).unlink()
    lost = {item.id for item in found.items if gone in item.media}
    said = {item.question: truth[item.id] for item in found.items}
    double = ChatAnswerer(lambda _, questions: [said[q.split("\n")[0]] for q in questions], "d")
    result, _, answered = run_task(task, double, folder)
    assert lost <= set(answered.failures)
    assert all("no such file" in answered.failures[id] for id in lost)
    assert lost <= set(result.scores.wrong_ids)


@pytest.mark.parametrize("task", CHOICE_TASKS, ids=lambda task: task.name)
def test_wrong_splits_and_empty_folders_are_refused(task, tmp_path):
    with pytest.raises(BadInput, match="no split 'train'"):
        task.read_items(tmp_path, Options(split="train"))
    with pytest.raises(BadInput):
        task.read_items(tmp_path, Options())


def test_doubled_questions_are_refused(tmp_path):
    path = make_facexbench(tmp_path / "x") / "benchmark" / "one_mcq.json"
    path.write_text(path.read_text().replace('"questions": {', '"questions": {"1": {}, '))
    with pytest.raises(BadInput, match="twice"):
        require_task("facexbench").read_items(tmp_path / "x", Options())
    lists = make_fhb(tmp_path / "h") / "data" / "Face-Human-Bench" / "test" / "json" / "en"
    table = json.loads((lists / "face_expression_basic.json").read_text())
    table["data"].append(table["data"][0])
    (lists / "face_expression_basic.json").write_text(json.dumps(table))
    with pytest.raises(BadInput, match="twice"):
        require_task("face-human-bench").read_items(tmp_path / "h", Options())
    path = make_facebench(tmp_path / "b") / "test.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    with pytest.raises(BadInput, match="twice"):
        require_task("facebench").read_items(tmp_path / "b", Options())


def test_files_of_another_shape_are_refused_by_name(tmp_path):
    folder = make_facexbench(tmp_path / "x")
    (folder / "benchmark" / "other.json").write_text("{}")
    with pytest.raises(BadInput, match=r"other\.json: has no field 'category'"):
        require_task("facexbench").read_items(folder, Options())
