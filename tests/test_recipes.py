"""Every recipe: builds without weights at full size, and runs two steps with shapes shrunk."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lineament.cli.app import run
from lineament.cli.train import Lookup, load_attribute
from lineament.model.hub import load
from lineament.recipes import RECIPES, SOURCES
from lineament.recipes.favchat_170k import FAVCHAT_170K
from lineament.records.record import Record, Turn
from lineament.records.store import write_records
from lineament.render import FaceRenderer, sample_face
from lineament.training.built import BuiltExamples
from lineament.training.estimate import build_on_meta, estimate_recipe
from lineament.training.examples import Example
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.journal import read_log
from lineament.training.label_objective import find_table
from lineament.training.labels import Labels
from lineament.training.objectives import open_objective
from lineament.training.recipe import Mix, Model, Recipe, Stage
from lineament.training.run import RunResult, run_recipe
from lineament.training.start import adapt_model, sized_config, start_model
from lineament.training.stream import Drawn
from test_model_qwen import write_toy_qwen
from test_model_toys import NUM_POINTS, _one_thread, toy_config  # noqa: F401
from test_training_toys import TOY_SOURCES, ToySource, toy_example

QWEN = [
    "favchat-qwen2.5-vl", "favchat-qwen2.5-vl-control",
    "favchat-qwen3-vl", "favchat-qwen3-vl-control",
]  # fmt: skip
OURS = [
    "favchat-full", "favchat-by-figure", "favchat-by-readme", "favchat-control",
    "llava-rs-full", "llava-rs-lora", "llava-rs-moe-lora", *QWEN,
]  # fmt: skip
# As small as they are, these keep their shapes; data and points of a face are toys.
TINY = [name for name in RECIPES if name.startswith(("smoke", "chat-tiny", "scene-tiny"))]
# These have data and an objective of their own, and are tested in the files named here.
ELSEWHERE = {
    "draw-tiny": "test_training_unified",
    "draw-tiny-tokenizer": "test_training_unified",
    "unif2ace-full": "test_training_unified",
    "unif2ace-control": "test_training_unified",
}
TOWER = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


class PictureSource(ToySource):
    """General pictures, in which nobody looked for faces."""

    def read(self, index: int, epoch: int) -> Example:
        example = super().read(index, epoch)
        assert example.visual is not None
        return replace(example, visual=replace(example.visual, faces=None, landmarks=None))


TOYS = TOY_SOURCES | {"pictures": lambda mix: PictureSource()}


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> dict[str, Path]:
    """Return small random Qwen-VLs."""
    sizes = {"qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}
    return {
        size: write_toy_qwen(tmp_path_factory.mktemp(kind), kind) for size, kind in sizes.items()
    }


def shrink(recipe: Recipe, bases: Mapping[str, Path]) -> Recipe:
    """Return a recipe with the same parts, globs and stages, and toy shapes and data."""
    changes: dict[str, Any] = {
        key: value
        for key, value in recipe.model.changes.items()
        if key in ("fusion", "use_face", "use_landmarks")
    }
    changes |= {
        "text_config": {
            "vocab_size": 320,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 1024,
        },
        "vision_config": TOWER | {"num_hidden_layers": 2},
        "token_grid": [2, 2],
        "num_landmarks": NUM_POINTS,
        "landmark_samples": toy_config().landmark_samples,
        "landmark_dim": 16,
    }
    if recipe.model.size != "llava":
        changes["face_config"] = TOWER | {"num_hidden_layers": 12}
    model = Model(
        size=recipe.model.size, vocab_size=320, tokenizer_examples=4, changes=changes,
        fit_landmarks=min(recipe.model.fit_landmarks, 4),
    )  # fmt: skip
    if recipe.model.size in bases:
        changes = {k: v for k, v in changes.items() if k not in ("text_config", "vision_config")}
        changes["face_config"] = {"model_type": "clip_vision_model", **changes["face_config"]}
        model = model.replace(start=str(bases[recipe.model.size]), changes=changes)
    toy = (Mix(source="toy"),)
    stages = tuple(
        stage.replace(
            data=(Mix(source="pictures"),) if stage.name == "alignment" else toy,
            validation=toy,
            validation_samples=4,
            num_steps=2,
            num_samples=0,
            batch_size=2,
            accumulate=1,
            row_tokens=200,
            lora=stage.lora and stage.lora.replace(rank=2, alpha=4.0),
        )
        for stage in recipe.stages
    )
    return recipe.replace(model=model, stages=stages, num_workers=0, precision="fp32")


def find_recipe(name: str) -> Recipe:
    return load_attribute(RECIPES[name])()


def test_every_name_of_the_tables_leads_somewhere():
    for place in (*RECIPES.values(), *SOURCES.values()):
        assert callable(load_attribute(place))
    assert set(OURS) <= set(RECIPES)


def test_every_recipe_has_a_test_of_its_gradients():
    assert set(RECIPES) == {*OURS, *TINY, *ELSEWHERE}
    for name, module in ELSEWHERE.items():
        tested = importlib.import_module(module).test_gradients_of_every_drawing_recipe
        assert name in tested.pytestmark[0].args[1]


@pytest.mark.parametrize("name", OURS)
def test_full_size_is_built_without_weights_and_every_glob_matches(name):
    recipe = find_recipe(name)
    costs = estimate_recipe(recipe)
    assert [cost.stage for cost in costs] == [stage.name for stage in recipe.stages]
    assert all(cost.num_weights > 6e9 for cost in costs)
    assert all(0 < cost.num_trained < cost.num_weights for cost in costs)
    assert "GiB" in str(costs[0])


def test_meta_weights_take_no_memory():
    model = build_on_meta(sized_config(find_recipe("favchat-full").model))
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def assert_reached(
    model: Any, learner: Any, batch: dict[str, Any], trained: set[str], stage: str
) -> None:
    """Let one batch teach, and see which weights it teaches."""
    model.zero_grad(set_to_none=True)
    outputs = learner(**{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)})
    (outputs["loss_sum"] / batch["num_items"] + outputs["extra"]).backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None}
    assert reached == trained, stage


@pytest.mark.parametrize("name", OURS)
def test_gradients_reach_exactly_what_every_stage_trains(name, bases):
    recipe = shrink(find_recipe(name), bases)
    model, processor = start_model(recipe.model, [ToySource()], seed=0)
    for stage in recipe.stages:
        adapt_model(model, stage.lora, seed=0)
        trained = set(freeze(model, stage))
        groups = parameter_groups(model, stage)
        assert {n for group in groups for n in group["names"]} == trained
        objective = open_objective(stage, model, processor)
        batch = objective.collate([Drawn(objective.encode(toy_example(i, 3))) for i in range(3)])
        assert_reached(model, objective.learner().train(), batch, trained, stage.name)


def toy_drawn(objective: Any, stage: Stage, index: int) -> Drawn:
    """Return a toy example with a label for every name that the stage learns."""
    example = toy_example(index, 3)
    if stage.objective == "labels":
        assert example.visual is not None
        shape = (len(example.visual.frames), len(find_table(stage).labels.names))
        states = np.random.default_rng(index).integers(0, 2, shape, np.int8)
        example = replace(example, labels=Labels(states, (1, 2)))
    return Drawn(objective.encode(example))


@pytest.mark.parametrize("name", TINY)
def test_gradients_reach_exactly_what_every_stage_of_a_tiny_recipe_trains(name):
    recipe = find_recipe(name)
    points = {"num_landmarks": NUM_POINTS, "landmark_samples": toy_config().landmark_samples}
    settings = recipe.model.replace(
        changes={**recipe.model.changes, **points}, fit_landmarks=0, tokenizer="", start="",
        parts={}, tokenizer_examples=4,
    )  # fmt: skip
    model, processor = start_model(settings, [ToySource()], seed=0)
    for stage in recipe.stages:
        stage = stage.replace(drop_streams={}, row_tokens=400)  # all streams are seen
        adapt_model(model, stage.lora, seed=0)
        trained = set(freeze(model, stage))
        parameter_groups(model, stage)
        objective = open_objective(stage, model, processor)
        batch = objective.collate([toy_drawn(objective, stage, i) for i in range(3)])
        assert_reached(model, objective.learner().train(), batch, trained, stage.name)


@pytest.fixture(scope="module")
def smoke_run(tmp_path_factory) -> tuple[RunResult, Path]:
    """Return the recipe's run cut down to two steps a stage, and its folder."""
    recipe = find_recipe("smoke")
    stages = tuple(
        stage.replace(num_steps=2, validation_samples=2, save_every=1) for stage in recipe.stages
    )
    out = tmp_path_factory.mktemp("smoke") / "run"
    return run_recipe(recipe.replace(stages=stages), out, sources=Lookup()), out


