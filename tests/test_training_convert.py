"""Converting: adapters merged, LLaVA in, shards put together; the best model kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlavaConfig, LlavaForConditionalGeneration

from lineament.cli.train import find_recipe, load_attribute
from lineament.errors import BadInput, BadModel
from lineament.model.hub import load
from lineament.model.lora import LoraSettings, add_lora
from lineament.training.best import KeepBest
from lineament.training.conversion import consolidate_shards, convert_llava, merge_adapters
from lineament.training.run import run_recipe
from lineament.training.start import load_trained, save_trained
from test_lora import TARGETS, disturb
from test_model_toys import (  # noqa: F401
    _one_thread,
    toy_batch,
    toy_config,
    toy_model,
    toy_processor,
    toy_tokenizer,
)
from test_training_processes_toys import run_in_two
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


SHARDING = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
torch.set_num_threads(1)
import torch.distributed as dist
import torch.distributed.checkpoint as checkpoint
from torch.distributed.tensor import DTensor
from lineament.training.objectives import Answers
from lineament.training.shard import open_mesh, shard_learner
from lineament.training.start import load_trained
from test_training_toys import toy_stage

folder = Path({folder!r})
model, processor = load_trained(folder)
learner = Answers(model, processor, toy_stage()).learner()
dist.init_process_group("gloo")
shard_learner(learner, open_mesh())
assert all(isinstance(weight, DTensor) for weight in learner.parameters())
checkpoint.save({{"model": learner.state_dict()}}, checkpoint_id=folder / "shards")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_shards_of_two_processes_become_a_model_that_loads(tmp_path: Path):
    model = toy_model()
    batch = toy_batch(model.config)
    folder = tmp_path / "checkpoint"
    save_trained(model, toy_processor(model.config), folder)
    tests = str(Path(__file__).resolve().parent)
    run_in_two(SHARDING.format(tests=tests, folder=str(folder)))
    assert len(list((folder / "shards").glob("*.distcp"))) == 2
    (folder / "model.safetensors").unlink()
    num_weights = consolidate_shards(folder / "shards", tmp_path / "whole")
    assert num_weights == model.num_parameters()
    loaded = load(tmp_path / "whole")
    assert torch.equal(loaded.model(**batch).logits, model.eval()(**batch).logits)
    assert loaded.processor.end_token_id == toy_processor(model.config).end_token_id


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_shards_that_make_no_model_are_refused(tmp_path: Path):
    import torch.distributed.checkpoint as checkpoint

    weights = toy_model().state_dict()
    weights.popitem()
    checkpoint.save({"model": weights}, checkpoint_id=tmp_path / "run" / "shards", no_dist=True)
    with pytest.raises(BadModel, match="no distributed checkpoint"):
        consolidate_shards(tmp_path / "run", tmp_path / "out")
    with pytest.raises(BadModel, match=r"no config\.json beside the shards"):
        consolidate_shards(tmp_path / "run" / "shards", tmp_path / "out")
    toy_model().config.save_pretrained(tmp_path / "run")
    with pytest.raises(BadModel, match="1 weights are missing"):
        consolidate_shards(tmp_path / "run" / "shards", tmp_path / "out")
    (tmp_path / "run" / "config.json").write_text('{"model_type": "other"}')
    with pytest.raises(BadModel, match=r"config\.json is none of ours"):
        consolidate_shards(tmp_path / "run" / "shards", tmp_path / "out")
    assert not (tmp_path / "out").exists()


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


def test_a_run_scores_its_models_with_their_own_processor_and_keeps_the_best(tmp_path: Path):
    scores, seen = iter([0.2, 0.9, 0.5, 0.4]), []

    def evaluate(model, processor) -> float:
        assert not model.training
        seen.append(processor)
        return next(scores)

    stages = (toy_stage("one", num_steps=4), toy_stage("two", num_steps=3))
    run_recipe(
        toy_recipe(*stages),
        tmp_path / "run",
        sources=TOY_SOURCES,
        evaluate=evaluate,
        evaluate_every=2,
    )
    row = json.loads((tmp_path / "run" / "best" / "score.json").read_text())
    assert row == {"score": 0.9, "step": 4, "stage": "0-one"}
    assert len(seen) == 4  # of the second stage, step 2 and the last one
    best = load(tmp_path / "run" / "best")
    assert best.processor.end_token_id == seen[0].end_token_id


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


@pytest.fixture
def llava(tmp_path) -> Path:
    """Save a small random LLaVA with its tokenizer."""
    vision = toy_config().face_config.to_dict()
    text = toy_config().text_config.to_dict() | {"tie_word_embeddings": False}
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=3)
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(tmp_path / "llava")
    toy_tokenizer().save_pretrained(tmp_path / "llava")
    return tmp_path / "llava"


def test_a_whole_llava_becomes_a_model_of_ours(llava, tmp_path):
    convert_llava(llava, tmp_path / "ours")
    table: Any = load(tmp_path / "ours").model.get_input_embeddings().weight
    weights = load_file(llava / "model.safetensors")
    (name,) = [name for name in weights if name.endswith("embed_tokens.weight")]
    assert torch.equal(table[: len(weights[name])], weights[name])


def test_a_folder_of_another_model_is_no_llava(tmp_path):
    save_trained(toy_model(), toy_processor(toy_model().config), tmp_path / "ours")
    with pytest.raises(BadModel, match=r"expected a LLaVA \(model_type llava\), got favchat"):
        convert_llava(tmp_path / "ours", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_llava_with_gaps_is_refused(llava, tmp_path):
    path = llava / "model.safetensors"
    weights = load_file(path)
    (name,) = [name for name in weights if name.endswith("linear_1.weight")]
    for changed, told in (
        ({k: v for k, v in weights.items() if k != name}, "1 missing weights, .*linear_1.weight"),
        ({**weights, name: torch.zeros(3, 5)}, "1 mismatched weights, .*linear_1.weight"),
    ):
        save_file(changed, path, {"format": "pt"})
        with pytest.raises(BadModel, match=told):
            convert_llava(llava, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    save_file({**weights, "older": torch.zeros(3)}, path, {"format": "pt"})
    assert convert_llava(llava, tmp_path / "out") > 0
