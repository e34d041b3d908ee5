"""Golden losses: twenty steps of the toy recipe; a refactor must not change them."""

import json
from pathlib import Path

import pytest

from lineament.training.journal import read_log
from lineament.training.run import run_recipe
from test_model_toys import _one_thread  # noqa: F401
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

GOLDEN = Path(__file__).resolve().parent / "golden" / "toy_losses.json"


def golden_recipe():
    stage = toy_stage("golden", num_steps=20, save_every=100, drop_streams={"face": 0.2})
    return toy_recipe(stage, log_every=4)


def run_golden(out: Path) -> list[float]:
    run_recipe(golden_recipe(), out, sources=TOY_SOURCES)
    return [row["loss"] for row in read_log(out / "log.jsonl") if row["set"] == "train"]


def test_losses_of_twenty_steps_are_the_recorded_ones(tmp_path: Path):
    recorded = json.loads(GOLDEN.read_text())["losses"]
    losses = run_golden(tmp_path / "run")
    assert len(losses) == 5
    assert losses == pytest.approx(recorded, rel=2e-3)
    assert losses[-1] < 0.8 * losses[0]
