"""Drawing models in training: combinations held out, prompts, codes, both losses, resumption."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lineament import check
from lineament.cli.train import load_attribute
from lineament.describe.style import find_style, put_style
from lineament.errors import BadInput, BadModel
from lineament.faces import crop
from lineament.faces.portrait import EYES_APART, EYES_AT, crop_portrait
from lineament.metrics.feature_distances import frechet_distance, kernel_distance
from lineament.model.convnet import ConvVisionConfig, ConvVisionModel
from lineament.model.diffusion import MaskedCodes, sample_masks
from lineament.model.drawing import load_drawing_model
from lineament.model.layout import drawing_batch
from lineament.model.portrait_eyes import PortraitEyes, load_portrait_eyes
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.model.unif2ace_config import unif2ace_full_config
from lineament.recipes import RECIPES
from lineament.records.record import Record, Turn
from lineament.records.store import write_records
from lineament.render import sample_face
from lineament.training.checkpoint import find_checkpoint
from lineament.training.draw_tiny_codes import read_codes, write_codes
from lineament.training.draw_tiny_combinations import (
    held_out_pairs,
    sample_seen,
    sample_unseen,
    shows_held_out,
)
from lineament.training.draw_tiny_portraits import (
    PHOTO,
    Portrait,
    Portraits,
    write_portraits,
)
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.journal import read_log
from lineament.training.objectives import open_objective
from lineament.training.recipe import Lora, Mix, Model, Recipe, Stage
from lineament.training.run import run_recipe
from lineament.training.stream import Drawn
from lineament.training.unified_built import (
    open_built_asking,
    open_built_drawings,
    write_built_codes,
)
from lineament.training.unified_captions import write_long_caption, write_prompt
from lineament.training.unified_examples import (
    AskingExample,
    open_asking,
    open_drawings,
    open_portraits,
)
from lineament.training.unified_family import open_family
from lineament.training.unified_objective import UnifiedLearner, drop_conditions
from lineament.training.unified_rows import Branch, join_branches
from lineament.training.unified_start import unif2ace_config
from test_image_tokenizer import toy_image_tokenizer, toy_tokenizer_config
from test_model_toys import _one_thread  # noqa: F401
from test_unif2ace import SIDE, toy_codes, toy_unif2ace

SIZE_PX = 12
SOURCES = {"portraits": open_portraits, "drawings": open_drawings, "asking": open_asking}


SHRUNK = {
    "num_codes": SIDE,
    "text_block": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "expert_dim": 8,
    "num_experts": 4,
    "num_experts_per_token": 2,
    "face_dim": 8,
    "clip_dim": 8,
    "noise_dim": 8,
}
TOKENIZER_SIZES = (
    "channels", "encoder_multipliers", "decoder_multipliers", "encoder_blocks", "decoder_blocks",
    "code_bits", "norm_groups", "image_size_px",
)  # fmt: skip
FULL_SHRUNK = SHRUNK | {"text_vocab_size": 400, "bos_token_id": 1, "eos_token_id": 2}


def toy_portrait(seed: int) -> Portrait:
    """Paint a plain picture whose colour tells the apparent sex."""
    annotation = sample_face(seed, is_picture=True)
    color = 200 if _is_male(annotation) else 60
    rng = np.random.default_rng(seed)
    pixels = np.full((SIZE_PX, SIZE_PX, 3), color) + rng.integers(0, 40, (SIZE_PX, SIZE_PX, 3))
    return Portrait(pixels.astype(np.uint8), annotation, PHOTO if seed % 2 else "drawing")


def _is_male(annotation) -> bool:
    return any(fact.name == "male" and fact.value for fact in annotation.facts)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return portraits and their codes by a toy tokenizer of 3x3 codes."""
    root = tmp_path_factory.mktemp("prepared")
    folder = root / "portraits" / "toy"
    write_portraits(folder, (toy_portrait(seed) for seed in range(10)))
    tokenizer = toy_image_tokenizer(image_size_px=SIZE_PX)
    tokenizer.save_pretrained(root / "image_tokenizer")
    write_codes(Portraits(folder), tokenizer, root / "codes" / "toy")
    return root


def mix(root: Path, source: str, **options) -> Mix:
    return Mix(source=source, options={"root": str(root), "folders": ["toy"], **options})


