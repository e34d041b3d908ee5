"""Runs in two processes, with copies of the model and with shards: what one process gives."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lineament.training.checkpoint import find_checkpoint
from lineament.training.journal import read_log
from lineament.training.recipe import Lora, Mix, Recipe
from lineament.training.run import run_recipe
from test_model_toys import _one_thread  # noqa: F401
from test_training_processes_toys import start_in_two
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

TESTS = Path(__file__).resolve().parent
SHARDS = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}  # as accelerate launch sets them
# One of the processes, which may be sent a signal from inside behind a given step.
SCRIPT = """
import json, os, signal, sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback
from lineament.config import read_recipe
from lineament.training.recipe import Recipe
from lineament.training.run import run_recipe
from test_training_processes_toys import start_in_two
from test_training_toys import TOY_SOURCES

counts = {{}}

class Watcher(TrainerCallback):
    def on_step_end(self, args, state, control, model, **kwargs):
        is_shard = [isinstance(weight, DTensor) for weight in model.parameters()]
        stage = os.path.basename(args.output_dir)
        counts[stage] = [sum(is_shard), len(is_shard)]
        if (stage, state.global_step) == ({stage!r}, {step}) and int(os.environ["RANK"]) in {ranks}:
            os.kill(os.getpid(), signal.{signal})

