"""Painting: a stage with a discriminator that sharpens the decoder and leaves all codes alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from lineament.errors import BadModel
from lineament.training.journal import read_log
from lineament.training.recipe import Model, Recipe, Stage
from lineament.training.run import run_recipe
from lineament.training.tokenizer_objective import PaintingObjective, TokenizerProcessor
from test_image_tokenizer import toy_image_tokenizer, toy_tokenizer_config
from test_training_unified import SIZE_PX, SOURCES, TOKENIZER_SIZES, mix, root  # noqa: F401


def painting_recipe(root: Path, start: Path) -> Recipe:  # noqa: F811
    toy_image_tokenizer(image_size_px=SIZE_PX).save_pretrained(start)
    settings = toy_tokenizer_config(image_size_px=SIZE_PX).to_dict()
    changes = {name: value for name, value in settings.items() if name in TOKENIZER_SIZES}
    stage = Stage(
        name="painting",
        objective="painting",
        trainable=("decoder.*",),
        data=(mix(root, "portraits"),),
        learning_rates={"*": 1e-3},
        num_steps=6,
        batch_size=4,
        save_every=3,
    )
    model = Model(
        family="image-tokenizer", start=str(start), changes=json.loads(json.dumps(changes))
    )
    return Recipe(name="toy", model=model, stages=(stage,), log_every=1)


class StopAt(TrainerCallback):
    """Stops as a signal would."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Raise behind the fifth step; the checkpoint of the third is there."""
        if state.global_step == 5:
            raise KeyboardInterrupt
        return control


def test_codes_stay_and_the_decoder_learns(root, tmp_path):  # noqa: F811
    recipe = painting_recipe(root, tmp_path / "start")
    result = run_recipe(recipe, tmp_path / "run", sources=SOURCES)
    before = load_file(tmp_path / "start" / "model.safetensors")
    after = load_file(result.folder / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("decoder.") for name in changed)
    rows = [r for r in read_log(tmp_path / "run" / "log.jsonl") if r["set"] == "train"]
    assert {"adversarial", "discriminator"} <= rows[0]["by_kind"].keys()


def test_a_stopped_stage_goes_on_with_the_same_discriminator(root, tmp_path):  # noqa: F811
    recipe = painting_recipe(root, tmp_path / "start")
    whole = run_recipe(recipe, tmp_path / "whole", sources=SOURCES)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, tmp_path / "cut", sources=SOURCES, callbacks=[StopAt()])
    kept = load_file(tmp_path / "cut" / "0-painting" / "checkpoint-3" / "critic.safetensors")
    tokenizer = toy_image_tokenizer(image_size_px=SIZE_PX)
    objective = PaintingObjective(tokenizer, TokenizerProcessor(), recipe.stages[0])
    critic = objective.learner().critic
    assert critic is not None
    fresh = critic.state_dict()
    assert all(not torch.equal(kept[name], fresh[name]) for name in kept if "weight" in name)
    resumed = run_recipe(recipe, tmp_path / "cut", sources=SOURCES, resume=True)
    one, other = (load_file(r.folder / "model.safetensors") for r in (whole, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_without_its_discriminator_is_refused(root, tmp_path):  # noqa: F811
    recipe = painting_recipe(root, tmp_path / "start")
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, tmp_path / "cut", sources=SOURCES, callbacks=[StopAt()])
    (tmp_path / "cut" / "0-painting" / "checkpoint-3" / "critic.safetensors").unlink()
    with pytest.raises(BadModel, match="checkpoint-3"):
        run_recipe(recipe, tmp_path / "cut", sources=SOURCES, resume=True)