def unified_recipe(root: Path, **changes) -> Recipe:
    stage = Stage(
        name="unified",
        objective="unified",
        data=(mix(root, "drawings"), mix(root, "asking", yes_no=2)),
        learning_rates={"*": 3e-3},
        num_steps=6,
        batch_size=6,
        row_tokens=90,
        save_every=2,
    )
    tokenizer = toy_tokenizer_config()
    model = Model(
        family="unif2ace",
        vocab_size=400,
        tokenizer_examples=10,
        parts={"image_tokenizer": str(root / "image_tokenizer")},
        changes={
            "num_code_ids": 2**tokenizer.code_bits,
            **SHRUNK,
        },
    )
    return Recipe(name="toy", model=model, stages=(stage.replace(**changes),), log_every=1)


def test_held_out_pairs_are_the_same_every_time_and_never_in_training():
    pairs = held_out_pairs()
    assert len(pairs) == 10
    assert sorted(pairs)[:2] == sorted(pairs)[:2]
    seen = [sample_seen(seed) for seed in range(60)]
    kept = [one for one in seen if one is not None]
    assert 20 < len(kept) < 60  # some are left out, most are not
    assert not any(shows_held_out(one) for one in kept)


def test_every_unseen_face_shows_its_pair():
    found: Counter = Counter()
    for number in range(len(held_out_pairs())):
        annotation, pair = sample_unseen(number)
        assert shows_held_out(annotation)
        found[pair] += 1
    assert set(found) == set(held_out_pairs())


@pytest.mark.parametrize("write", [write_prompt, write_long_caption])
def test_prompts_say_nothing_that_the_annotation_contradicts(write):
    num_claims = 0
    for seed in range(40):
        annotation = sample_face(seed, is_picture=True)
        for variant in range(3):
            text = write(annotation, Random(variant))
            checked = check(text, annotation)
            wrong = [c for c in checked.claims if c.verdict == "contradicted"]
            assert not wrong, f"{text!r}: {wrong}"
            num_claims += len(checked.claims)
    assert num_claims > 200


def test_prompts_are_of_many_lengths_and_say_the_style_of_drawings():
    annotations = [sample_face(seed, is_picture=True) for seed in range(60)]
    photos = [write_prompt(one, Random(n)) for n, one in enumerate(annotations)]
    drawings = [write_prompt(one, Random(n), style="drawing") for n, one in enumerate(annotations)]
    said = sum("photo" in text.lower() or "picture of" in text.lower() for text in photos)
    assert 8 < said < 45
    assert all("drawing" in text.lower() for text in drawings)
    lengths = [len(text.split()) for text in photos]
    assert min(lengths) <= 5
    assert max(lengths) >= 15


