"""Recipes' settings that are wrong or without effect: refused in one line, before any training."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, SiglipConfig, SiglipModel

from lineament.cli.app import run
from lineament.cli.train import Lookup, load_attribute
from lineament.config import override
from lineament.errors import BadInput, BadModel
from lineament.model.favchat_config import favchat_full_config, favchat_tiny_config
from lineament.model.unif2ace_config import UniF2aceConfig
from lineament.recipes import SOURCES
from lineament.recipes.smoke import smoke
from lineament.records.record import Record, Turn
from lineament.records.store import write_records
from lineament.training.label_objective import find_table
from lineament.training.mixes import FILTERS, READ_BY, check_mix, find_kinds, open_mix
from lineament.training.model_settings import check_changes, check_model
from lineament.training.parts import install_parts
from lineament.training.recipe import Lora, Mix, Model
from lineament.training.rehearsal import LEARNED_BY, check_recipe, rehearse
from lineament.training.run import run_recipe
from lineament.training.start import fit_landmarks
from lineament.training.unified_family import FAMILIES
from test_image_tokenizer import toy_image_tokenizer
from test_model_toys import (  # noqa: F401
    NUM_POINTS,
    _one_thread,
    toy_config,
    toy_model,
    toy_processor,
)
from test_training_toys import TOY_SOURCES, ToySource, toy_recipe, toy_stage
from test_unif2ace import toy_unif2ace

LORA = '"targets": ["language_model.*q_proj"]'
REFUSED = [
    ("seed=-1", "seed"),
    ("seed=99999999999", "seed"),
    ("adam_epsilon=-1", "adam_epsilon"),
    ("stages.0.betas=[1.5, 0.9]", "stages.0.betas.0"),
    ("stages.0.learning_rates.*=-1", "stages.0.learning_rates.*"),
    ("stages.0.learning_rates.*=Infinity", "stages.0.learning_rates.*"),
    ("stages.0.drop_streams.face=1.5", "stages.0.drop_streams.face"),
    ("stages.0.num_samples=4", "stages.summaries: num_steps (20) and num_samples (4) are both set"),
    (f'stages.0.lora={{{LORA}, "experts": 2, "top_k": 3}}', "stages.summaries.lora.top_k"),
    (f'stages.0.lora={{{LORA}, "route_by": "task"}}', "stages.summaries.lora.route_by"),
    (
        f'stages.0.lora={{{LORA}, "route_by": "task", "experts": 2}}',
        "stages.summaries.lora.tasks: none",
    ),
    (f'stages.0.lora={{{LORA}, "tasks": ["summary"]}}', "stages.summaries.lora.tasks: has no eff"),
    (
        f'stages.0.lora={{{LORA}, "experts": 2, "route_by": "task", "tasks": ["sumary"]}}',
        "unknown kind in stages.summaries.lora.tasks 'sumary'",
    ),
    ("stages.0.data.0.options.count=abc", "stages.summaries.data.0.options.count"),
    ("stages.0.data.0.options.count=true", "stages.summaries.data.0.options.count"),
    ("stages.1.data.1.options.num_frames=0", "stages.questions.data.1.options.num_frames"),
    ("stages.0.data.0.quality_share=0.5", "stages.summaries.data.0.quality_share: 'rendered'"),
    ("stages.0.validation.0.split=devv", "stages.summaries.validation.0.split 'devv'"),
    ("stages.1.objective=unified", "stages.questions.objective: 'unified' is not for models"),
    ("model.family=unif2ace", "stages.summaries.objective: 'answers' is not for models"),
    ("model.processor.foo=3", "unknown key 'model.processor.foo'"),
    ("model.changes.token_grd=[3, 3]", "unknown key 'model.changes.token_grd'"),
    (
        "model.changes.text_config.hiden_size=32",
        "unknown key 'model.changes.text_config.hiden_size'",
    ),
    ("model.changes.face_config.deptsh=[1]", "unknown key 'model.changes.face_config.deptsh'"),
    ("model.changes.text_config=3", "model.changes.text_config: expected keys with values"),
    ("model.changes.text_config.model_type=qwen33", "model.changes.text_config.model_type"),
    ("model.start=chat-tiny", "model.changes: has no effect with model.start='chat-tiny'"),
]


@pytest.mark.parametrize(("setting", "told"), REFUSED)
def test_a_setting_that_is_wrong_or_has_no_effect_is_refused(setting, told, tmp_path, capsys):
    assert run(["train", "smoke", "--out", str(tmp_path / "run"), f"--set={setting}"]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert told in shown, shown
    assert "Traceback" not in shown
    assert not list(tmp_path.rglob("log.jsonl"))  # nothing has trained


def test_steps_or_samples_are_chosen_by_setting_the_other_to_nothing():
    with pytest.raises(BadInput) as caught:
        override(smoke(), ["stages.0.num_samples=4"])
    assert "--set stages.summaries.num_steps=0" in caught.value.hint
    changed = override(smoke(), ["stages.0.num_samples=4", "stages.summaries.num_steps=0"])
    assert changed.stages[0].total_steps == 1


@pytest.mark.parametrize(
    ("key", "hint"),
    [("hiden_size", "did you mean 'hidden_size'?"), ("zzz", "known keys: ")],
)
def test_the_nearest_known_key_is_named(key, hint):
    with pytest.raises(BadInput) as caught:
        check_changes({"text_config": {key: 1}}, favchat_tiny_config())
    assert caught.value.hint.startswith(hint)


def test_what_configurations_take_without_saying_so_is_let_through():
    whole = toy_config().to_dict()  # with all that is written of one
    check_changes(whole, favchat_tiny_config())
    older = {"rope_theta": 1e4, "rope_scaling": None}
    check_changes({"text_config": older}, favchat_full_config())
    with pytest.raises(BadInput, match="rope_theta"):  # an encoder turns nothing
        check_changes({"vision_config": older}, favchat_full_config())
    check_changes({"hidden_size": 8}, UniF2aceConfig)
    # A part of another kind is measured by its own kind.
    check_changes({"text_config": {"model_type": "llama", "mlp_bias": True}}, favchat_tiny_config())
    with pytest.raises(BadInput, match="mlp_bias"):
        check_changes({"text_config": {"mlp_bias": True}}, favchat_tiny_config())


def test_what_a_start_does_not_read_is_refused_and_what_it_is_anyway_is_not(tmp_path):
    tokenizer, network = tmp_path / "tokenizer", tmp_path / "network"
    toy_image_tokenizer().save_pretrained(tokenizer)
    toy_unif2ace().save_pretrained(network)
    drawn: dict[str, Any] = {"family": "unif2ace", "start": str(network)}
    pixels: dict[str, Any] = {"family": "image-tokenizer", "start": str(tokenizer)}
    fine: tuple[dict[str, Any], ...] = (
        {"start": "chat-tiny"},
        {"start": "Qwen/Qwen2.5-VL-7B-Instruct", "changes": {"token_grid": [4, 4]}},
        {"start": "Qwen/Qwen3-VL-8B-Instruct", "fit_landmarks": 3, "parts": {"face_encoder": "x"}},
        drawn | {"parts": {"eyes": "x"}, "changes": {"hidden_size": 32, "text_block": 12}},
        {"family": "unif2ace", "start": "weights/show-o", "changes": {"text_block": 254}},
        pixels | {"processor": {"entropy": 1.0}, "changes": {"encoder_multipliers": [1, 2, 2]}},
    )
    for settings in fine:
        check_model(Model(**settings))
    unread: tuple[tuple[dict[str, Any], str], ...] = (
        ({"start": "chat-tiny", "fit_landmarks": 3}, "fit_landmarks"),
        ({"start": "chat-tiny", "tokenizer": "x"}, "tokenizer"),
        ({"start": "chat-tiny", "parts": {"face_encoder": "x"}}, "parts"),
        ({"start": "chat-tiny", "processor": {"num_landmarks": 3}}, "processor"),
        (drawn | {"changes": {"hidden_size": 64}}, "changes"),
        (drawn | {"tokenizer": "x"}, "tokenizer"),
        ({"family": "unif2ace", "processor": {"entropy": 1.0}}, "processor"),
        (pixels | {"changes": {"code_bits": 6}}, "changes"),
        ({"family": "image-tokenizer", "fit_landmarks": 3}, "fit_landmarks"),
    )
    for settings, field in unread:
        with pytest.raises(BadInput, match=rf"model\.{field}: has no effect with") as caught:
            check_model(Model(**settings))
        assert f"--set 'model.{field}=" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"family": "unif2ace", "changes": {"text_blok": 12}}, r"unknown key 'model.changes.text_"),
        ({"family": "unif2ace", "parts": {"eye": "x"}}, "unknown key of model.parts 'eye'"),
        ({"family": "image-tokenizer", "changes": {"code_bit": 5}}, "'model.changes.code_bit'"),
    ],
)
def test_other_families_know_their_own_settings(settings, told):
    with pytest.raises(BadInput, match=told):
        check_model(Model(**settings))


def test_every_source_tells_which_filters_it_goes_by():
    assert set(READ_BY) == set(SOURCES)
    assert set(LEARNED_BY) == set(FAMILIES)
    values: dict[str, Any] = {
        "kinds": ("summary",), "levels": (1,), "quality_share": 0.5, "split": "dev", "limit": 3,
    }  # fmt: skip
    sources = Lookup()
    for source, read in READ_BY.items():
        for name in FILTERS:
            mix = Mix(source=source, **{name: values[name]})
            if name in read:
                check_mix(mix, sources, where="here")
                continue
            with pytest.raises(BadInput, match=rf"here\.{name}: '{source}' does not read it"):
                check_mix(mix, sources, where="here")


def test_options_that_a_source_cannot_use_are_told_with_its_name():
    def open_rooted(mix: Mix) -> ToySource:
        return ToySource(int(mix.options["root"]))

    for options, told in (({}, "'root' is missing"), ({"root": "x"}, "invalid literal")):
        mix = Mix(source="rooted", options=options)
        with pytest.raises(BadInput, match=f"here: options of 'rooted': {told}"):
            open_mix(mix, {"rooted": open_rooted}, where="here")


def test_routes_are_compared_with_the_kinds_that_a_data_set_holds(tmp_path):
    turns = (Turn("user", "What?"), Turn("assistant", "She smiles."))
    records = [Record(kind, 1, "", turns) for kind in ("summary", "yes_no")]
    write_records(tmp_path / "built", records, {})
    built = Mix(source=str(tmp_path / "built"))
    assert find_kinds(built, open_mix(built, {}, where="here")) == {"summary", "yes_no"}
    assert find_kinds(Mix(source="toy"), ToySource()) is None  # who knows
    for tasks, data in ((("yes_no",), (built,)), (("other",), (built, Mix(source="toy")))):
        stage = toy_stage(lora=routed(*tasks), data=data)
        check_recipe(toy_recipe(stage), TOY_SOURCES, [0])
    with pytest.raises(BadInput, match=r"unknown kind in stages\.all\.lora\.tasks 'other'"):
        check_recipe(toy_recipe(toy_stage(lora=routed("other"), data=(built,))), TOY_SOURCES, [0])


def routed(*tasks: str) -> Lora:
    return Lora(targets=("*.q_proj",), experts=2, route_by="task", tasks=tasks)


def test_features_that_cannot_be_kept_are_refused_before_any_stage_trains(tmp_path):
    recipe = toy_recipe(toy_stage("one"), toy_stage("two", cache_features=str(tmp_path / "kept")))
    with pytest.raises(BadInput, match=r"stages\.two\.cache_features: no encoder is frozen"):
        run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    assert not list(tmp_path.rglob("checkpoint-*"))
    assert not list(tmp_path.rglob("log.jsonl"))
    assert not (tmp_path / "kept").exists()


def test_features_of_a_model_without_encoders_of_clips_are_refused():
    stage = toy_stage(cache_features="kept", learning_rates={"*": 1e-3})
    with pytest.raises(BadInput, match=r"stages\.all\.cache_features: ImageTokenizer has no enc"):
        rehearse(toy_recipe(stage), {}, [0], toy_image_tokenizer(), None)


def test_landmarks_that_no_stage_brings_are_missed_before_any_stage_trains():
    recipe = toy_recipe(toy_stage("one"), toy_stage("two"))
    recipe = recipe.replace(model=recipe.model.replace(fit_landmarks=2))
    model = toy_model()
    bad = {"toy": lambda mix: ToySource(bad=tuple(range(12)))}  # nor anything else
    with pytest.raises(BadInput, match="no example has landmarks"):
        rehearse(recipe, bad, [0, 1], model, toy_processor(model.config))


def test_landmarks_of_another_number_of_points_are_refused():
    with pytest.raises(BadInput, match=rf"have {NUM_POINTS} points of a face, the model reads 68"):
        fit_landmarks(toy_model(num_landmarks=68), [ToySource()], 2)


@pytest.mark.parametrize("place", ["os:sep", ":", ".x:y", "nothing.there:x"])
def test_what_is_no_table_of_labels_is_refused(place):
    with pytest.raises(BadInput, match="is no table of labels"):
        find_table(toy_stage(labels=place))


def save_siglip(folder: Path) -> Path:
    vision = toy_config().vision_config.to_dict() | {"vision_use_head": True}
    text = {
        "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    torch.manual_seed(3)
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    return folder


def test_an_encoder_goes_in_without_the_head_that_no_token_passes(tmp_path):
    place = str(save_siglip(tmp_path / "siglip"))
    model = toy_model()
    install_parts(model, {"general_encoder": place})
    source = AutoModel.from_pretrained(place).vision_model.state_dict()
    assert any(name.startswith("head.") for name in source)
    assert model.media.general_encoder is not None
    for name, value in model.media.general_encoder.tower.state_dict().items():
        assert torch.equal(value, source[name]), name


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("vision_model.embeddings.patch_embedding.weight", "1 missing weights, vision_model.emb"),
        ("text_model.final_layer_norm.weight", ""),  # of the half that is not taken
    ],
)
def test_a_part_whose_weights_are_missing_is_refused(tmp_path, lost, told):
    from safetensors.torch import load_file, save_file

    path = save_siglip(tmp_path / "siglip") / "model.safetensors"
    weights = load_file(path)
    del weights[lost]
    save_file(weights, path, {"format": "pt"})
    if not told:
        install_parts(toy_model(), {"general_encoder": str(path.parent)})
        return
    with pytest.raises(BadModel, match=told):
        install_parts(toy_model(), {"general_encoder": str(path.parent)})
    save_file({**weights, lost: torch.zeros(2, 2)}, path, {"format": "pt"})
    with pytest.raises(BadModel, match="1 mismatched weights, vision_model"):
        install_parts(toy_model(), {"general_encoder": str(path.parent)})


@pytest.mark.parametrize("place", ["nothing.there:x", "lineament.recipes:nothing", "json", ""])
def test_a_place_that_is_not_there_is_named(place):
    with pytest.raises(BadInput, match=r"cannot be imported"):
        load_attribute(place)
