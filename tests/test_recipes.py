"""Every recipe: builds without weights at full size, and runs two steps with shapes shrunk."""

from typing import Any

import pytest
import torch

from lineament.cli.train import load_attribute
from lineament.recipes import RECIPES, SOURCES
from lineament.training.estimate import build_on_meta, estimate_recipe
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.objectives import open_objective
from lineament.training.recipe import Mix, Model, Recipe
from lineament.training.run import run_recipe
from lineament.training.start import adapt_model, sized_config, start_model
from lineament.training.stream import Drawn
from test_model_toys import NUM_POINTS, _one_thread, toy_config  # noqa: F401
from test_training_toys import TOY_SOURCES, ToySource, toy_example

OURS = [
    "smoke", "favchat-full", "favchat-by-figure", "favchat-by-readme", "favchat-control",
    "llava-rs-full", "llava-rs-lora", "llava-rs-moe-lora",
]  # fmt: skip
TOWER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


def shrink(recipe: Recipe) -> Recipe:
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


@pytest.mark.parametrize("name", ["favchat-full", "favchat-by-figure", "llava-rs-full"])
def test_full_size_is_built_without_weights_and_every_glob_matches(name):
    recipe = find_recipe(name)
    costs = estimate_recipe(recipe, sized_config(recipe.model))
    assert [cost.stage for cost in costs] == [stage.name for stage in recipe.stages]
    assert all(cost.num_weights > 6e9 for cost in costs)
    assert all(0 < cost.num_trained < cost.num_weights for cost in costs)
    assert "GiB" in str(costs[0])


def test_meta_weights_take_no_memory():
    model = build_on_meta(sized_config(find_recipe("favchat-full").model))
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


@pytest.mark.parametrize("name", [name for name in OURS if name != "smoke"])
def test_gradients_reach_exactly_what_every_stage_trains(name):
    recipe = shrink(find_recipe(name))
    model, processor = start_model(recipe.model, [ToySource()], seed=0)
    for stage in recipe.stages:
        adapt_model(model, stage.lora, seed=0)
        trained = set(freeze(model, stage))
        groups = parameter_groups(model, stage)
        assert {n for group in groups for n in group["names"]} == trained
        objective = open_objective(stage, model, processor)
        learner = objective.learner().train()
        batch = objective.collate([Drawn(objective.encode(toy_example(i, 3))) for i in range(3)])
        model.zero_grad(set_to_none=True)
        outputs = learner(**{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)})
        (outputs["loss_sum"] / batch["num_items"] + outputs["extra"]).backward()
        reached = {n for n, p in model.named_parameters() if p.grad is not None}
        assert reached == trained, stage.name


@pytest.mark.parametrize("name", ["favchat-full", "llava-rs-full", "llava-rs-moe-lora"])
def test_a_shrunk_recipe_runs_two_steps_of_every_stage(name, tmp_path):
    recipe = shrink(find_recipe(name))
    result = run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    assert result.status == "done"
    assert result.num_steps == 2 * len(recipe.stages)
