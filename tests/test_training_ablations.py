"""Ablations: every arm can be run and differs in what it says, rows become intervals."""

import statistics
import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from ablation_data import balanced, nearest_levels, surprise
from ablation_table import (
    MEASURES,
    Question,
    add_row,
    interval,
    read_rows,
    summarise,
    write_markdown,
)
from ablations import ANSWER_STEPS, ARMS, LABEL_STEPS, QUESTIONS, arm_recipe
from lineament.records.quality import Prior
from lineament.training.estimate import build_on_meta
from lineament.training.examples import Dialogue
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.start import adapt_model, sized_config


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    for name in ("ffhq-train", "clips0"):
        (root / name).mkdir()
        (root / name / "manifest.json").write_text("{}")
    return root


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_built_and_its_globs_match(arm, prepared):
    recipe = arm_recipe(arm, 1, prepared)
    assert recipe.seed == 1
    model = build_on_meta(sized_config(recipe.model))
    for stage in recipe.stages:
        adapt_model(model, stage.lora, seed=0)
        assert freeze(model, stage)
        parameter_groups(model, stage)
        assert {mix.source for mix in stage.data} == {"ablation"}
    assert sum(stage.num_steps for stage in recipe.stages) == LABEL_STEPS + ANSWER_STEPS


def count(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_arms_differ_in_what_they_say_alone(prepared):
    models = {
        arm: build_on_meta(sized_config(arm_recipe(arm, 0, prepared).model)).media
        for arm in ("hybrid", "general only", "face only", "one expert of four", "MLP",
                    "last level", "no landmarks")
    }  # fmt: skip
    assert models["general only"].face_encoder is None
    assert models["face only"].general_encoder is None
    assert models["no landmarks"].landmark_stream is None
    assert (len(models["hybrid"].face_encoder.levels), len(models["last level"].face_encoder.levels)
            ) == (4, 1)  # fmt: skip
    mixture, mlp = models["one expert of four"].adapter.mixture, models["MLP"].adapter.mlp
    assert mixture.top_k == 1
    assert mixture.shared is None
    one_expert = sum(weight[0].numel() for weight in mixture.experts.parameters())
    assert one_expert == count(mlp)  # equal active weights


def test_every_question_asks_about_arms_that_there_are():
    asked = {arm for question in QUESTIONS for arm in (question.reference, *question.others)}
    assert asked == set(ARMS)


def test_low_rank_arms_train_equally_many_weights_but_for_routers(prepared):
    numbers = {}
    for arm in ("tuned by LoRA", "tuned by MoE-LoRA"):
        recipe = arm_recipe(arm, 0, prepared)
        model = build_on_meta(sized_config(recipe.model))
        adapt_model(model, recipe.stages[-1].lora, seed=0)
        freeze(model, recipe.stages[-1])
        numbers[arm] = sum(
            weight.numel()
            for name, weight in model.named_parameters()
            if weight.requires_grad and "router" not in name
        )
    assert numbers["tuned by LoRA"] == numbers["tuned by MoE-LoRA"]


@pytest.mark.parametrize("values", [[0.5, 0.75], [0.5, 0.75, 0.7], [0.1, 0.2, 0.4, 0.3, 0.2]])
def test_intervals_are_those_of_students_distribution(values):
    mean, error = statistics.mean(values), stats.sem(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=error)
    assert interval(values) == f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def test_rows_are_kept_and_compared_seed_by_seed(tmp_path):
    path = tmp_path / "rows.csv"
    for arm, gain in (("one", 0.1), ("other", 0.0)):
        for seed in range(3):
            row = dict.fromkeys(MEASURES, round(0.5 + 0.1 * seed + gain, 4))
            add_row(path, {"arm": arm, "seed": seed, "steps": 9, "weights": 1, **row, "seconds": 2})
    rows = read_rows(path)
    assert [(row["arm"], row["seed"]) for row in rows][:2] == [("one", 0), ("one", 1)]
    table = summarise(rows, [Question("which", "one", ("other",))])
    # Seeds differ much, the arms by the same each time.
    assert table["which: other"]["reference minus this, real"] == "0.100 [0.100, 0.100]"
    assert "| which: other | 3 | 0.600 [" in write_markdown(table)


def dialogue(level: int, question: str = "", answer: str = "") -> Dialogue:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Dialogue(turns, "yes_no", level)


def test_dialogues_of_the_nearest_level_stand_in():
    listed = [dialogue(1), dialogue(2), dialogue(2)]
    assert [one.level for one in nearest_levels(listed, [1])] == [1]
    assert [one.level for one in nearest_levels(listed, [3, 4])] == [2, 2]


def test_what_is_rare_surprises():
    prior = Prior({"smile": {"true": 0.9, "false": 0.1}})
    common = dialogue(1, "Is the person smiling?", "Yes, the person is smiling.")
    rare = dialogue(1, "Is the person smiling?", "No, the person is not smiling.")
    assert surprise(common, prior) == pytest.approx(0.1)
    assert surprise(rare, prior) == pytest.approx(0.9)
    assert surprise(dialogue(1, "Hello?", "Well."), prior) == 0.5


def test_accuracy_is_the_mean_over_yes_and_no():
    assert balanced({True: [9, 10], False: [1, 2]}) == pytest.approx(0.7)
    assert balanced({True: [3, 4], False: [0, 0]}) == pytest.approx(0.75)