def test_a_portrait_has_its_eyes_where_all_have_them():
    frame = np.zeros((200, 160, 3), np.uint8)
    eyes = (np.array([60.0, 90.0]), np.array([100.0, 110.0]))  # a head on its side
    for x, y in eyes:
        frame[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    crop = crop_portrait(frame, eyes, size_px=96)
    bright = np.argwhere(crop[..., 0] > 128)
    left, right = bright[bright[:, 1] < 48].mean(0), bright[bright[:, 1] >= 48].mean(0)
    assert left[0] == pytest.approx(EYES_AT * 96, abs=1.5)
    assert right[0] == pytest.approx(EYES_AT * 96, abs=1.5)
    assert right[1] - left[1] == pytest.approx(EYES_APART * 96, abs=1.5)


def toy_eyes(size: int = 32) -> PortraitEyes:
    torch.manual_seed(5)
    towers = [
        ConvVisionModel(
            ConvVisionConfig(hidden_size=16, depths=[1, 1, 1, 1], image_size=side, patch_size=16)
        )
        for side in (size, 2 * size)
    ]
    half = {"face": [0.5] * 3, "whole": [0.5] * 3}
    return PortraitEyes(towers[0], towers[1], half, half)


def test_eyes_see_the_aligned_face_of_a_portrait(tmp_path):
    values = -torch.ones(1, 3, 96, 96)
    for x in (0.5 - EYES_APART / 2, 0.5 + EYES_APART / 2):
        row, column = round(EYES_AT * 96), round(x * 96)
        values[..., row - 1 : row + 2, column - 1 : column + 2] = 1.0
    face = toy_eyes().place_face(values)[0, 0]
    bright = (face > 0).nonzero().float()
    left, right = bright[bright[:, 1] < 16].mean(0), bright[bright[:, 1] >= 16].mean(0)
    assert left[0].item() == pytest.approx(crop.EYES_AT * 32, abs=1.0)
    assert (right - left)[1].item() == pytest.approx(crop.EYES_APART * 32, abs=1.0)


def test_eyes_are_saved_and_loaded_and_never_learn(tmp_path):
    eyes = toy_eyes().train()
    assert not eyes.face.training
    assert not any(weight.requires_grad for weight in eyes.parameters())
    pixels = np.random.default_rng(0).integers(0, 255, (2, 24, 24, 3)).astype(np.uint8)
    whole, face = eyes.look(pixels)
    assert (whole.shape, face.shape) == ((2, 16, 16), (2, 4 * 16))
    assert (eyes.whole_dim, eyes.face_dim) == (16, 64)
    eyes.save(tmp_path)
    again = load_portrait_eyes(tmp_path).look(pixels)
    assert torch.equal(again[0], whole)
    assert torch.equal(again[1], face)
    (tmp_path / "face_eye" / "config.json").write_text("{")
    with pytest.raises(BadModel, match="cannot be read"):
        load_portrait_eyes(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("a smiling woman", "photo"),
        ("draw me a photo of a man", "photo"),
        ("A drawing of a man", "drawing"),
        ("an oil painting of a woman", "drawing"),
        ("Cartoon of an old man with glasses", "cartoon"),
    ],
)
def test_a_prompt_says_its_style(prompt, style):
    assert find_style(prompt) == style


def test_a_style_is_put_in_front():
    assert put_style("A smiling woman.", "drawing") == "a drawing of a smiling woman."
    assert put_style("woman, black hair", "cartoon") == "a cartoon: woman, black hair"
    assert put_style("a man", "photo") == "a man"


def test_kept_codes_are_those_of_the_tokenizer_mirror_images_too(root):
    tokenizer = toy_image_tokenizer(image_size_px=SIZE_PX)
    kept = read_codes(root / "codes" / "toy")
    portraits = Portraits(root / "portraits" / "toy")
    assert kept.shape == (10, 2, SIDE)
    for index in (0, 7):
        values = torch.from_numpy(np.array(portraits.pixels[index])).permute(2, 0, 1)[None].float()
        values = values / 127.5 - 1
        assert tokenizer.encode(values)[0].tolist() == kept[index, 0].tolist()
        assert tokenizer.encode(values.flip(-1))[0].tolist() == kept[index, 1].tolist()


def test_drawings_and_questions_repeat_within_an_epoch_and_differ_between(root):
    drawings = open_drawings(mix(root, "drawings"))
    assert drawings.read(3, 0).prompt == drawings.read(3, 0).prompt
    assert len({drawings.read(3, epoch).prompt for epoch in range(6)}) > 1
    mirrored = {tuple(drawings.read(3, epoch).codes.tolist()) for epoch in range(12)}
    assert len(mirrored) == 2
    assert len(open_drawings(mix(root, "drawings", styles=["photo"]))) == 5
    assert open_asking(mix(root, "asking")).read(1, 0).dialogues
    with pytest.raises(BadInput, match="no portraits"):
        open_drawings(mix(root, "drawings", folders=["nothing"]))


def test_prompts_are_dropped_as_often_as_the_configuration_says():
    config = toy_unif2ace().config
    prefix = torch.tensor([[config.special_id("t2i"), 1, 5, 6, 7, 2]]).repeat(4000, 1)
    kept = drop_conditions(prefix, config, 0.1)
    is_bare = (kept[:, 0] == config.special_id("pad")) & (kept[:, -1] == 2)
    assert is_bare.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert kept[is_bare][0, -3:].tolist() == [config.special_id("t2i"), 1, 2]
    assert torch.equal(drop_conditions(prefix, config, 0.0), prefix)


