"""Ablations: every arm can be run and differs in what it says, rows become intervals."""

import statistics
import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from ablation_arms import (
    ANSWER_STEPS,
    ARMS,
    EYES,
    LABEL_STEPS,
    QUESTIONS,
    SHUFFLED,
    TALK,
    arm_recipe,
    start_recipe,
)
from ablation_data import DEV_CLIPS, DEV_PARTS, nearest_levels, prepare_held_out, surprise
from ablation_scores import FEWEST, balanced, mean_over_names
from ablation_table import (
    BLIND,
    MEASURES,
    Question,
    add_row,
    interval,
    read_rows,
    summarise,
    write_markdown,
)
from ablations import only_here, open_held_out
from lineament.errors import BadInput
from lineament.model.favchat_config import FaVChatConfig
from lineament.records.quality import Prior
from lineament.render import sample_face
from lineament.training.estimate import build_on_meta
from lineament.training.examples import Dialogue
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.gallery_writer import write_gallery
from lineament.training.start import adapt_model, sized_config
from test_training_galleries import some_look


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    for name in ("ffhq-train", "clips0"):
        (root / name).mkdir()
        (root / name / "manifest.json").write_text("{}")
    return root


@pytest.fixture(scope="module")
def start(prepared, tmp_path_factory) -> Path:
    """The configuration alone of the model that arms about teaching go on from."""
    folder = tmp_path_factory.mktemp("start")
    config = sized_config(start_recipe(prepared, 1.0).model)
    config.save_pretrained(folder)
    return folder


def build(arm: str, prepared: Path, start: Path) -> torch.nn.Module:
    model = arm_recipe(arm, 0, prepared, start).model
    return build_on_meta(
        FaVChatConfig.from_pretrained(model.start) if model.start else sized_config(model)
    )


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_built_and_its_globs_match(arm, prepared, start):
    recipe = arm_recipe(arm, 1, prepared, start)
    assert recipe.seed == 1
    model = build(arm, prepared, start)
    for stage in recipe.stages:
        adapt_model(model, stage.lora, seed=0)
        assert freeze(model, stage)
        parameter_groups(model, stage)
        assert {mix.source for mix in stage.data} == {"ablation"}
    steps = sum(stage.num_steps for stage in recipe.stages)
    assert steps == (LABEL_STEPS if arm in EYES else ANSWER_STEPS)


def test_the_model_that_others_go_on_from_learns_labels_and_then_to_read(prepared):
    recipe = start_recipe(prepared, 1.0)
    model = build_on_meta(sized_config(recipe.model))
    assert [stage.name for stage in recipe.stages] == ["labels", "read"]
    assert [stage.objective for stage in recipe.stages] == ["labels", "answers"]
    assert all(freeze(model, stage) for stage in recipe.stages)


def count(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_arms_differ_in_what_they_say_alone(prepared, start):
    models = {arm: build(arm, prepared, start).media for arm in EYES}
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


def test_low_rank_arms_train_equally_many_weights_but_for_routers(prepared, start):
    numbers = {}
    for arm in ("tuned by LoRA", "tuned by MoE-LoRA"):
        recipe = arm_recipe(arm, 0, prepared, start)
        model = build(arm, prepared, start)
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
            row = dict.fromkeys((*MEASURES, *BLIND), round(0.5 + 0.1 * seed + gain, 4))
            row |= {"arm": arm, "seed": seed, "steps": 9, "weights": 1, "asked": 7, "seconds": 2}
            add_row(path, row)
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


def test_only_names_that_are_true_and_false_often_enough_count():
    often = {True: [FEWEST, FEWEST], False: [0, FEWEST]}
    rare = {True: [1, 1], False: [0, 90]}
    assert mean_over_names({3: often, 4: rare}) == 0.5
    assert mean_over_names({4: rare}) != mean_over_names({4: rare})  # nothing to tell


def test_a_run_is_done_by_one_process_at_a_time(tmp_path):
    with only_here(tmp_path / "run.lock") as first, only_here(tmp_path / "run.lock") as second:
        assert (first, second) == (True, False)
    with only_here(tmp_path / "run.lock") as again:
        assert again


def test_stages_of_teaching_are_of_equal_length_and_differ_in_levels(prepared, start):
    arms = ("rising stages", "mixed stages", "shuffled stages")
    rising, mixed, shuffled = (arm_recipe(arm, 1, prepared, start).stages for arm in arms)
    assert len({stage.num_steps for stage in (*rising, *mixed, *shuffled)}) == 1
    levels = [stage.data[0].options["levels"] for stage in rising]
    assert levels == [[1], [2], [3, 4]]
    assert sorted(levels) == sorted(stage.data[0].options["levels"] for stage in shuffled)
    assert all("levels" not in stage.data[0].options for stage in mixed)
    assert set(TALK) | set(EYES) == set(ARMS)


def test_no_shuffled_order_rises_and_seeds_take_turns():
    orders = [[options["levels"][0] for _, options in order] for order in SHUFFLED]
    assert all(order != sorted(order) for order in orders)
    assert len({tuple(order) for order in orders}) == len(orders)


def held_out_gallery(folder: Path, guesses: str = "") -> None:
    items = [(sample_face(3, is_picture=True), some_look(1))]
    write_gallery(folder, items, origin="toy")
    if guesses:
        (folder / "guesses.jsonl").write_text(guesses + "\n")


def test_what_is_scored_is_whole_and_holds_no_guesses(tmp_path):
    names = [part.name for part in DEV_PARTS] + [DEV_CLIPS]
    with pytest.raises(BadInput, match="fairface-dev: not there"):
        prepare_held_out(None, tmp_path)
    for name in names:
        held_out_gallery(tmp_path / name)
        held_out_gallery(tmp_path / "other" / name, guesses='{"smile": true}')
    folders = prepare_held_out(None, tmp_path)
    assert [folder.name for folder in folders] == names
    sources = open_held_out(folders, labels=True)
    assert [len(source) for source in sources] == [1] * len(names)
    facts = sources[0].annotation(0).facts
    assert {fact.source for fact in facts} == {"renderer"}
    with pytest.raises(BadInput, match="fairface-dev: holds guesses"):
        prepare_held_out(None, tmp_path / "other")
