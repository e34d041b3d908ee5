"""Face tasks: who always says the same has chance in the headline; yes-bias and gaps are found."""

from pathlib import Path

import pytest

from lineament.evaluation.answerer import Constant
from lineament.evaluation.item import Item
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.attribute_files import celeba_labels
from lineament.evaluation.tasks.attributes import ATTRIBUTE_TASKS
from lineament.evaluation.tasks.label_table import words_of
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.vocabulary import read_label_sets
from test_eval_faces_attributes import CELEBA_NAMES
from test_eval_faces_attributes import MAKERS as ATTRIBUTE_MAKERS
from test_eval_faces_choices import MAKERS as CHOICE_MAKERS
from test_eval_faces_choices import write_fhb


def name_everything(layout: str) -> str:
    """Return an answer that names every label of a set."""
    sets = read_label_sets().lists
    parts = ("appearance", "action", "emotion") if layout == "celebvhq" else ()
    labels = [name for part in parts for name in sets[f"celebvhq_{part}"]] or celeba_labels()
    return ", ".join(words_of(label)[0] for label in labels)


@pytest.mark.parametrize("task", ATTRIBUTE_TASKS, ids=lambda task: task.name)
def test_any_constant_is_worth_half_in_the_headline_of_attributes(task, tmp_path):
    folder = ATTRIBUTE_MAKERS[task.layout](tmp_path / "set")
    constants = ["Yes.", "No."]
    if task.form == "list":
        constants = [name_everything(task.layout), "none"]
        if task.layout == "celeba":
            constants += ["no beard, young", "male"]
    for text in constants:
        figures = run_task(task, Constant(text), folder)[0].scores.figures
        for name in ("balanced_accuracy", "appearance/balanced_accuracy"):
            if name in figures:
                assert figures[name].value == pytest.approx(0.5), text
                assert figures[name].prior == 0.5
        assert figures[task.headline].value == pytest.approx(0.5), text
    for text in ("", "I cannot tell.", "talk, neutral, no beard"):
        figures = run_task(task, Constant(text), folder)[0].scores.figures
        assert figures[task.headline].value <= 0.5 + 1e-9, text