def test_drawing_losses_are_those_of_the_models_own_batches():
    model = toy_unif2ace(condition_dropout=0.0)
    learner = UnifiedLearner(model).eval()
    texts, codes = [[5, 6, 7], [8, 9, 10]], toy_codes(2)
    torch.manual_seed(3)
    masks: MaskedCodes = sample_masks(2, SIDE, _cosine())
    expected = model(**_inputs(drawing_batch(texts, codes, masks.masked, model.config)))
    prefix = drawing_batch(texts, codes, masks.masked, model.config).input_ids[:, : -SIDE - 2]
    torch.manual_seed(3)
    found = learner(prefix_ids=prefix, codes=codes, num_rows=torch.tensor([2.0]))
    torch.testing.assert_close(found["loss_sum"] / 2, expected.loss)


def _cosine():
    from lineament.model.diffusion import Cosine

    return Cosine()


def _inputs(batch) -> dict[str, torch.Tensor]:
    return {"input_ids": batch.input_ids, "labels": batch.labels}


def test_questions_that_share_a_picture_lose_as_much_as_alone():
    model = toy_unif2ace(use_token_experts=False)
    learner = UnifiedLearner(model).eval()
    branches = [Branch([1, 5, 6, 7, 2], 3, 1.0), Branch([1, 8, 9, 9, 11, 2], 2, 1.0)]
    example = AskingExample("toy", toy_codes(1)[0].numpy(), (), None, None)

    def lose(chosen: list[Branch]) -> tuple[float, int]:
        row = join_branches(example, chosen, model.config, 100)
        names = ("input_ids", "labels", "branch_ids", "position_ids")
        batch = {name: getattr(row, name)[None] for name in names}
        output = learner(**batch, label_weights=row.weights[None], num_rows=torch.tensor([1.0]))
        number = int((row.labels != -100).sum())
        return float(output["losses"][0]) * number, number

    together, alone = lose(branches), [lose([branch]) for branch in branches]
    assert together[1] == sum(number for _, number in alone)
    assert together[0] == pytest.approx(sum(loss for loss, _ in alone), rel=1e-4)


def test_a_row_without_room_for_a_question_is_refused():
    config = toy_unif2ace().config
    example = AskingExample("toy", toy_codes(1)[0].numpy(), (), None, None)
    with pytest.raises(BadInput, match="no question fits"):
        join_branches(example, [Branch([1, 5, 6, 7, 2], 3, 1.0)], config, SIDE + 4)


def test_gradients_reach_everything_in_one_step_of_both_tasks(root):
    recipe = unified_recipe(root)
    sources = [open_drawings(recipe.stages[0].data[0]), open_asking(recipe.stages[0].data[1])]
    model, processor = open_family(recipe.model).start(recipe.model, sources, 0)
    objective = open_objective(recipe.stages[0], model, processor)
    samples = [Drawn(objective.encode(source.read(n, 0))) for source in sources for n in range(4)]
    for sample in samples[4:]:
        object.__setattr__(sample.encoded, "whole", torch.randn(4, 8))
        object.__setattr__(sample.encoded, "face", torch.randn(8))
    batch = objective.collate(samples)
    tensors = {k: v for k, v in batch.items() if isinstance(v, torch.Tensor) and k != "num_items"}
    output = objective.learner().train()(**tensors)
    output["loss_sum"].backward()
    missing = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert missing == []
    assert [batch["groups"][number][0] for number in output["group_ids"].tolist()] == [
        "masked", "score", "balance", "answers", "first_words",
    ]  # fmt: skip


DRAWING = ["draw-tiny", "unif2ace-full", "unif2ace-control", "draw-tiny-tokenizer"]


@pytest.mark.parametrize("name", DRAWING)
def test_gradients_of_every_drawing_recipe(name, root):
    """They reach exactly what a stage trains, with all shapes shrunk."""
    recipe, stage, (model, processor) = start_shrunk(name, root)
    sources = [SOURCES[mix.source](mix) for mix in stage.data]
    trained = set(freeze(model, stage))
    groups = parameter_groups(model, stage)
    assert {n for group in groups for n in group["names"]} == trained
    objective = open_objective(stage, model, processor)
    samples = [Drawn(objective.encode(source.read(n, 0))) for source in sources for n in range(4)]
    for sample in samples:
        if hasattr(sample.encoded, "whole"):
            object.__setattr__(sample.encoded, "whole", torch.randn(4, 8))
            object.__setattr__(sample.encoded, "face", torch.randn(8))
    batch = objective.collate(samples)
    tensors = {k: v for k, v in batch.items() if isinstance(v, torch.Tensor) and k != "num_items"}
    output = objective.learner().train()(**tensors)
    (output["loss_sum"] + output["extra"]).backward()
    assert {n for n, weight in model.named_parameters() if weight.grad is not None} == trained
    if recipe.name == "unif2ace-control":  # masked codes and answers alone
        shown = {batch["groups"][number][0] for number in output["group_ids"].tolist()}
        assert shown == {"masked", "score", "answers", "first_words"}
        place = [batch["groups"][n][0] for n in output["group_ids"].tolist()].index("score")
        assert output["losses"][place] == 0


