"""Runs: resumed bit by bit after kill -9, stopped by SIGTERM, frozen as told, errors at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lineament.errors import BadInput, LineamentError
from lineament.training.checkpoint import COMPLETE, find_checkpoint
from lineament.training.ending import DONE
from lineament.training.folder import claim_folder
from lineament.training.journal import read_log
from lineament.training.recipe import Lora, Mix, Recipe
from lineament.training.run import run_recipe
from test_model_toys import _one_thread  # noqa: F401
from test_training_processes_toys import SOURCES
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

TESTS = Path(__file__).resolve().parent
# A run in a process of its own, killed from inside behind a given step.
SCRIPT = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from transformers import TrainerCallback
from lineament.config import read_recipe
from lineament.training.recipe import Recipe
from lineament.training.run import run_recipe
from test_training_processes_toys import SOURCES

class Killer(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if args.output_dir.endswith({stage!r}) and state.global_step == {step}:
            os.kill(os.getpid(), signal.{signal})

recipe = read_recipe(Recipe, {recipe!r})
result = run_recipe(recipe, {out!r}, resume=True, sources=SOURCES, callbacks=[Killer()])
print(result.status)
"""


def four_stages(**changes) -> Recipe:
    first = toy_stage(
        "first",
        drop_streams={"face": 0.3, "landmarks": 0.3, "general": 0.2},
        ema=0.9,
        validation=(Mix(source="toy", options={"count": 3}),),
        validation_samples=3,
    )
    second = toy_stage(
        "second",
        trainable=("media.adapter.*", "language_model.*"),
        optimizer="muon",
        accumulate=2,
        weight_decay=0.1,
        num_steps=5,
        drop_streams={"face": 0.3},
    )
    third = toy_stage(
        "adapters",
        trainable=("media.adapter.*",),
        lora=Lora(targets=("language_model.*.q_proj",), rank=2, alpha=8.0, dropout=0.3),
        num_steps=4,
    )
    fourth = toy_stage(
        "labels",
        objective="labels",
        labels="test_training_processes_toys:TOY_TABLE",
        data=(Mix(source="labelled"),),
        trainable=("media.*",),
        drop_streams={"face": 0.3, "general": 0.2},
        num_steps=4,
    )
    return toy_recipe(first, second, third, fourth, **changes)


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def run_apart(recipe: Recipe, folder: Path, out: Path, *, stage="", step=0, kind="SIGKILL"):
    path = folder / "recipe.json"
    path.write_text(recipe.model_dump_json())
    code = SCRIPT.format(
        tests=str(TESTS), stage=stage, step=step, signal=kind, recipe=str(path), out=str(out)
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    torch.set_num_threads(1)
    assert run_recipe(four_stages(num_workers=2), out, sources=SOURCES).status == "done"
    return out


@pytest.mark.parametrize(
    ("stage", "step", "workers"),
    [
        pytest.param("0-first", 3, 2, marks=pytest.mark.long),
        ("1-second", 3, 1),
        ("2-adapters", 3, 1),
        pytest.param("3-labels", 3, 2, marks=pytest.mark.long),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(uninterrupted, tmp_path, stage, step, workers):
    out = tmp_path / "run"
    done = run_apart(four_stages(num_workers=2), tmp_path, out, stage=stage, step=step)
    assert done.returncode == -signal.SIGKILL, done.stderr
    checkpoint = find_checkpoint(out / stage)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-2"
    torch.set_num_threads(1)
    result = run_recipe(four_stages(num_workers=workers), out, resume=True, sources=SOURCES)
    assert (result.status, result.num_steps) == ("done", 19)
    whole, resumed = weights_of(uninterrupted), weights_of(out)
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
    logs = [read_log(folder / "log.jsonl") for folder in (uninterrupted, out)]
    steps = [[(row["stage"], row["step"], row["set"]) for row in log] for log in logs]
    assert steps[0] == steps[1]


def test_a_checkpoint_cut_short_is_passed_over(tmp_path):
    for step, is_whole in ((2, True), (4, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if is_whole:
            (folder / COMPLETE).touch()
    found = find_checkpoint(tmp_path)
    assert found is not None
    assert found.name == "checkpoint-2"


def test_sigterm_saves_and_the_run_goes_on_to_the_same_bits(uninterrupted, tmp_path):
    out = tmp_path / "run"
    done = run_apart(
        four_stages(num_workers=2), tmp_path, out, stage="1-second", step=1, kind="SIGTERM"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["stopped"]
    checkpoint = find_checkpoint(out / "1-second")
    assert checkpoint is not None
    assert run_recipe(four_stages(), out, resume=True, sources=SOURCES).status == "done"
    whole, resumed = weights_of(uninterrupted), weights_of(out)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_only_what_a_stage_names_changes(tmp_path):
    seen = {}

    def build(recipe, sources):
        from lineament.training.start import start_model

        model, processor = start_model(recipe.model, sources["toy"], seed=0)
        seen.update({name: value.clone() for name, value in model.state_dict().items()})
        return model, processor

    stage = toy_stage(trainable=("media.adapter.*", "*.layers.1.mlp.*"), num_steps=2)
    run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES, build_model=build)
    after = weights_of(tmp_path / "run")
    changed = {name for name in after if not torch.equal(after[name], seen[name])}
    assert changed
    assert all(n.startswith("media.adapter.") or ".layers.1.mlp." in n for n in changed)
    assert any(".layers.1.mlp." in name for name in changed)


def test_accumulated_parts_give_the_step_of_the_whole_batch(tmp_path):
    finals = []
    for parts in (1, 2):
        changes = {"accumulate": parts, "num_steps": 3}
        recipe = toy_recipe(toy_stage(**changes))
        text = recipe.model.changes["text_config"] | {"attention_dropout": 0.0}
        model = recipe.model.replace(
            changes=recipe.model.changes | {"text_config": text, "fusion": "concat"}
        )
        out = tmp_path / str(parts)
        run_recipe(recipe.replace(model=model), out, sources=TOY_SOURCES)
        finals.append(weights_of(out))
    for name, whole in finals[0].items():
        torch.testing.assert_close(whole, finals[1][name], atol=2e-4, rtol=1e-3)


def test_bad_samples_are_skipped_counted_and_named(tmp_path):
    data = (Mix(source="toy", options={"count": 5, "bad": [1, 3]}),)
    result = run_recipe(toy_recipe(toy_stage(data=data)), tmp_path / "run", sources=TOY_SOURCES)
    assert result.status == "done"
    assert result.num_skipped > 0
    rows = read_log(tmp_path / "run" / "skipped.jsonl")
    assert {row["id"] for row in rows} == {"example 1", "example 3"}
    assert {row["reason"] for row in rows} == {"toy 1 is broken", "toy 3 is broken"}
    assert len(rows) == result.num_skipped


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": (Mix(source="toy", options={"count": 0}),)}, "stages.all: no data in 'toy'"),
        ({"data": (Mix(source="toi"),)}, "'toi': neither a built data set nor a source"),
        ({"trainable": ("media.adaptor.*",)}, "'media.adaptor.*' matches no weight"),
        ({"learning_rates": {"media.*": 1e-3}}, "no glob gives its rate"),
        ({"learning_rates": {"*": 1e-3, "head.*": 1.0}}, "'head.*' matches no weight"),
        ({"objective": "answer"}, "unknown objective 'answer'"),
        ({"num_steps": 0}, "num_samples or num_steps"),
        ({"accumulate": 3}, "3 does not divide 4"),
        ({"row_tokens": 10}, "longer than 10"),
        ({"validation": (Mix(source="toi"),)}, "'toi': neither a built data set nor a source"),
        ({"lora": Lora(targets=("*.q_prij",))}, "stages.all.lora.targets: '*.q_prij' matches no"),
        ({"objective": "labels", "labels": "nowhere:TABLE"}, "'nowhere:TABLE' is no table"),
        ({"objective": "labels"}, "no labels to learn"),
    ],
)
@pytest.mark.parametrize("num_before", [0, 2])
def test_a_stage_that_cannot_run_is_refused_before_any_trains(
    tmp_path, changes, message, num_before
):
    before = [toy_stage(f"good {number}", num_steps=1) for number in range(num_before)]
    recipe = toy_recipe(*before, toy_stage(**changes))
    with pytest.raises(LineamentError) as caught:
        run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    assert message in caught.value.message
    assert not (tmp_path / "run").exists()


def test_stages_follow_adapters_that_stay_and_adapters_that_are_merged(tmp_path):
    targets = ("language_model.*.q_proj",)
    experts = Lora(targets=targets, rank=2, experts=2)
    stages = (
        toy_stage("merged", lora=Lora(targets=targets, rank=2), num_steps=1),
        toy_stage("experts", lora=experts, num_steps=1),
        toy_stage("kept", trainable=("language_model.*.lora_A.*",), num_steps=1),
    )
    result = run_recipe(toy_recipe(*stages), tmp_path / "run", sources=TOY_SOURCES)
    assert result.status == "done"
    kept = toy_stage("kept", trainable=("language_model.*.lora_A.*",), num_steps=1)
    with pytest.raises(BadInput, match=r"lora_A\.\*' matches no weight"):
        run_recipe(toy_recipe(stages[0], kept), tmp_path / "other", sources=TOY_SOURCES)


def test_two_stages_of_one_name_are_refused(tmp_path):
    with pytest.raises(BadInput, match="stages: 2 of them are named 'all'"):
        run_recipe(toy_recipe(toy_stage(), toy_stage()), tmp_path / "run", sources=TOY_SOURCES)


def test_samples_longer_than_the_model_can_read_are_refused_before_any_stage(tmp_path):
    recipe = toy_recipe(toy_stage("labels"), toy_stage("words", row_tokens=0))
    labels = {"objective": "labels", "labels": "test_training_processes_toys:TOY_TABLE"}
    first = recipe.stages[0].replace(data=(Mix(source="labelled"),), trainable=("media.*",))
    text = recipe.model.changes["text_config"] | {"max_position_embeddings": 16}
    model = recipe.model.replace(changes=recipe.model.changes | {"text_config": text})
    recipe = recipe.replace(model=model, stages=(first.replace(**labels), recipe.stages[1]))
    with pytest.raises(LineamentError, match="tokens, longer than 16"):
        run_recipe(recipe, tmp_path / "run", sources=SOURCES)
    assert not (tmp_path / "run").exists()


def test_a_folder_with_another_run_is_refused(tmp_path):
    recipe = toy_recipe(toy_stage(num_steps=1))
    run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    with pytest.raises(BadInput, match="holds a run already"):
        run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    other = recipe.replace(seed=1)
    with pytest.raises(BadInput, match="seed was 0, now 1"):
        run_recipe(other, tmp_path / "run", resume=True, sources=TOY_SOURCES)


@pytest.mark.parametrize(
    ("names", "steps", "told"),
    [
        (("one", "two"), 3, "stages.0.num_steps was 2, now 3"),
        (("one",), 2, "stages had 2 entries, now 1"),
        (("one", "other" * 90), 2, "stages.1.name was 'two', now ..."),
    ],
)
def test_the_setting_that_differs_is_named_and_a_long_one_is_cut(tmp_path, names, steps, told):
    first = toy_recipe(toy_stage("one", num_steps=2), toy_stage("two", num_steps=2))
    claim_folder(first, tmp_path, resume=False)
    other = toy_recipe(*(toy_stage(name, num_steps=steps) for name in names))
    with pytest.raises(BadInput) as caught:
        claim_folder(other, tmp_path, resume=True)
    assert caught.value.message.endswith(told)


def test_a_stage_ends_when_its_time_is_over_and_the_next_one_begins(tmp_path):
    stages = (toy_stage("one", num_steps=500, max_minutes=0.02), toy_stage("two", num_steps=2))
    began = time.monotonic()
    result = run_recipe(toy_recipe(*stages), tmp_path / "run", sources=TOY_SOURCES)
    assert result.status == "done"
    assert time.monotonic() - began < 60
    row = json.loads((tmp_path / "run" / "0-one" / DONE).read_text())
    assert 0 < row["steps"] < 500
    assert result.num_steps == row["steps"] + 2


def test_the_log_tells_losses_by_kind_and_level_and_validation(uninterrupted):
    rows = read_log(uninterrupted / "log.jsonl")
    train = [row for row in rows if row["set"] == "train" and row["stage"] == "first"]
    assert [row["step"] for row in train] == [2, 4, 6]
    assert {"yes_no", "color", "timed"} >= set(train[0]["by_kind"]) != set()
    assert set(train[0]["by_level"]) <= {"1", "3"}
    assert len(train[0]["expert_use"]) == 4
    assert sum(train[0]["expert_use"]) == pytest.approx(1.0)
    (held_out,) = [row for row in rows if row["set"] == "validation"]
    assert held_out["stage"] == "first"
    assert held_out["loss"] > 0
    by_kind = held_out["expert_use_by_kind"]
    assert set(by_kind) == set(held_out["by_kind"])
    assert all(sum(shares) == pytest.approx(1.0) for shares in by_kind.values())
    lines = (uninterrupted / "experts.csv").read_text().splitlines()
    assert lines[0] == "stage,step,kind,expert,share"
    assert len(lines) == 1 + 4 * len(by_kind)


def test_every_final_model_holds_its_recipe_and_loads_again(uninterrupted):
    from lineament.config import read_recipe
    from lineament.model.hub import load

    saved = read_recipe(Recipe, uninterrupted / "model" / "recipe.json")
    assert saved == four_stages(num_workers=2)
    loaded = load(uninterrupted / "model")
    assert loaded.model.config.model_type == "favchat"
    assert loaded.model.generation_config.eos_token_id == loaded.processor.end_token_id
