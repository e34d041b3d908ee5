"""The best model: scored where a stage's time ends it, and with the weights that it ends with."""

import json
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from lineament.training.ending import DONE
from lineament.training.guard import WeightAverage
from lineament.training.journal import read_log
from lineament.training.recipe import Mix
from lineament.training.run import run_recipe
from test_model_toys import _one_thread  # noqa: F401
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

HELD_OUT = (Mix(source="toy", options={"count": 3}),)


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


class Late(TrainerCallback):
    """Makes every step last until the stage's time is over."""

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        time.sleep(0.4)


def test_a_stage_that_its_time_ends_is_logged_and_scored(tmp_path):
    stage = toy_stage(num_steps=500, max_minutes=0.005)
    scored = []
    result = run_recipe(
        toy_recipe(stage, log_every=100),
        tmp_path / "run",
        sources=TOY_SOURCES,
        callbacks=[Late()],
        evaluate=lambda model, _: scored.append(model) or 0.5,
    )
    assert (result.status, len(scored)) == ("done", 1)
    steps = json.loads((tmp_path / "run" / "0-all" / DONE).read_text())["steps"]
    assert 0 < steps < 100
    score = json.loads((tmp_path / "run" / "best" / "score.json").read_text())
    assert score == {"score": 0.5, "step": steps, "stage": "0-all"}
    assert are_equal(weights_in(tmp_path / "run" / "best"), weights_in(tmp_path / "run" / "model"))
    (row,) = read_log(tmp_path / "run" / "log.jsonl")
    assert (row["set"], row["step"]) == ("train", steps)
    assert (tmp_path / "run" / "losses.csv").is_file()


def test_averaged_weights_are_scored_and_kept_and_training_goes_on_without_them(tmp_path):
    stage = toy_stage(ema=0.9, num_steps=4)
    run_recipe(toy_recipe(stage), tmp_path / "alone", sources=TOY_SOURCES)
    seen = []

    def score(model, _) -> float:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return float(len(seen))

    run_recipe(
        toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES, evaluate=score, evaluate_every=1
    )
    alone, final = (weights_in(tmp_path / name / "model") for name in ("alone", "run"))
    assert are_equal(alone, final)  # scoring at every step has changed no bit
    assert are_equal(weights_in(tmp_path / "run" / "best"), final)
    assert are_equal(final, seen[-1])


def test_an_average_is_lent_and_every_bit_comes_back():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    average = WeightAverage(model, 0.5)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with average.lend_to(model):
        for name, value in model.named_parameters():
            assert torch.equal(value, average.shadow[name])
            value.requires_grad_(False)
    assert are_equal(before, dict(model.state_dict()))


def test_the_last_step_is_validated_once_and_mid_steps_as_before(tmp_path):
    stage = toy_stage(
        num_steps=4, validate_every=2, validation=HELD_OUT, validation_samples=3, ema=0.9
    )
    run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES)
    rows = [row for row in read_log(tmp_path / "run" / "log.jsonl") if row["set"] == "validation"]
    assert [(row["step"], row.get("is_final", False)) for row in rows] == [(2, False), (4, True)]


def test_a_final_validation_that_is_done_again_stands_once(tmp_path, monkeypatch):
    stage = toy_stage(num_steps=4, validation=HELD_OUT, validation_samples=3)

    def fail(*arguments) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("lineament.training.ending._write_final", fail)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES)
    assert [row["set"] for row in read_log(tmp_path / "run" / "log.jsonl")][-1] == "validation"
    result = run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES, resume=True)
    assert (result.status, result.num_steps) == ("done", 4)
    rows = [(row["step"], row["set"]) for row in read_log(tmp_path / "run" / "log.jsonl")]
    assert rows == [(2, "train"), (4, "train"), (4, "validation")]


class Spoiler(TrainerCallback):
    """Takes the finite losses from the second step."""

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        if state.global_step == 1:
            self.handle = kwargs["model"].register_forward_hook(self.spoil)

    def spoil(self, module, inputs, outputs) -> dict:
        return outputs | {name: outputs[name] * float("nan") for name in ("loss_sum", "losses")}

    def on_step_end(self, args, state, control, **kwargs) -> None:
        if state.global_step == 2:
            self.handle.remove()


@pytest.mark.parametrize("every", [1, 4])
def test_a_step_without_a_finite_loss_counts_in_no_mean(tmp_path, every):
    recipe = toy_recipe(toy_stage(num_steps=4), log_every=every)
    run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES, callbacks=[Spoiler()])
    text = (tmp_path / "run" / "log.jsonl").read_text()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    train = {row["step"]: row for row in rows if row["set"] == "train"}
    assert sorted(train) == list(range(every, 5, every))
    if every == 1:
        assert (train[2]["loss"], train[2]["by_kind"], train[2]["grad_norm"]) == (None, {}, None)
    assert train[4]["loss"] > 0
