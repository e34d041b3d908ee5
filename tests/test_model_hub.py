"""Loading by name and path, damaged files, and foreign checkpoints."""

import sys
import types

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModel, LlavaConfig
from transformers import LlavaForConditionalGeneration as Llava

from lineament.model.foreign import (
    BadModel,
    favchat_from_llava,
    install_tower,
    load_face_encoder,
    read_weights,
)
from lineament.model.hub import find_folder, load
from lineament.model.lora import LoraSettings, add_lora, find_lora
from lineament.training.start import save_trained
from test_lora import TARGETS, disturb
from test_model_toys import (  # noqa: F401
    _one_thread,
    toy_batch,
    toy_config,
    toy_model,
    toy_processor,
)


@pytest.fixture
def saved(tmp_path):
    model = toy_model()
    model.save_pretrained(tmp_path)
    toy_processor(model.config).save_pretrained(tmp_path)
    return tmp_path


def test_a_saved_folder_loads_whole(saved):
    loaded = load(saved)
    batch = toy_batch(loaded.model.config)
    assert torch.equal(loaded.model(**batch).logits, toy_model()(**batch).logits)
    assert loaded.processor.tokens_per_frame == 5
    assert not loaded.model.training


def test_an_installed_model_is_found_by_name(saved, monkeypatch):
    weights = types.ModuleType("lineament_weights")
    weights.find_model = {"chat-toy": saved}.get
    weights.list_models = lambda: ["chat-toy"]
    monkeypatch.setitem(sys.modules, "lineament_weights", weights)
    assert find_folder("chat-toy") == saved
    with pytest.raises(BadModel, match="neither a folder nor an installed") as caught:
        find_folder("chat-huge")
    assert caught.value.hint == "installed models: chat-toy"


def test_a_name_without_installed_weights_hints_at_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "lineament_weights", None)
    with pytest.raises(BadModel, match="chat-tiny: neither") as caught:
        load("chat-tiny")
    assert "lineament-weights" in caught.value.hint


def test_a_folder_without_configuration_is_no_model(tmp_path):
    with pytest.raises(BadModel, match=r"no config\.json"):
        load(tmp_path)


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(folder):
    (folder / "model.safetensors").write_bytes(b"")


def remove(folder):
    (folder / "model.safetensors").unlink()


def drop_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["media.adapter.mixture.router.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def reshape_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    weights["media.adapter.mixture.router.weight"] = torch.zeros(2, 2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def add_a_weight(folder):
    weights = load_file(folder / "model.safetensors") | {"stranger": torch.zeros(2)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def garble_config(folder):
    (folder / "config.json").write_text("{not json")


def wrong_setting(folder):
    (folder / "config.json").write_text('{"model_type": "favchat", "fusion": "sum"}')


def wrong_type(folder):
    (folder / "config.json").write_text('{"model_type": "favchat", "num_experts": "many"}')


def foreign_config(folder):
    (folder / "config.json").write_text('{"model_type": "llama"}')


def garble_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "cannot be read"),
        (empty, "cannot be read"),
        (remove, "cannot be read"),
        (drop_a_weight, r"1 missing weights, media\.adapter\.mixture\.router\.weight first"),
        (reshape_a_weight, r"1 mismatched weights, media\.adapter\.mixture\.router"),
        (add_a_weight, "1 unexpected weights, stranger first"),
        (garble_config, r"config\.json: cannot be read"),
        (wrong_setting, "fusion: expected one of"),
        (wrong_type, "num_experts"),
        (foreign_config, "expected a favchat model, got llama"),
        (garble_tokenizer, "tokenizer or processor cannot be read"),
    ],
)
def test_damage_gives_one_clear_error(saved, damage, message):
    damage(saved)
    with pytest.raises(BadModel, match=message) as caught:
        load(saved)
    assert "\n" not in caught.value.message


def openai_weights(model: CLIPVisionModel) -> dict[str, torch.Tensor]:
    """Write a CLIP vision model in the key layout of OpenAI's and FaRL's checkpoints."""
    ours = model.state_dict()
    weights = {
        "visual.class_embedding": ours["embeddings.class_embedding"],
        "visual.conv1.weight": ours["embeddings.patch_embedding.weight"],
        "visual.positional_embedding": ours["embeddings.position_embedding.weight"],
        "visual.proj": torch.randn(128, 16),
        "token_embedding.weight": torch.randn(5, 16),
        "logit_scale": torch.tensor(1.0),
    }
    for part in ("weight", "bias"):
        weights[f"visual.ln_pre.{part}"] = ours[f"pre_layrnorm.{part}"]
        weights[f"visual.ln_post.{part}"] = ours[f"post_layernorm.{part}"]
        for i in range(model.config.num_hidden_layers):
            theirs, mine = f"visual.transformer.resblocks.{i}", f"encoder.layers.{i}"
            attention = f"{mine}.self_attn"
            weights |= {
                f"{theirs}.attn.in_proj_{part}": torch.cat(
                    [ours[f"{attention}.{letter}_proj.{part}"] for letter in "qkv"]
                ),
                f"{theirs}.attn.out_proj.{part}": ours[f"{attention}.out_proj.{part}"],
                f"{theirs}.ln_1.{part}": ours[f"{mine}.layer_norm1.{part}"],
                f"{theirs}.ln_2.{part}": ours[f"{mine}.layer_norm2.{part}"],
                f"{theirs}.mlp.c_fc.{part}": ours[f"{mine}.mlp.fc1.{part}"],
                f"{theirs}.mlp.c_proj.{part}": ours[f"{mine}.mlp.fc2.{part}"],
            }
    return weights