def test_the_smoke_recipe_runs_on_its_own_rendered_faces(smoke_run):
    result, out = smoke_run
    assert (result.status, result.num_steps, result.num_skipped) == ("done", 4, 0)
    losses = [row["loss"] for row in read_log(out / "log.jsonl")]
    assert all(0 < loss < 20 for loss in losses)


def test_what_smoke_has_trained_answers_in_chat(smoke_run, tmp_path, capsys):
    _, out = smoke_run
    face = FaceRenderer(sample_face(5, is_picture=True), style="flat", size_px=256, seed=5)
    picture = tmp_path / "face.png"
    Image.fromarray(face.draw(0.0)).save(picture)
    words = ["chat", str(picture), "Is she smiling?", "--model", str(out / "model"), "--json"]
    code = run(words)
    shown = capsys.readouterr()
    assert code == 0, shown.err
    (row,) = json.loads(shown.out)["answers"]
    assert row["source"] == "model"
    assert [glance["share"] for glance in row["attention"]] == [pytest.approx(1.0)]


# The others differ from these in globs and streams, not in what is run.
QUICK = ("favchat-full", "llava-rs-moe-lora", "favchat-qwen2.5-vl", "favchat-qwen3-vl")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in OURS]
)
def test_a_shrunk_recipe_runs_two_steps_of_every_stage(name, tmp_path, bases):
    recipe = shrink(find_recipe(name), bases)
    result = run_recipe(recipe, tmp_path / "run", sources=TOYS)
    assert result.status == "done"
    assert result.num_steps == 2 * len(recipe.stages)
    stream = load(result.folder).model.media.landmark_stream
    is_fitted = stream is not None and bool(stream.mean.any())
    assert is_fitted == bool(recipe.model.fit_landmarks)
    rows = [row for row in read_log(tmp_path / "run" / "log.jsonl") if row["set"] == "validation"]
    assert [row["stage"] for row in rows] == [stage.name for stage in recipe.stages]
    assert all(set(row["by_kind"]) <= {"yes_no", "color", "timed"} for row in rows)
    assert all(len(row["by_kind"]) > 1 for row in rows)


