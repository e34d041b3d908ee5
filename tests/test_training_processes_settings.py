"""Settings of a run in a real step: guards, 16 bits, kept features, and what a run leaves."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import TrainerCallback

from lineament.config import read_recipe
from lineament.errors import BadInput
from lineament.training.ending import DONE
from lineament.training.journal import read_log
from lineament.training.recipe import Lora, Recipe
from lineament.training.rehearsal import rehearse
from lineament.training.run import run_recipe
from lineament.training.start import adapt_model
from test_model_toys import _one_thread, toy_model, toy_processor  # noqa: F401
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

FROZEN_EYES = ("media.adapter.*", "language_model.*")


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


class Spoiler(TrainerCallback):
    """Multiplies the loss of some steps, and keeps the weights around every step."""

    def __init__(self, factors: dict[int, float]) -> None:
        self.factors, self.moved = factors, {}
        self.handle: Any = None
        self.before: list[torch.Tensor] = []

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        learner: nn.Module = kwargs["model"]
        self.before = [weight.detach().clone() for weight in learner.parameters()]
        factor = self.factors.get(state.global_step + 1, 1.0)

        def spoil(module: nn.Module, inputs: Any, outputs: dict[str, Any]) -> dict[str, Any]:
            return outputs | {"loss_sum": outputs["loss_sum"] * factor}

        self.handle = learner.register_forward_hook(spoil)

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.handle.remove()
        pairs = zip(self.before, kwargs["model"].parameters(), strict=True)
        self.moved[state.global_step] = any(not torch.equal(old, new) for old, new in pairs)


def test_steps_without_a_number_or_with_a_spike_leave_the_weights_and_are_written(tmp_path):
    spoiler = Spoiler({5: float("nan"), 24: 1e6})
    stage = toy_stage(num_steps=25, batch_size=2, save_every=100, schedule="constant")
    run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES, callbacks=[spoiler])
    assert [step for step, moved in spoiler.moved.items() if not moved] == [5, 24]
    rows = [row for row in read_log(tmp_path / "run" / "log.jsonl") if row["set"] == "left_out"]
    assert [row["step"] for row in rows] == [5, 24]
    assert rows[0]["grad_norm"] == "nan"
    assert float(rows[1]["grad_norm"]) > 1e3
    assert json.loads((tmp_path / "run" / "0-all" / DONE).read_text())["left_out"] == 2


class Looker(TrainerCallback):
    """Looks at the model in every step and at the newest checkpoint."""

    def __init__(self, look=lambda model: None) -> None:
        self.look, self.seen, self.recipes = look, [], []

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        self.seen.append(self.look(kwargs["model"].model))

    def on_save(self, args, state, control, **kwargs) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self.recipes.append(read_recipe(Recipe, folder / "recipe.json"))


def test_a_run_leaves_its_recipe_in_checkpoints_and_plots_and_events_where_asked(tmp_path):
    pytest.importorskip("matplotlib")
    recipe = toy_recipe(toy_stage(num_steps=2), use_plots=True, use_tensorboard=True)
    looker = Looker()
    run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES, callbacks=[looker])
    assert looker.recipes == [recipe]
    assert (tmp_path / "run" / "losses.png").read_bytes()[:4] == b"\x89PNG"
    assert "all,2,train,all," in (tmp_path / "run" / "losses.csv").read_text()
    (events,) = (tmp_path / "run" / "tensorboard" / "all").glob("events.out.tfevents.*")
    assert b"grad_norm" in events.read_bytes()


def test_a_run_in_16_bits_computes_in_them_and_keeps_weights_in_32(tmp_path):
    dtypes = set()

    def watch(model: Any) -> None:
        layer = model.language_model.get_decoder().layers[0].mlp.up_proj
        layer.register_forward_hook(lambda _, __, output: dtypes.add(output.dtype))

    curves = []
    for precision in ("fp32", "bf16"):
        recipe = toy_recipe(toy_stage(num_steps=2), precision=precision, log_every=1)
        out = tmp_path / precision
        run_recipe(recipe, out, sources=TOY_SOURCES, callbacks=[Looker(watch)])
        curves.append([row["loss"] for row in read_log(out / "log.jsonl")])
        assert {value.dtype for value in weights_of(out).values()} == {torch.float32}
        assert dtypes == {torch.float32 if precision == "fp32" else torch.bfloat16}
        dtypes.clear()
    assert curves[0] != curves[1]
    assert curves[1] == pytest.approx(curves[0], rel=2e-2)


def test_kept_features_give_the_same_run_and_are_not_computed_again(tmp_path, monkeypatch):
    encoders = set()
    for name, folder in (("computed", ""), ("kept", str(tmp_path / "features"))):
        stage = toy_stage(trainable=FROZEN_EYES, num_steps=3, cache_features=folder)
        looker = Looker(lambda model: encoders.add(type(model.media.general_encoder)))
        run_recipe(toy_recipe(stage), tmp_path / name, sources=TOY_SOURCES, callbacks=[looker])
    computed, kept = weights_of(tmp_path / "computed"), weights_of(tmp_path / "kept")
    for name, value in computed.items():
        torch.testing.assert_close(kept[name], value, atol=1e-4, rtol=1e-4)
    (encoder,) = encoders

    def refuse(self: Any, pixel_values: torch.Tensor) -> torch.Tensor:
        assert not len(pixel_values), "a picture is encoded again"
        return torch.zeros(0)

    monkeypatch.setattr(encoder, "forward", refuse)
    stage = toy_stage(trainable=FROZEN_EYES, num_steps=3, cache_features=str(tmp_path / "features"))
    run_recipe(toy_recipe(stage), tmp_path / "again", sources=TOY_SOURCES)
    again = weights_of(tmp_path / "again")
    assert all(torch.equal(again[name], value) for name, value in kept.items())


def test_activations_are_computed_twice_only_in_the_stage_that_says_so(tmp_path):
    stages = [
        toy_stage(name, num_steps=1, use_checkpointing=name == "thrifty")
        for name in ("first", "thrifty", "last")
    ]
    looker = Looker(lambda model: model.is_activation_checkpointing)
    run_recipe(toy_recipe(*stages), tmp_path / "run", sources=TOY_SOURCES, callbacks=[looker])
    assert looker.seen == [False, True, False]


def test_a_run_resumed_amid_adapters_knows_the_stages_behind_them():
    lora = Lora(targets=("*.q_proj",), rank=2)
    behind = toy_stage("behind", trainable=("*.q_proj.weight",))
    recipe = toy_recipe(toy_stage("adapters", lora=lora), behind)
    model = toy_model()
    adapt_model(model, lora, seed=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    rehearse(recipe, TOY_SOURCES, [0, 1], model, toy_processor(model.config))
    assert torch.equal(torch.get_rng_state(), state)
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert after.keys() == before.keys()
    with pytest.raises(BadInput, match="matches no weight"):
        rehearse(recipe, TOY_SOURCES, [1], model, toy_processor(model.config))