def random_clip() -> CLIPVisionModel:
    config = CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        hidden_act="quick_gelu",
    )
    model = CLIPVisionModel(config).eval()
    with torch.no_grad():  # biases and norms that matter
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    return model


@pytest.mark.parametrize("layout", ["openai", "farl", "half", "parallel", "safetensors"])
def test_openai_and_farl_checkpoints_load_as_the_same_network(tmp_path, layout):
    original = random_clip()
    weights = openai_weights(original)
    path = tmp_path / ("clip.safetensors" if layout == "safetensors" else "clip.pt")
    if layout == "safetensors":
        save_file({k: v.contiguous() for k, v in weights.items()}, path)
    elif layout == "farl":
        torch.save({"state_dict": weights, "epoch": 64}, path)
    elif layout == "parallel":
        torch.save({f"module.{k}": v for k, v in weights.items()}, path)
    else:
        half = {k: v.half() for k, v in weights.items()}
        torch.save(half if layout == "half" else weights, path)
    loaded = load_face_encoder(path)
    pixels = torch.randn(2, 3, 32, 32)
    tolerance = 2e-2 if layout == "half" else 1e-6
    for before, after in zip(
        original(pixels, output_hidden_states=True).hidden_states,
        loaded(pixels, output_hidden_states=True).hidden_states,
        strict=True,
    ):
        torch.testing.assert_close(after, before, atol=tolerance, rtol=tolerance)


def test_a_loaded_face_encoder_goes_into_favchat():
    clip = random_clip()
    model = toy_model(face_config=clip.config.to_dict())
    install_tower(model.media.face_encoder.tower, clip)
    pixels = torch.randn(1, 3, 32, 32)
    expected = clip(pixels).last_hidden_state
    assert torch.equal(model.media.face_encoder.tower(pixels).last_hidden_state, expected)
    with pytest.raises(BadModel, match="do not fit"):
        install_tower(toy_model().media.face_encoder.tower, clip)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as weights"),
        (b"garbage", "cannot be read as weights"),
        ({"encoder.weight": torch.zeros(1)}, "no CLIP vision transformer"),
        (torch.zeros(2), "expected a state_dict, got Tensor"),
        ("short", "do not fit"),
    ],
)
def test_files_that_are_no_clip_are_refused(tmp_path, content, message):
    path = tmp_path / "clip.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        weights = openai_weights(random_clip())
        del weights["visual.ln_pre.weight"]
        torch.save(weights, path)
    else:
        torch.save(content, path)
    with pytest.raises(BadModel, match=message):
        load_face_encoder(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadModel, match=r"nothing\.pt: No such file"):
        read_weights(tmp_path / "nothing.pt")


def test_favchat_started_from_llava_has_its_logits_at_step_zero():
    toy = toy_config()
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=24,
        patch_size=8,
    )
    text = toy.text_config.to_dict() | {"tie_word_embeddings": False}
    llava = Llava(
        LlavaConfig(vision_config=vision.to_dict(), text_config=text, image_token_index=3)
    ).eval()
    model = favchat_from_llava(llava, face_config=toy.face_config.to_dict(), num_landmarks=5).eval()
    assert model.config.tokens_per_frame == 9
    pixels = torch.randn(2, 3, 24, 24)
    input_ids = torch.tensor([[7, 8] + [3] * 9 + [9] + [3] * 9 + [11, 12]])
    expected = llava(input_ids=input_ids, pixel_values=pixels).logits
    logits = model(
        input_ids=input_ids,
        pixel_values=pixels.unsqueeze(0),
        face_pixel_values=torch.randn(1, 2, 3, 24, 24),
        landmarks=torch.randn(1, 2, 8, 5, 3),
    ).logits
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("experts", [1, 3])
def test_a_model_with_adapters_is_loaded_as_any_other(tmp_path, experts):
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, rank=2, experts=experts))
    disturb(model)
    save_trained(model, toy_processor(model.config), tmp_path / "adapted")
    loaded = load(tmp_path / "adapted").model
    assert find_lora(loaded) == find_lora(model)
    batch = toy_batch(model.config)
    assert torch.equal(loaded(**batch).logits, model.eval()(**batch).logits)
    assert load(tmp_path / "adapted", dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_damaged_adapters_are_one_clear_error(tmp_path):
    model = toy_model()
    add_lora(model, LoraSettings(TARGETS, rank=2))
    save_trained(model, toy_processor(model.config), tmp_path / "adapted")
    settings = tmp_path / "adapted" / "lora.json"
    settings.write_text(settings.read_text().replace('"rank": 2', '"rank": 3'))
    with pytest.raises(BadModel, match="adapted model cannot be read"):
        load(tmp_path / "adapted")