def ask_by_group(task, items) -> dict[str, list[Item]]:
    """Return the items of each group in which sight can be told from a guess."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.kind == "choice":
            groups.setdefault(item.group, []).append(item)
    table = task.score(items, {}).tables["by_group"]
    return {n: own for n, own in groups.items() if table[n]["balanced_accuracy"] is not None}


@pytest.mark.parametrize("name", CHOICE_MAKERS)
def test_the_best_constant_of_each_group_has_the_prior_and_none_has_more(name, tmp_path):
    task = require_task(name)
    found = task.read_items(CHOICE_MAKERS[name](tmp_path / name), Options())
    best: dict[str, float] = {}
    said: dict[str, str] = {}
    for group, own in ask_by_group(task, found.items).items():
        constants = {"A", "B", "C", "D", *(option for item in own for option in item.options)}
        scores = {
            text: task.score(own, dict.fromkeys([item.id for item in own], text))
            .figures[task.headline].value
            for text in sorted(constants)
        }  # fmt: skip
        best[group] = max(scores.values())
        answer = max(scores, key=scores.__getitem__)
        said |= {item.id: answer for item in own}
    figure = task.score(found.items, said).figures[task.headline]
    assert best
    assert figure.value == pytest.approx(figure.prior)
    assert figure.prior == pytest.approx(sum(best.values()) / len(best))


def test_neither_a_letter_nor_a_word_wins_where_two_options_are_turned_round(tmp_path):
    rows = [("Is it real?", ["yes", "no"], int(n % 4 == 0), ["drawn"]) for n in range(32)]
    write_fhb(tmp_path, "face_attack_digital_identity_swap", rows)
    task = require_task("face-human-bench")
    for text in ("A", "B", "yes", "no"):
        figures = run_task(task, Constant(text), tmp_path)[0].scores.figures
        assert figures[task.headline].value == pytest.approx(50), text
        assert figures[task.headline].prior == pytest.approx(50)
    # Three in four are real, and whoever says so to all is far above half in plain accuracy.
    figures = run_task(task, Constant("yes"), tmp_path)[0].scores.figures
    assert (
        figures["accuracy"].value == pytest.approx(75) == pytest.approx(figures["accuracy"].prior)
    )


def test_what_is_right_always_and_everywhere_tells_no_guess_from_sight(tmp_path):
    faces = ["Fear", "Disgust", "Happiness", "Sadness"]
    rows = [("What is the expression?", faces, 0, {"expression": "Fear"})] * 12
    write_fhb(tmp_path, "face_expression_basic", rows)
    task = require_task("face-human-bench")
    figures = run_task(task, Constant("Fear"), tmp_path)[0].scores.figures
    assert figures["accuracy"].value == 100 == figures["accuracy"].prior
    headline = figures[task.headline].value
    assert headline != headline


def make_two_groups(folder: Path) -> Path:
    """Write 48 rows of CelebA: half of each sex, half of each old, half of all smile."""
    folder.mkdir()
    rows, parts = [], []
    for number in range(48):
        held = {"Male": number < 24, "Young": number % 4 < 2, "Smiling": number % 2 == 0}
        values = " ".join("1" if held.get(name) else "-1" for name in CELEBA_NAMES)
        rows.append(f"{number + 1:06d}.jpg {values}")
        parts.append(f"{number + 1:06d}.jpg 2")
    head = [str(len(rows)), " ".join(CELEBA_NAMES)]
    (folder / "list_attr_celeba.txt").write_text("\n".join([*head, *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return folder


@pytest.mark.parametrize("name", ["celeba", "celeba-yes-no"])
def test_gaps_between_groups_are_found_by_the_sets_own_labels(name, tmp_path):
    task = require_task(name)
    found = task.read_items(make_two_groups(tmp_path / "set"), Options())
    assert {item.audit["sex"] for item in found.items} == {"male", "female"}
    assert {item.audit["age"] for item in found.items} == {"young", "not young"}
    answers = {}
    for item in found.items:
        is_known = item.audit["sex"] == "male"  # of women it always sees a smile
        if item.kind == "yes_no":
            is_smile = item.name == "smile" and not is_known
            answers[item.id] = "Yes." if item.truth or is_smile else "No."
        else:
            said = set(item.truth) | (set() if is_known else {"smile"})
            answers[item.id] = ", ".join(words_of(label)[0] for label in sorted(said)) or "none"
    scores = task.score(found.items, answers)
    gap = scores.tables["gaps"]["sex"]["appearance/smile"]
    assert gap["by_value"]["male"] == {"num_items": 24, "num_positives": 12, "value": 1.0}
    assert gap["by_value"]["female"] == {"num_items": 24, "num_positives": 12, "value": 0.5}
    assert gap["gap"] == 0.5
    assert scores.tables["gaps"]["age"]["appearance/smile"]["gap"] == 0.0
    # Nobody of one sex has the other's label, and a rare label tells nothing of a group.
    assert scores.tables["gaps"]["sex"]["appearance/male"]["gap"] is None
    assert scores.tables["gaps"]["sex"]["appearance/bald"]["gap"] is None


def test_the_yes_bias_of_attributes_is_what_is_said_less_what_is_right(tmp_path):
    task = require_task("celeba-yes-no")
    found = task.read_items(make_two_groups(tmp_path / "set"), Options())
    share = sum(item.truth for item in found.items) / len(found.items)
    for word, bias in (("Yes.", 1 - share), ("No.", -share)):
        figures = task.score(found.items, {item.id: word for item in found.items}).figures
        assert figures["yes_bias"].value == pytest.approx(bias)
    right = {item.id: "Yes." if item.truth else "No." for item in found.items}
    assert task.score(found.items, right).figures["yes_bias"].value == 0
    lists = require_task("celeba").read_items(tmp_path / "set", Options()).items
    assert "yes_bias" not in require_task("celeba").score(lists, {}).figures