def start_shrunk(name: str, root: Path) -> tuple[Recipe, Stage, tuple[Any, Any]]:
    """Start a drawing recipe with toy shapes and data, its globs and rates kept."""
    recipe, toy = load_attribute(RECIPES[name])(), unified_recipe(root)
    stage = recipe.stages[0].replace(data=toy.stages[0].data, validation=(), row_tokens=90)
    if recipe.model.family == "image-tokenizer":
        stage = stage.replace(data=(mix(root, "portraits"),))
        changes = json.loads(json.dumps(toy_tokenizer_config(image_size_px=SIZE_PX).to_dict()))
        changes = {key: value for key, value in changes.items() if key in TOKENIZER_SIZES}
        settings = recipe.model.replace(changes=changes)
        return recipe, stage, open_family(settings).start(settings, [], 0)
    shapes = FULL_SHRUNK if recipe.model.size == "full" else SHRUNK
    settings = recipe.model.replace(
        start="", tokenizer="", vocab_size=400, tokenizer_examples=10, parts=toy.model.parts,
        changes={**recipe.model.changes, **shapes, "num_code_ids": 32},
    )  # fmt: skip
    sources = [SOURCES[mix.source](mix) for mix in stage.data]
    return recipe, stage, open_family(settings).start(settings, sources, 0)


def test_a_stage_trains_what_it_says_and_the_rest_stays(root, tmp_path):
    recipe = unified_recipe(root, trainable=("trunk.blocks.1.*",), num_steps=2)
    result = run_recipe(recipe, tmp_path / "run", sources=SOURCES)
    sources = [open_drawings(recipe.stages[0].data[0]), open_asking(recipe.stages[0].data[1])]
    before, _ = open_family(recipe.model).start(recipe.model, sources, recipe.seed)
    after = load_file(result.folder / "model.safetensors")
    changed = {n for n, w in before.state_dict().items() if n in after and not _equal(w, after[n])}
    assert changed
    assert all(name.startswith("trunk.blocks.1.") for name in changed)


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.equal(one.float(), other.float())


def test_both_losses_fall_and_what_is_saved_draws_and_answers(root, tmp_path):
    recipe = unified_recipe(root, num_steps=60, batch_size=8)
    result = run_recipe(recipe, tmp_path / "run", sources=SOURCES)
    rows = [row["by_kind"] for row in read_log(tmp_path / "run" / "log.jsonl")]
    for kind in ("masked", "answers"):
        means = [[row[kind] for row in part if kind in row] for part in (rows[:8], rows[-8:])]
        assert np.mean(means[1]) < 0.9 * np.mean(means[0]), kind
    model = load_drawing_model(result.folder)
    drawn = model.draw(["a drawing of a man"], [1])
    assert drawn.shape == (1, SIZE_PX, SIZE_PX, 3)
    assert np.array_equal(drawn, model.draw(["a drawing of a man"], [1]))
    assert isinstance(model.answer(drawn[0], "Is this a man?", max_new_tokens=4), str)


def test_the_image_tokenizer_learns_and_its_run_ends_in_a_model(root, tmp_path):
    changes = {
        name: value
        for name, value in toy_tokenizer_config(image_size_px=SIZE_PX).to_dict().items()
        if name in TOKENIZER_SIZES
    }
    stage = Stage(
        name="tokenizer",
        objective="tokenizer",
        data=(mix(root, "portraits"),),
        learning_rates={"*": 3e-3},
        num_steps=40,
        batch_size=4,
        ema=0.5,
    )
    changes = json.loads(json.dumps(changes))
    model = Model(family="image-tokenizer", changes=changes, processor={"entropy": 0.02})
    recipe = Recipe(name="toy", model=model, stages=(stage,), log_every=1)
    result = run_recipe(recipe, tmp_path / "run", sources=SOURCES)
    rows = [row["by_kind"]["reconstruction"] for row in read_log(tmp_path / "run" / "log.jsonl")]
    assert np.mean(rows[-5:]) < 0.6 * np.mean(rows[:5])
    loaded, _ = open_family(model).load(model, result.folder)
    assert loaded.encode(torch.zeros(1, 3, SIZE_PX, SIZE_PX)).shape[0] == 1


