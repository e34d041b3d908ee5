"""Configurations: what is refused, the full size, and the tiny one."""

from pathlib import Path

import pytest
import torch

from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig, favchat_full_config, favchat_tiny_config
from test_model_toys import _one_thread, toy_config, toy_processor, toy_visual  # noqa: F401


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion": "sum"}, "fusion: expected one of"),
        ({"face_match": "x"}, "face_match: expected one of"),
        ({"token_grid": (0, 2)}, "token_grid"),
        ({"num_experts_per_token": 9}, "num_experts_per_token: expected 1 to num_experts"),
        ({"face_starts_at_zero": True}, "landmark tokens would change"),
        ({"use_general": False, "use_face": False, "use_landmarks": False}, "switched off"),
        ({"use_general": False, "use_face": False, "landmark_tokens": 0}, "switched off"),
        (
            {"face_starts_at_zero": True, "landmark_tokens": 0, "use_general": False},
            "needs the general stream",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        toy_config(**changes)


def test_full_size_builds_on_the_meta_device():
    config = favchat_full_config()
    with torch.device("meta"):
        model = FaVChatForConditionalGeneration(config)
    assert config.tokens_per_frame == 65
    assert model.device.type == "meta"
    millions = {
        "language model": model.language_model.num_parameters() / 1e6,
        "general": _millions(model.media.general_encoder),
        "face": _millions(model.media.face_encoder),
    }
    assert millions["language model"] == pytest.approx(8190.7, abs=1)  # Qwen3-8B's own count
    assert millions["general"] == pytest.approx(412, abs=2)
    assert millions["face"] == pytest.approx(88, abs=2)


def test_full_size_shrunk_runs_from_pixels_to_answer():
    config = shrink(favchat_full_config())
    model = FaVChatForConditionalGeneration(config).eval()
    batch = {
        "pixel_values": torch.randn(1, 2, 3, 384, 384),
        "face_pixel_values": torch.randn(1, 2, 3, 224, 224),
        "landmarks": torch.randn(1, 2, 8, 68, 3),
        "input_ids": torch.tensor([[5] + [config.frame_token_id] * 130 + [6]]),
    }
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    answer = model.generate(**batch, max_new_tokens=2, min_new_tokens=2, pad_token_id=0)
    assert answer.shape == (1, 134)


def test_tiny_size_keeps_its_promises():
    config = favchat_tiny_config()
    with torch.device("meta"):
        model = FaVChatForConditionalGeneration(config)
    assert model.num_parameters() <= 15e6
    assert 8 * config.tokens_per_frame <= 96


def test_the_page_states_the_tiny_size_as_it_is():
    with torch.device("meta"):
        num_weights = FaVChatForConditionalGeneration(favchat_tiny_config()).num_parameters()
    page = (Path(__file__).parent.parent / "docs" / "favchat.md").read_text()
    assert f"{num_weights / 1e6:.1f} million" in page
    assert f"{num_weights * 2 / 1e6:.1f} MB in 16 bits" in page


def test_tiny_size_runs_and_saves_in_sixteen_bits(tmp_path):
    model = FaVChatForConditionalGeneration(favchat_tiny_config(320, frame_token_id=3)).eval()
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size <= 30e6
    loaded = FaVChatForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    visual = toy_visual(2)
    object.__setattr__(visual, "landmarks", None)
    batch = toy_processor(loaded.config)([{"role": "user", "content": "Smiling?"}], visual)
    assert loaded(**batch).logits.isfinite().all()


def test_configuration_survives_json(tmp_path):
    config = toy_config(fusion="add", token_grid=(3, 4))
    config.save_pretrained(tmp_path)
    loaded = FaVChatConfig.from_pretrained(tmp_path)
    assert loaded.tokens_per_frame == config.tokens_per_frame == 13
    assert loaded.text_config.to_dict() == config.text_config.to_dict()


def shrink(config):
    """Keep every shape that pictures and tokens see; make the rest small."""
    for part, hidden, heads in (
        (config.text_config, 64, 2),
        (config.vision_config, 32, 2),
        (config.face_config, 32, 2),
    ):
        part.hidden_size, part.num_attention_heads, part.intermediate_size = hidden, heads, 64
        part.num_hidden_layers = 2
    text = config.text_config
    text.head_dim, text.num_key_value_heads, text.layer_types = 32, 1, text.layer_types[:2]
    config.face_config.num_hidden_layers = 4
    return config


def _millions(module):
    return sum(p.numel() for p in module.parameters()) / 1e6
