"""Every recipe: builds without weights at full size, and runs two steps with shapes shrunk."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineament.cli.train import Lookup, load_attribute
from lineament.recipes import RECIPES, SOURCES
from lineament.training.estimate import build_on_meta, estimate_recipe
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.journal import read_log
from lineament.training.label_objective import find_table
from lineament.training.labels import Labels
from lineament.training.objectives import open_objective
from lineament.training.recipe import Mix, Model, Recipe, Stage
from lineament.training.run import run_recipe
from lineament.training.start import adapt_model, sized_config, start_model
from lineament.training.stream import Drawn
from test_model_qwen import write_toy_qwen
from test_model_toys import NUM_POINTS, _one_thread, toy_config  # noqa: F401
from test_training_toys import TOY_SOURCES, ToySource, toy_example

QWEN = [
    "favchat-qwen2.5-vl", "favchat-qwen2.5-vl-control",
    "favchat-qwen3-vl", "favchat-qwen3-vl-control",
]  # fmt: skip
OURS = [
    "favchat-full", "favchat-by-figure", "favchat-by-readme", "favchat-control",
    "llava-rs-full", "llava-rs-lora", "llava-rs-moe-lora", *QWEN,
]  # fmt: skip
# As small as they are, these keep their shapes; data and points of a face are toys.
TINY = [name for name in RECIPES if name.startswith(("smoke", "chat-tiny", "scene-tiny"))]
# These have data and an objective of their own, and are tested in the files named here.
ELSEWHERE = {
    "draw-tiny": "test_training_unified",
    "draw-tiny-tokenizer": "test_training_unified",
    "unif2ace-full": "test_training_unified",
    "unif2ace-control": "test_training_unified",
}
TOWER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> dict[str, Path]:
    """Return small random Qwen-VLs."""
    sizes = {"qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}
    return {
        size: write_toy_qwen(tmp_path_factory.mktemp(kind), kind) for size, kind in sizes.items()
    }


def shrink(recipe: Recipe, bases: Mapping[str, Path]) -> Recipe:
    """Return a recipe with the same parts, globs and stages, and toy shapes and data."""
    changes: dict[str, Any] = {
        key: value
        for key, value in recipe.model.changes.items()
        if key in ("fusion", "use_face", "use_landmarks")
    }
    changes |= {
        "text_config": {
            "vocab_size": 320,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 1024,
        },
        "vision_config": TOWER | {"num_hidden_layers": 2},
        "token_grid": [2, 2],
        "num_landmarks": NUM_POINTS,
        "landmark_samples": toy_config().landmark_samples,
        "landmark_dim": 16,
    }
    if recipe.model.size != "llava":
        changes["face_config"] = TOWER | {"num_hidden_layers": 12}
    model = Model(size=recipe.model.size, vocab_size=320, tokenizer_examples=4, changes=changes)
    if recipe.model.size in bases:
        changes = {k: v for k, v in changes.items() if k not in ("text_config", "vision_config")}
        changes["face_config"] = {"model_type": "clip_vision_model", **changes["face_config"]}
        model = model.replace(start=str(bases[recipe.model.size]), changes=changes)
    toy = (Mix(source="toy"),)
    stages = tuple(
        stage.replace(
            data=toy,
            validation=(),
            num_steps=2,
            num_samples=0,
            batch_size=2,
            accumulate=1,
            row_tokens=200,
            lora=stage.lora and stage.lora.replace(rank=2, alpha=4.0),
        )
        for stage in recipe.stages
    )
    return recipe.replace(model=model, stages=stages, num_workers=0, precision="fp32")


def find_recipe(name: str) -> Recipe:
    return load_attribute(RECIPES[name])()


def test_every_name_of_the_tables_leads_somewhere():
    for place in (*RECIPES.values(), *SOURCES.values()):
        assert callable(load_attribute(place))
    assert set(OURS) <= set(RECIPES)


def test_every_recipe_has_a_test_of_its_gradients():
    assert set(RECIPES) == {*OURS, *TINY, *ELSEWHERE}
    for name, module in ELSEWHERE.items():
        tested = importlib.import_module(module).test_gradients_of_every_drawing_recipe
        assert name in tested.pytestmark[0].args[1]


@pytest.mark.parametrize("name", OURS)
def test_full_size_is_built_without_weights_and_every_glob_matches(name):
    recipe = find_recipe(name)
    costs = estimate_recipe(recipe)
    assert [cost.stage for cost in costs] == [stage.name for stage in recipe.stages]
    assert all(cost.num_weights > 6e9 for cost in costs)
    assert all(0 < cost.num_trained < cost.num_weights for cost in costs)
    assert "GiB" in str(costs[0])


def test_meta_weights_take_no_memory():
    model = build_on_meta(sized_config(find_recipe("favchat-full").model))
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def assert_reached(
    model: Any, learner: Any, batch: dict[str, Any], trained: set[str], stage: str
) -> None:
    """Let one batch teach, and see which weights it teaches."""
    model.zero_grad(set_to_none=True)
    outputs = learner(**{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)})
    (outputs["loss_sum"] / batch["num_items"] + outputs["extra"]).backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None}
    assert reached == trained, stage


@pytest.mark.parametrize("name", OURS)
def test_gradients_reach_exactly_what_every_stage_trains(name, bases):
    recipe = shrink(find_recipe(name), bases)
    model, processor = start_model(recipe.model, [ToySource()], seed=0)
    for stage in recipe.stages:
        adapt_model(model, stage.lora, seed=0)
        trained = set(freeze(model, stage))
        groups = parameter_groups(model, stage)
        assert {n for group in groups for n in group["names"]} == trained
        objective = open_objective(stage, model, processor)
        batch = objective.collate([Drawn(objective.encode(toy_example(i, 3))) for i in range(3)])
        assert_reached(model, objective.learner().train(), batch, trained, stage.name)


def toy_drawn(objective: Any, stage: Stage, index: int) -> Drawn:
    """Return a toy example with a label for every name that the stage learns."""
    example = toy_example(index, 3)
    if stage.objective == "labels":
        assert example.visual is not None
        shape = (len(example.visual.frames), len(find_table(stage).labels.names))
        states = np.random.default_rng(index).integers(0, 2, shape, np.int8)
        example = replace(example, labels=Labels(states, (1, 2)))
    return Drawn(objective.encode(example))


@pytest.mark.parametrize("name", TINY)
def test_gradients_reach_exactly_what_every_stage_of_a_tiny_recipe_trains(name):
    recipe = find_recipe(name)
    points = {"num_landmarks": NUM_POINTS, "landmark_samples": toy_config().landmark_samples}
    settings = recipe.model.replace(
        changes={**recipe.model.changes, **points}, fit_landmarks=0, tokenizer="", start="",
        parts={}, tokenizer_examples=4,
    )  # fmt: skip
    model, processor = start_model(settings, [ToySource()], seed=0)
    for stage in recipe.stages:
        stage = stage.replace(drop_streams={}, row_tokens=400)  # all streams are seen
        adapt_model(model, stage.lora, seed=0)
        trained = set(freeze(model, stage))
        parameter_groups(model, stage)
        objective = open_objective(stage, model, processor)
        batch = objective.collate([toy_drawn(objective, stage, i) for i in range(3)])
        assert_reached(model, objective.learner().train(), batch, trained, stage.name)


def test_the_smoke_recipe_runs_on_its_own_rendered_faces(tmp_path):
    recipe = find_recipe("smoke")
    stages = tuple(
        stage.replace(num_steps=2, validation_samples=2, save_every=1) for stage in recipe.stages
    )
    result = run_recipe(recipe.replace(stages=stages), tmp_path / "run", sources=Lookup())
    assert (result.status, result.num_steps, result.num_skipped) == ("done", 4, 0)
    losses = [row["loss"] for row in read_log(tmp_path / "run" / "log.jsonl")]
    assert all(0 < loss < 20 for loss in losses)


# The others differ from these in globs and streams, not in what is run.
QUICK = ("favchat-full", "llava-rs-moe-lora", "favchat-qwen2.5-vl", "favchat-qwen3-vl")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in OURS]
)
def test_a_shrunk_recipe_runs_two_steps_of_every_stage(name, tmp_path, bases):
    recipe = shrink(find_recipe(name), bases)
    result = run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    assert result.status == "done"
    assert result.num_steps == 2 * len(recipe.stages)


@pytest.mark.parametrize("name", ["favchat-by-figure", "favchat-by-readme"])
def test_no_published_stage_feeds_a_stream_that_none_trains(name):
    recipe = find_recipe(name)
    names = [n for n, _ in build_on_meta(sized_config(recipe.model)).named_parameters()]
    assert not any("landmark" in n for n in names)
    assert recipe.model.fit_landmarks == 0
