"""Golden losses: twenty steps of the toy recipes; a refactor must not change them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lineament.cli.train import Lookup
from lineament.recipes.smoke import smoke
from lineament.training.examples import Dialogue
from lineament.training.journal import read_log
from lineament.training.recipe import Mix, Model, Recipe, Stage
from lineament.training.run import run_recipe
from lineament.training.unified_examples import AskingExample, DrawingExample
from test_model_toys import _one_thread  # noqa: F401
from test_training_toys import QUESTIONS, TOY_SOURCES, toy_recipe, toy_stage

GOLDEN = Path(__file__).resolve().parent / "golden" / "toy_losses.json"
UNIFIED = GOLDEN.with_name("toy_unified_losses.json")
SMOKE = GOLDEN.with_name("smoke_losses.json")
SIDE, CODE_BITS = 9, 5


@dataclass(frozen=True)
class ToyCodes:
    """Pictures as codes, to draw or to ask about; no writer of ours has a hand in their words."""

    asks: bool
    count: int = 12

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, epoch: int):
        """Make one; the first word of a prompt tells its first three codes."""
        codes = np.random.default_rng(index).integers(0, 2**CODE_BITS, SIDE)
        question, answer, kind, level = QUESTIONS[index % len(QUESTIONS)]
        codes[:3] = index % len(QUESTIONS)
        if not self.asks:
            return DrawingExample(f"toy {index}", codes, f"{answer} {epoch % 2}", lambda: answer)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        rng = np.random.default_rng(100 + index)
        whole, face = rng.normal(size=(4, 8)), rng.normal(size=8)
        dialogue = Dialogue(messages, kind, level, start_weight=3.0)
        return AskingExample(
            f"toy {index}", codes, (dialogue,), whole.astype("float32"), face.astype("float32")
        )


CODES = {"draw": lambda _: ToyCodes(asks=False), "ask": lambda _: ToyCodes(asks=True)}


def unified_recipe() -> Recipe:
    """Return a drawing recipe with both levels of experts, in miniature."""
    stage = Stage(
        name="golden",
        objective="unified",
        data=(Mix(source="draw", weight=2.0), Mix(source="ask")),
        learning_rates={"*": 5e-3},
        num_steps=20,
        batch_size=8,
        row_tokens=64,
        save_every=100,
        warmup=0.1,
    )
    changes = {
        "num_code_ids": 2**CODE_BITS, "num_codes": SIDE, "text_block": 32, "hidden_size": 32,
        "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
        "expert_dim": 8, "num_experts": 4, "num_experts_per_token": 2, "face_dim": 8,
        "clip_dim": 8, "noise_dim": 8, "sequence_gain_start": 1.0,
    }  # fmt: skip
    model = Model(family="unif2ace", vocab_size=320, tokenizer_examples=8, changes=changes)
    return Recipe(name="golden", model=model, stages=(stage,), log_every=4)


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


def run_unified(out: Path) -> dict[str, list[float]]:
    run_recipe(unified_recipe(), out, sources=CODES)
    rows = [row for row in read_log(out / "log.jsonl") if row["set"] == "train"]
    return {
        kind: [round(row["by_kind"][kind], 6) for row in rows]
        for kind in ("masked", "score", "answers", "first_words", "balance")
    }


def test_losses_of_both_drawing_tasks_are_the_recorded_ones(tmp_path: Path):
    recorded = json.loads(UNIFIED.read_text())
    losses = run_unified(tmp_path / "run")
    assert losses.keys() == recorded.keys()
    for kind, values in losses.items():
        assert len(values) == 5
        assert values == pytest.approx(recorded[kind], rel=2e-3), kind
    for kind in ("masked", "answers"):
        assert losses[kind][-1] < 0.9 * losses[kind][0], kind


def run_smoke(out: Path) -> dict[str, list[float]]:
    """Run the whole recipe; its losses follow the renderer and the writer of summaries, too."""
    run_recipe(smoke(), out, sources=Lookup())
    losses: dict[str, list[float]] = {}
    for row in read_log(out / "log.jsonl"):
        losses.setdefault(f"{row['stage']}, {row['set']}", []).append(round(row["loss"], 6))
    return losses


def test_losses_of_the_whole_smoke_recipe_are_the_recorded_ones(tmp_path: Path):
    recorded = json.loads(SMOKE.read_text())
    losses = run_smoke(tmp_path / "run")
    assert {name: len(values) for name, values in losses.items()} == {
        "summaries, train": 4, "summaries, validation": 1,
        "questions, train": 4, "questions, validation": 1,
    }  # fmt: skip
    assert losses.keys() == recorded.keys()
    for name, values in losses.items():
        assert values == pytest.approx(recorded[name], rel=2e-3), name
    before, after = (losses[f"{stage}, validation"][0] for stage in ("summaries", "questions"))
    assert after < 0.95 * before