@pytest.mark.parametrize("name", ["unif2ace-full", "unif2ace-control"])
def test_a_full_recipe_runs_two_steps_with_shapes_shrunk(name, root, tmp_path):
    recipe, toy = load_attribute(RECIPES[name])(), unified_recipe(root)
    changes = {**recipe.model.changes, **FULL_SHRUNK, "num_code_ids": 32}
    model = recipe.model.replace(
        start="", tokenizer="", vocab_size=400, tokenizer_examples=10,
        parts=toy.model.parts, changes=changes,
    )  # fmt: skip
    data = toy.stages[0].data
    stage = recipe.stages[0].replace(
        data=data, validation=data, validation_samples=12, num_steps=2, batch_size=4, row_tokens=90
    )
    small = recipe.replace(
        model=model, stages=(stage,), prepare="", num_workers=0, precision="fp32",
        use_tensorboard=False,
    )  # fmt: skip
    assert run_recipe(small, tmp_path / "run", sources=SOURCES).num_steps == 2
    last = read_log(tmp_path / "run" / "log.jsonl")[-1]
    assert last["set"] == "validation"
    assert {"masked", "score", "answers", "first_words"} <= set(last["by_kind"])


def test_the_control_is_show_o_itself_with_one_loss():
    full, control = (load_attribute(RECIPES[f"unif2ace-{name}"])() for name in ("full", "control"))
    with torch.device("meta"):
        made = UniF2aceForFaces(unif2ace_full_config(**control.model.changes))
    assert not any("routed" in n or "sequence" in n for n, _ in made.named_parameters())
    assert (made.config.alpha, made.config.use_masked_loss) == (0.0, True)
    assert control.model.start == full.model.start
    same = ("data", "num_steps", "batch_size", "row_tokens", "weight_decay", "warmup")
    for field in same:
        assert getattr(control.stages[0], field) == getattr(full.stages[0], field)


def test_every_glob_of_the_full_recipe_matches_at_full_size():
    recipe = load_attribute(RECIPES["unif2ace-full"])()
    with torch.device("meta"):
        model = UniF2aceForFaces(unif2ace_full_config(**recipe.model.changes))
    for stage in recipe.stages:
        freeze(model, stage)
        rates = {group["lr"] for group in parameter_groups(model, stage)}
        assert rates == {2e-5, 1e-4}
    assert sum(weight.numel() for weight in model.parameters()) > 1.7e9