result = run_recipe(
    read_recipe(Recipe, {recipe!r}), {out!r}, resume=True, sources=TOY_SOURCES,
    callbacks=[Watcher()], evaluate={evaluate},
)
print(json.dumps({{"status": result.status, "skipped": result.num_skipped, "counts": counts}}))
"""


def plain_recipe(**changes) -> Recipe:
    """Return two stages without anything random in a step: every process draws its own."""
    first = toy_stage(
        "first",
        data=(Mix(source="toy", options={"count": 5, "bad": [1, 3]}),),
        num_steps=3,
        ema=0.5,
        validation=(Mix(source="toy", options={"count": 3}),),
        validate_every=2,
        validation_samples=3,
    )
    second = toy_stage(
        "second",
        trainable=("media.adapter.*",),
        lora=Lora(targets=("language_model.*.q_proj", "language_model.*.up_proj"), rank=2),
        num_steps=4,
        accumulate=2,
        max_grad_norm=0.1,
    )
    recipe = toy_recipe(first, second, log_every=1, adam_epsilon=1e-3, **changes)
    text = recipe.model.changes["text_config"] | {"attention_dropout": 0.0}
    still = {"text_config": text, "balance_weight": 0.0, "router_z_weight": 0.0}
    return recipe.replace(model=recipe.model.replace(changes=recipe.model.changes | still))


def run_together(
    recipe: Recipe, folder: Path, out: Path, *, stage="", step=0, ranks=(0, 1), kind="SIGKILL",
    evaluate="None", **variables: str,
) -> list[subprocess.CompletedProcess]:  # fmt: skip
    """Run a recipe in two processes."""
    path = folder / "recipe.json"
    path.write_text(recipe.model_dump_json())
    code = SCRIPT.format(
        tests=str(TESTS), stage=stage, step=step, ranks=ranks, signal=kind, recipe=str(path),
        out=str(out), evaluate=evaluate,
    )  # fmt: skip
    return start_in_two(code, **variables)


def reports_of(done: list[subprocess.CompletedProcess]) -> list[dict]:
    for process in done:
        assert process.returncode == 0, process.stderr[-3000:]
    return [json.loads(process.stdout.splitlines()[-1]) for process in done]


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def curve_of(out: Path, kind: str = "train") -> list[float]:
    return [row["loss"] for row in read_log(out / "log.jsonl") if row["set"] == kind]


def assert_same_run(out: Path, alone: Path) -> None:
    rows, expected = read_log(out / "log.jsonl"), read_log(alone / "log.jsonl")
    assert [(r["stage"], r["step"], r["set"]) for r in rows] == [
        (r["stage"], r["step"], r["set"]) for r in expected
    ]
    for row, other in zip(rows, expected, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert row["by_kind"] == pytest.approx(other["by_kind"], rel=1e-4)
        assert row.get("tokens") == other.get("tokens")
        assert row.get("grad_norm", 0) == pytest.approx(other.get("grad_norm", 0), rel=1e-3)
    weights, whole = weights_of(out), weights_of(alone)
    assert weights.keys() == whole.keys()
    for name, value in whole.items():
        torch.testing.assert_close(weights[name], value, atol=2e-5, rtol=1e-4)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    torch.set_num_threads(1)
    assert run_recipe(plain_recipe(), out, sources=TOY_SOURCES).status == "done"
    return out


def skipped_ids(out: Path) -> list[str]:
    return sorted(row["id"] for row in read_log(out / "skipped.jsonl"))


@pytest.mark.slow
def test_two_copies_give_the_run_of_one_process_and_count_all_data(alone, tmp_path):
    out = tmp_path / "run"
    reports = reports_of(run_together(plain_recipe(), tmp_path, out))
    assert [report["status"] for report in reports] == ["done", "done"]
    assert [report["counts"]["0-first"][0] for report in reports] == [0, 0]
    assert_same_run(out, alone)
    assert skipped_ids(out) == skipped_ids(alone)
    assert [report["skipped"] for report in reports] == [len(skipped_ids(alone))] * 2


@pytest.mark.slow
@pytest.mark.long
def test_a_signal_to_one_process_stops_all_and_one_process_can_go_on(alone, tmp_path):
    out = tmp_path / "run"
    stopped = run_together(
        plain_recipe(), tmp_path, out, stage="1-second", step=2, ranks=(1,), kind="SIGTERM"
    )
    assert [report["status"] for report in reports_of(stopped)] == ["stopped", "stopped"]
    checkpoint = find_checkpoint(out / "1-second")
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-3"  # behind the step in which all heard of it
    result = run_recipe(plain_recipe(), out, resume=True, sources=TOY_SOURCES)
    assert result.status == "done"
    assert_same_run(out, alone)


@pytest.mark.slow
def test_shards_killed_and_resumed_give_the_run_of_one_process(alone, tmp_path):
    out = tmp_path / "run"
    killed = run_together(plain_recipe(), tmp_path, out, stage="1-second", step=3, **SHARDS)
    assert [process.returncode for process in killed] == [-9, -9], killed[0].stderr[-3000:]
    checkpoint = find_checkpoint(out / "1-second")
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-2"
    names = {path.name for path in checkpoint.iterdir()}
    assert {"config.json", "model.safetensors", "optimizer.pt", "recipe.json"} <= names
    reports = reports_of(
        run_together(
            plain_recipe(), tmp_path, out, evaluate="lambda model, processor: 1.0", **SHARDS
        )
    )
    for report in reports:
        assert report["status"] == "done"
        num_shards, num_weights = report["counts"]["1-second"]
        assert num_shards == num_weights > 50
    assert_same_run(out, alone)
    best = json.loads((out / "best" / "score.json").read_text())
    assert (best["score"], best["step"], best["stage"]) == (1.0, 4, "1-second")


def test_the_launch_file_asks_for_shards_as_the_run_reads_it(monkeypatch):
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    from lineament.training.shard import ASKED_BY, claim_shards

    file = TESTS.parent / "scripts" / "launch" / "fsdp2.yaml"
    arguments = launch_command_parser().parse_args(["--config_file", str(file), "lineament"])
    arguments, _, _ = _validate_launch_command(arguments)
    variables = prepare_multi_gpu_env(arguments)
    assert variables["FSDP_VERSION"] == "2"
    assert variables["ACCELERATE_MIXED_PRECISION"] == "no"
    monkeypatch.setenv(ASKED_BY, variables[ASKED_BY])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with claim_shards() as use_shards:
        assert use_shards
        assert ASKED_BY not in os.environ
    assert os.environ[ASKED_BY] == variables[ASKED_BY]
    monkeypatch.setenv("WORLD_SIZE", "1")
    with claim_shards() as use_shards:
        assert not use_shards
