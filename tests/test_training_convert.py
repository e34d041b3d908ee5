"""Converting: adapters merged, LLaVA in, shards put together; the best model kept."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lineament.cli.train import find_recipe, load_attribute
from lineament.errors import BadInput, BadModel
from lineament.model.hub import load
from lineament.model.lora import LoraSettings, add_lora
from lineament.training.best import KeepBest
from lineament.training.conversion import consolidate_shards, merge_adapters
from lineament.training.run import run_recipe
from lineament.training.start import load_trained, save_trained
from test_lora import TARGETS, disturb
from test_model_toys import _one_thread, toy_batch, toy_model, toy_processor  # noqa: F401
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage


@pytest.mark.parametrize("experts", [1, 3])
def test_adapters_are_saved_and_loaded_with_the_model(tmp_path: Path, experts):
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, rank=2, experts=experts))
    disturb(model)
    batch = toy_batch(model.config)
    save_trained(model, toy_processor(model.config), tmp_path / "adapted")
    loaded, _ = load_trained(tmp_path / "adapted")
    assert torch.equal(loaded.eval()(**batch).logits, model.eval()(**batch).logits)


def test_merged_model_is_a_plain_one_with_the_same_logits(tmp_path: Path):
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, rank=2))
    disturb(model)
    batch = toy_batch(model.config)
    expected = model.eval()(**batch).logits
    save_trained(model, toy_processor(model.config), tmp_path / "adapted")
    assert merge_adapters(tmp_path / "adapted", tmp_path / "plain") == toy_model().num_parameters()
    logits = load(tmp_path / "plain").model(**batch).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(BadInput, match="has no adapters"):
        merge_adapters(tmp_path / "plain", tmp_path / "again")


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_shards_become_one_file_with_the_models_names(tmp_path: Path):
    import torch.distributed.checkpoint as checkpoint

    model = toy_model()
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    checkpoint.save({"model": weights}, checkpoint_id=tmp_path / "shards", no_dist=True)
    consolidate_shards(tmp_path / "shards", tmp_path / "whole")
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    assert set(whole) <= set(model.state_dict())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in whole.items())
    assert sum(value.numel() for value in whole.values()) >= model.num_parameters()
    with pytest.raises(BadModel, match="no distributed checkpoint"):
        consolidate_shards(tmp_path / "whole", tmp_path / "other")


def test_the_best_scored_model_is_kept(tmp_path: Path):
    scores = iter([0.2, 0.9, 0.5])
    keep = KeepBest(
        lambda model, _: next(scores),
        toy_processor(toy_model().config),
        tmp_path / "best",
        every=2,
    )
    recipe = toy_recipe(toy_stage(num_steps=6))
    run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES, callbacks=[keep])
    row = json.loads((tmp_path / "best" / "score.json").read_text())
    assert (row["score"], row["step"], row["stage"]) == (0.9, 4, "0-all")
    assert (
        load(tmp_path / "best").model.num_parameters()
        == load(tmp_path / "run" / "model").model.num_parameters()
    )


def test_a_lora_stage_ends_as_a_plain_model_and_only_its_layers_moved(tmp_path: Path):
    from lineament.training.recipe import Lora

    lora = Lora(targets=TARGETS, rank=2, alpha=4.0)
    stage = toy_stage(lora=lora, trainable=("media.adapter.*",), num_steps=2)
    seen: dict[str, torch.Tensor] = {}

    def build(recipe, sources):
        from lineament.training.start import start_model

        model, processor = start_model(recipe.model, sources["toy"], seed=0)
        seen.update({name: value.clone() for name, value in model.state_dict().items()})
        return model, processor

    run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES, build_model=build)
    after = load(tmp_path / "run" / "model").model.state_dict()
    moved = {name for name in after if not torch.equal(after[name], seen[name])}
    in_language = {name for name in moved if name.startswith("language_model")}
    assert in_language
    assert all("q_proj" in name or "v_proj" in name for name in in_language)


def test_recipes_are_found_by_name_and_by_file(tmp_path: Path):
    smoke = find_recipe("smoke")
    path = tmp_path / "recipe.json"
    path.write_text(smoke.model_dump_json())
    assert find_recipe(str(path)) == smoke
    assert find_recipe(str(tmp_path)) == smoke
    with pytest.raises(BadInput) as caught:
        find_recipe("smok")
    assert caught.value.hint == "did you mean 'smoke'?"
    assert callable(load_attribute("lineament.recipes.smoke:smoke"))
