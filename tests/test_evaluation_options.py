"""What a task has not is refused by name before anything is read, and label lists are read once."""

import json
from pathlib import Path

import numpy as np
import pytest

from lineament.cli.app import run
from lineament.errors import BadInput
from lineament.evaluation.answerer import Constant
from lineament.evaluation.item import Item, ItemSet, Visual
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks import dfec, vrsbench
from lineament.evaluation.tasks.lists import read_list
from lineament.evaluation.tasks.table import TASKS, require_task
from lineament.evaluation.tasks.task import Options, require_options
from scene_fixtures import MAKERS

ALL_WORDINGS = Options(with_phrasings=True)
# Every other task has one frozen wording of each question.
PHRASED = (
    "first-light", "rendered", "counterfactual", "dfew", "mafw", "ferv39k", "dfec", "celeba",
    "celebvhq",
)  # fmt: skip
FIXED = sorted(set(TASKS) - set(PHRASED))


@pytest.mark.parametrize("name", FIXED)
def test_all_wordings_are_refused_by_name_where_there_is_one(name, tmp_path):
    task = require_task(name)
    for ask in (
        lambda: task.read_items(tmp_path, ALL_WORDINGS),
        lambda: run_task(task, Constant("Yes."), tmp_path, options=ALL_WORDINGS),
    ):
        with pytest.raises(BadInput, match=f"^{name} has one wording of each question$") as error:
            ask()
        assert error.value.hint == "leave out --phrasings"


@pytest.mark.parametrize("name", PHRASED)
def test_tasks_that_take_all_wordings_have_several(name, tmp_path):
    task, make = require_task(name), MAKERS[name]
    if make is None:
        pytest.importorskip("skia")
    folder = tmp_path if make is None else make(tmp_path / "data")
    count = 12 if make is None else None
    found = task.read_items(folder, Options(with_phrasings=True, count=count))
    plain = task.read_items(folder, Options(count=count))
    assert {item.phrasing for item in plain.items} == {0}
    wordings = {item.phrasing for item in found.items}
    assert len(wordings) > 1
    assert wordings == set(range(len(wordings)))
    # Each question is asked in every wording, and in no two with the same words.
    assert len(found.items) == len(wordings) * len(plain.items)
    first, *_ = plain.items
    asked = [i.question for i in found.items if (i.media, i.group, i.kind) == _key(first)]
    assert len(set(asked)) >= len(wordings)


def _key(item: Item) -> tuple[str, str, str]:
    return item.media, item.group, item.kind


class Foreign:
    """A task of somebody else's, which knows of no wordings and asks in one all the same."""

    name, about, headline = "foreign", "one question", "score"
    needs_folder, splits, published = False, ("test",), ()

    def read_items(self, folder, options):
        item = Item("1", "x", "Is it?", "yes_no", True, "x")
        return ItemSet((item,), lambda media: Visual(np.zeros((1, 2, 2, 3), np.uint8)))

    def score(self, items, answers):
        return Scores({"score": Figure(1.0)})


def test_a_task_that_says_nothing_of_wordings_has_one():
    task = Foreign()
    assert run_task(task, Constant("Yes."), Path())[0].num_items == 1
    with pytest.raises(BadInput, match="foreign has one wording"):
        run_task(task, Constant("Yes."), Path(), options=ALL_WORDINGS)
    with pytest.raises(BadInput, match="foreign has no split 'val'"):
        run_task(task, Constant("Yes."), Path(), options=Options("val"))
    assert require_options(task, Options()) == "test"


@pytest.mark.parametrize(
    ("task", "arguments", "says"),
    [
        ("rsvqa-lr", ["--count", "3"], "rsvqa-lr draws nothing: --count is for tasks that do"),
        ("rsvqa-lr", ["--phrasings"], "rsvqa-lr has one wording of each question"),
        ("floodnet", ["--phrasings"], "floodnet has one wording of each question"),
        ("vrsbench", ["--phrasings"], "vrsbench has one wording of each question"),
        ("drawings", ["--phrasings"], "drawings has one wording of each question"),
        ("celeba-yes-no", ["--phrasings"], "celeba-yes-no has one wording of each question"),
        ("dfec", ["--split", "train"], "dfec has no split 'train'"),
        (
            "counterfactual", ["--compare", "a/one.jsonl", "--compare", "b/one.jsonl"],
            "--compare: a peer called 'one' is there already",
        ),
        (
            "counterfactual", ["--compare", "random.jsonl"],
            "--compare: a peer called 'random' is there already",
        ),
    ],
)  # fmt: skip
def test_the_command_says_so_before_data_or_a_model_are_opened(
    task, arguments, says, capsys, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("a model was loaded for a command that cannot be run")

    monkeypatch.setattr("lineament.cli.evaluate.find_answerers", refuse)
    given = ["eval", task, "--data", "nowhere", "--model", "chat-tiny", *arguments]
    assert run(given) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {says}"
    assert hint.startswith("hint: ")
    assert run([*given, "--write-items", "items.jsonl"]) == 2


def test_pages_of_papers_ask_nothing_and_stay(tmp_path, capsys):
    assert run(["eval", "paper:favchat", "--phrasings", "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "paper:favchat"


def test_a_list_of_rows_is_read_in_one_place_and_refused_by_name(tmp_path, monkeypatch):
    assert dfec.read_list is vrsbench.read_list is read_list
    path = tmp_path / "rows.json"
    path.write_text('[{"id": 1}, 2]', encoding="utf-8")
    assert read_list(path) == [{"id": 1}, 2]
    for text, says in (("[1", "not JSON"), ("{}", "expected a list, got dict"), ("é", "not JSON")):
        path.write_text(text, encoding="latin-1")
        with pytest.raises(BadInput, match=f"rows.json: {says}"):
            read_list(path)
    path.write_text(" " * 100 + "[]", encoding="utf-8")
    monkeypatch.setattr("lineament.evaluation.tasks.lists.LIMIT_JSON_BYTES", 50)
    with pytest.raises(BadInput, match="102 bytes, more than 50"):
        read_list(path)
