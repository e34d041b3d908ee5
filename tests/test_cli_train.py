"""``lineament train`` and ``lineament convert`` on the command line."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from lineament.cli.app import run
from lineament.cli.train import STOPPED, find_recipe, prepare_data
from lineament.config import write_recipe
from lineament.model.hub import load
from lineament.model.lora import LoraSettings, add_lora
from lineament.recipes.smoke import smoke
from lineament.training.recipe import Recipe
from lineament.training.start import save_trained
from test_lora import TARGETS
from test_model_toys import _one_thread, toy_model, toy_processor  # noqa: F401


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A file with two short stages of two steps."""
    recipe = smoke()
    stages = tuple(
        stage.replace(num_steps=2, validation=(), save_every=1, trainable=("*",), drop_streams={})
        for stage in recipe.stages
    )
    # The renderer's points are fewer than those that are found in pictures.
    changes = {**recipe.model.changes, "use_landmarks": False, "landmark_tokens": 0}
    model = recipe.model.replace(changes=changes, fit_landmarks=0)
    path = tmp_path_factory.mktemp("recipe") / "recipe.json"
    write_recipe(recipe.replace(model=model, stages=stages, num_workers=0), path)
    return path


def test_a_recipe_is_shown_without_a_folder(capsys):
    assert run(["train", "favchat-full", "--show", "--set", "seed=7"]) == 0
    assert Recipe.model_validate_json(capsys.readouterr().out).seed == 7


def test_a_run_needs_a_folder(capsys):
    assert run(["train", "smoke"]) == 2
    assert "--out: not set" in capsys.readouterr().err


def test_a_run_is_stopped_and_goes_on_to_its_end(tiny, tmp_path, capsys):
    out = ["--out", str(tmp_path / "run"), "--json"]
    assert run(["train", str(tiny), *out, "--pause-minutes", "0.0001"]) == STOPPED
    first = json.loads(capsys.readouterr().out)
    assert (first["status"], first["steps"]) == ("stopped", 1)
    assert run(["train", str(tiny), *out]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert run(["train", str(tiny), *out, "--resume"]) == 0
    last = json.loads(capsys.readouterr().out)
    assert (last["status"], last["steps"]) == ("done", 4)
    assert load(last["out"]).model.num_parameters() > 0


def test_the_best_model_by_an_evaluation_is_kept(tiny, tmp_path, capsys):
    words = ["train", str(tiny), "--out", str(tmp_path / "run"), "--json"]
    settings = {"task": "counterfactual", "count": 2, "every": 1}
    words += [f"--set=evaluation.{name}={value}" for name, value in settings.items()]
    assert run(words) == 0
    score = json.loads((tmp_path / "run" / "best" / "score.json").read_text())
    assert 0 <= score["score"] <= 1
    assert load(tmp_path / "run" / "best").model.num_parameters() > 0


@pytest.mark.parametrize(
    ("setting", "told"),
    [("task=counterfacual", "unknown evaluation.task"), ("task=first-light", "no folder")],
)
def test_an_evaluation_that_cannot_be_is_refused_first(tiny, tmp_path, capsys, setting, told):
    words = ["train", str(tiny), "--out", str(tmp_path / "run"), f"--set=evaluation.{setting}"]
    if "first-light" in setting:
        words.append(f"--set=evaluation.data={tmp_path}")
    assert run(words) == 2
    assert told in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("*/final"))


def test_adapters_are_merged(tmp_path, capsys):
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, rank=2))
    save_trained(model, toy_processor(model.config), tmp_path / "adapted")
    words = ["convert", "merge", str(tmp_path / "adapted"), str(tmp_path / "plain"), "--json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == toy_model().num_parameters()
    merged = dict(load(tmp_path / "plain").model.named_parameters())
    assert all(torch.equal(value, merged[name]) for name, value in toy_model().named_parameters())
    assert run(words) == 2
    assert "is there already" in capsys.readouterr().err


def test_every_kind_of_conversion_is_explained(capsys):
    assert run(["convert", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for kind in ("clip:", "llava:", "merge:", "consolidate:"):
        assert kind in told
    assert "shards" in told


AT_WORK: list[int] = []


def prepare_slowly(recipe, out, report):
    """Make one file, and find it there the next time; two at once would be seen."""
    del report
    AT_WORK.append(1)
    assert len(AT_WORK) == 1
    made = out / "made"
    if not made.is_file():
        time.sleep(0.3)
        made.write_text("x")
    AT_WORK.pop()
    return recipe


def test_processes_of_one_run_prepare_one_after_the_other(tmp_path):
    recipe = find_recipe("smoke").replace(prepare="test_cli_train:prepare_slowly")
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: prepare_data(recipe, tmp_path / "run"), range(3)))
    assert found == [recipe] * 3
    assert (tmp_path / "run" / "made").read_text() == "x"