UNIFIED = ("unif2ace-full", "unif2ace-control")


@pytest.mark.parametrize("name", [*OURS, *UNIFIED])
def test_every_stage_of_a_full_recipe_is_validated_on_what_none_trains_on(name):
    recipe = find_recipe(name)
    trained = {(mix.source, mix.split) for stage in recipe.stages for mix in stage.data}
    for stage in recipe.stages:
        assert stage.validation, stage.name
        assert trained.isdisjoint((mix.source, mix.split) for mix in stage.validation)
        assert {mix.split for mix in stage.validation} <= {"val", "test"}
        assert stage.validate_every > 0


@pytest.fixture
def faces(tmp_path) -> Path:
    """Return a data set built from all parts, a record of every kind in each."""
    composition = FAVCHAT_170K
    assert composition.splits[0] == "all"  # what `lineament build` does where no part is named
    turns = (Turn("user", "What?"), Turn("assistant", "She smiles."))
    kinds = {"summary": 3, "yes_no": 1, "list": 2, "timed": 3, "caption": 3, "emotion": 4}
    records = [
        Record(kind, level, f"{split}/{kind}{n}.png", turns, quality=0.5 + n / 10,
               provenance={"source": "celebvhq", "split": split})
        for split in ("train", "val", "test") for kind, level in kinds.items() for n in range(2)
    ]  # fmt: skip
    write_records(tmp_path / "faces", records, {"split": "all"})
    return tmp_path / "faces"


@pytest.mark.parametrize("name", ["favchat-full", "favchat-by-figure", "favchat-qwen3-vl"])
def test_a_data_set_built_from_all_parts_is_trained_and_validated_on_its_own_parts(name, faces):
    for stage in find_recipe(name).stages:
        mixes = [m.replace(source=str(faces), options={}) for m in (*stage.data, *stage.validation)]
        seen = [BuiltExamples(mix) for mix in mixes]
        parts = [
            {
                source.store.record(row).media.split("/")[0]
                for group in source.groups
                for row in group
            }
            for source in seen
        ]
        assert parts == [*({"train"} for _ in stage.data), {"val"}], stage.name
        assert len(seen[-1]) == 12  # every kind, the worse half as well


def test_drawing_recipes_validate_on_codes_that_their_preparation_made(tmp_path, monkeypatch):
    from lineament.model import hub
    from lineament.training import unified_built

    tokenizer = nn.Module()
    tokenizer.save_pretrained = lambda folder: None  # type: ignore[assignment]
    monkeypatch.setattr(hub, "load_magvitv2", lambda _: tokenizer)
    monkeypatch.setattr(unified_built, "write_built_codes", lambda *_: None)
    recipe = find_recipe("unif2ace-full").replace(data="mine")
    stage = load_attribute(recipe.prepare)(recipe, tmp_path, None).stages[0]
    assert [mix.split for mix in stage.validation] == ["val", "val"]
    for mix in (*stage.data, *stage.validation):
        assert mix.options == {"data": "mine", "codes": str(tmp_path / "prepared" / "codes")}


@pytest.mark.parametrize("name", ["favchat-by-figure", "favchat-by-readme"])
def test_no_published_stage_feeds_a_stream_that_none_trains(name):
    recipe = find_recipe(name)
    names = [n for n, _ in build_on_meta(sized_config(recipe.model)).named_parameters()]
    assert not any("landmark" in n for n in names)
    assert recipe.model.fit_landmarks == 0
