"""Estimates: counts against models that are really built, arithmetic against sums by hand."""

import pytest
import torch

from lineament.cli.train import load_attribute
from lineament.config import override
from lineament.errors import BadInput
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.recipes import RECIPES
from lineament.training.estimate import (
    FRAMES,
    MFU,
    PEAK_FLOPS,
    active_weights,
    estimate_recipe,
    meta_model,
)
from lineament.training.recipe import Lora, Model
from lineament.training.start import start_model
from lineament.training.unified_start import unif2ace_config
from test_model_qwen import write_toy_qwen
from test_model_toys import _one_thread  # noqa: F401
from test_training_toys import ToySource, toy_recipe, toy_stage


def test_counts_are_those_of_the_model_that_a_run_builds():
    recipe = toy_recipe(toy_stage(trainable=("media.adapter.*",)))
    (cost,) = estimate_recipe(recipe)
    model, _ = start_model(recipe.model, [ToySource()], seed=0)
    assert model.config.text_config.vocab_size == recipe.model.vocab_size
    assert cost.num_weights == model.num_parameters()
    assert cost.num_trained == sum(p.numel() for p in model.media.adapter.parameters())
    assert cost.weights_gib == pytest.approx(4 * cost.num_weights / 2**30)
    assert cost.optimiser_gib == pytest.approx(12 * cost.num_trained / 2**30)


def test_the_shape_is_that_of_the_start_and_not_of_the_size(tmp_path):
    base = write_toy_qwen(tmp_path / "qwen", "qwen2_5_vl")
    recipe = load_attribute(RECIPES["favchat-qwen2.5-vl"])()
    whole = meta_model(recipe.model)
    settings = recipe.model.replace(start=str(base))
    assert meta_model(settings).config.text_config.hidden_size < 100
    assert whole.config.text_config.hidden_size == 3584


def test_arithmetic_of_a_frozen_decoder_is_four_a_weight_and_token():
    recipe = load_attribute(RECIPES["favchat-full"])()
    stage = recipe.stages[0]
    cost = estimate_recipe(recipe.replace(stages=(stage,)))[0]
    model = meta_model(recipe.model)
    num_samples = stage.total_steps * stage.batch_size
    tokens = num_samples * stage.row_tokens / 2
    reading = 4 * tokens * sum(p.numel() for p in model.language_model.parameters())
    seen = 0.0
    for tower in (model.media.general_encoder.tower, model.media.face_encoder.tower):
        patches = (tower.config.image_size // tower.config.patch_size) ** 2
        weights = sum(p.numel() for p in tower.parameters())
        seen += 2 * num_samples * FRAMES * patches * weights
    assert cost.petaflops == pytest.approx((reading + seen) / 1e15, rel=1e-6)
    assert cost.hours == pytest.approx((reading + seen) / PEAK_FLOPS / MFU / 3600, rel=1e-6)


def test_a_drawing_model_is_estimated_and_of_its_experts_those_that_work():
    recipe = load_attribute(RECIPES["unif2ace-full"])()
    (cost,) = estimate_recipe(recipe)
    with torch.device("meta"):
        model = UniF2aceForFaces(unif2ace_config(recipe.model, 0))
    routed = sum(p.numel() for name, p in model.named_parameters() if ".routed." in name)
    idle = routed * (1 - model.config.num_experts_per_token / model.config.num_experts)
    assert routed > 0
    assert active_weights(model) == pytest.approx(model.num_parameters() - idle)
    assert cost.num_weights == model.num_parameters()
    assert cost.num_trained > 0


def test_a_start_that_is_not_here_has_the_shape_of_its_size():
    settings = Model(size="full", start="nowhere/to-be-found")
    assert meta_model(settings).config.text_config.hidden_size >= 3584


def test_a_stage_may_have_other_adapters_than_the_one_before_it():
    recipe = load_attribute(RECIPES["favchat-full"])()
    costs = estimate_recipe(override(recipe, ["stages.emotion.lora.rank=32"]))
    before = {cost.stage: cost for cost in estimate_recipe(recipe)}
    assert costs[-1].num_trained < before["emotion"].num_trained
    # What a stage merges at its end is not counted behind it.
    plain, first, second = before["summaries"], before["questions-facts"], before["emotion"]
    assert first.num_weights == second.num_weights > plain.num_weights


def test_adapters_that_are_merged_are_gone_in_the_stage_behind():
    lora = Lora(targets=("language_model.*q_proj",), rank=2)
    stages = [toy_stage("one"), toy_stage("two", lora=lora), toy_stage("three")]
    one, two, three = estimate_recipe(toy_recipe(*stages))
    assert two.num_weights > one.num_weights == three.num_weights
    experts = stages[1].replace(lora=lora.replace(experts=2))
    one, two, three = estimate_recipe(toy_recipe(stages[0], experts, stages[2]))
    assert three.num_weights == two.num_weights > one.num_weights


def test_what_does_not_fit_a_stage_is_told_with_its_name():
    stage = toy_stage("two", lora=Lora(targets=("*.q_prij",)))
    with pytest.raises(BadInput, match=r"stages\.two\.lora\.targets"):
        estimate_recipe(toy_recipe(toy_stage("one"), stage))


def test_a_change_that_a_start_does_not_know_is_refused(tmp_path):
    base = write_toy_qwen(tmp_path / "qwen", "qwen3_vl")
    for settings in (Model(start=str(base), size="qwen3-vl"), Model(size="qwen3-vl")):
        with pytest.raises(
            BadInput, match=r"unknown key 'model\.changes\.text_config\.hiden_size'"
        ):
            meta_model(settings.replace(changes={"text_config": {"hiden_size": 32}}))