@pytest.mark.parametrize("name", ["draw-tiny", "draw-tiny-tokenizer"])
def test_the_tiny_recipes_fit_each_other_and_what_may_be_shipped(name):
    recipe = load_attribute(RECIPES[name])()
    assert {mix.source for mix in recipe.stages[0].data} <= set(SOURCES)
    if name == "draw-tiny-tokenizer":
        made, _ = open_family(recipe.model).start(recipe.model, [], 0)
        assert made.config.image_size_px >= 96
        assert made.num_parameters() < 4e6
        return
    config = unif2ace_config(recipe.model, 2500)
    tokenizer = load_attribute(RECIPES["draw-tiny-tokenizer"])().model.changes
    assert config.num_code_ids == 2 ** tokenizer["code_bits"]
    assert config.num_codes == (tokenizer["image_size_px"] // 8) ** 2
    with torch.device("meta"):
        assert UniF2aceForFaces(config).num_parameters() < 9e6


def test_built_data_are_drawn_and_asked_about_from_kept_codes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (80, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    turns = (Turn("user", "Describe it."), Turn("assistant", "A man smiles. He has a beard."))
    asked = (Turn("user", "Is it a man?"), Turn("assistant", "Yes, a man."))
    records = [Record("caption", 2, "one.png", turns), Record("yes_no", 1, "one.png", asked),
               Record("yes_no", 1, "gone.png", asked)]  # fmt: skip
    write_records(tmp_path / "built", records)
    tokenizer = toy_image_tokenizer(image_size_px=SIZE_PX)
    write_built_codes(tmp_path / "built", tmp_path, tokenizer, tmp_path / "codes")
    options = {"data": str(tmp_path / "built"), "codes": str(tmp_path / "codes")}
    drawn = open_built_drawings(Mix(source="built-drawings", options=options)).read(0, 0)
    assert (drawn.prompt, drawn.caption) == ("A man smiles", "A man smiles. He has a beard.")
    asking = open_built_asking(Mix(source="built-asking", options=options))
    assert asking.read(0, 0).dialogues[0].messages[1]["content"] == "Yes, a man."
    with pytest.raises(BadInput, match=r"gone\.png: no codes"):
        asking.read(1, 0)


def test_codes_of_a_data_set_of_another_part_are_refused(tmp_path):
    turns = (Turn("user", "Describe it."), Turn("assistant", "A man smiles."))
    write_records(tmp_path / "built", [Record("caption", 2, "one.png", turns)], {"split": "train"})
    options = {"data": str(tmp_path / "built"), "codes": str(tmp_path / "codes")}
    with pytest.raises(BadInput, match="built from the split 'train', and 'val' is asked for"):
        open_built_drawings(Mix(source="built-drawings", split="val", options=options))


def test_distances_of_feature_sets_are_those_of_other_formulas():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(60, 5)), rng.normal(0.5, 2.0, size=(50, 5))
    spreads = [np.cov(features, rowvar=False) for features in (one, other)]
    shift = np.square(one.mean(0) - other.mean(0)).sum()
    expected = shift + np.trace(sum(spreads) - 2 * sqrtm(spreads[0] @ spreads[1]).real)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 5 + 1) ** 3

    pairs = [kernel(x, y) for x in one for y in other]
    own = [
        np.mean([kernel(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j])
        for s in (one, other)
    ]
    assert kernel_distance(one, other) == pytest.approx(sum(own) - 2 * np.mean(pairs))


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
from transformers import TrainerCallback
from lineament.training.run import run_recipe
from test_training_unified import SOURCES, two_stages

torch.set_num_threads(1)

class Killer(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 3 and Path(args.output_dir).name == {stage!r}:
            os.kill(os.getpid(), signal.SIGKILL)

recipe = two_stages(Path({root!r}), num_workers=2)
run_recipe(recipe, {out!r}, sources=SOURCES, callbacks=[Killer()])
"""


def two_stages(root: Path, num_workers: int) -> Recipe:
    """Return a run that draws at random all along: prompts and weights dropped, codes hidden."""
    lora = Lora(targets=("trunk.blocks.*.query",), rank=2, alpha=8.0, dropout=0.3)
    changes = {"weight_decay": 0.1, "num_steps": 4, "ema": 0.5}
    whole = unified_recipe(root, name="whole", **changes)
    adapted = unified_recipe(
        root, name="adapted", trainable=("trunk.*",), lora=lora, accumulate=2, **changes
    )
    model = whole.model.replace(changes={**whole.model.changes, "condition_dropout": 0.5})
    stages = (*whole.stages, *adapted.stages)
    return whole.replace(model=model, stages=stages, num_workers=num_workers)


@pytest.fixture(scope="module")
def uninterrupted(root, tmp_path_factory) -> dict[str, torch.Tensor]:
    out = tmp_path_factory.mktemp("whole") / "run"
    torch.set_num_threads(1)
    result = run_recipe(two_stages(root, num_workers=2), out, sources=SOURCES)
    return load_file(result.folder / "model.safetensors")


@pytest.mark.parametrize("stage", ["0-whole", "1-adapted"])
def test_a_killed_run_resumes_to_the_same_bits(stage, uninterrupted, root, tmp_path):
    tests, out = str(Path(__file__).parent), tmp_path / "killed"
    script = KILLED.format(tests=tests, root=str(root), out=str(out), stage=stage)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    checkpoint = find_checkpoint(out / stage)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-2"
    result = run_recipe(two_stages(root, num_workers=1), out, resume=True, sources=SOURCES)
    resumed = load_file(result.folder / "model.safetensors")
    assert uninterrupted.keys() == resumed.keys()
    changed = [n for n, one in uninterrupted.items() if not torch.equal(one, resumed[n])]
    assert changed == []
