"""Starts from Qwen2.5-VL and Qwen3-VL: the base's own logits at step 0, whatever surrounds them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from lineament.errors import BadInput, BadModel
from lineament.model.lora import LoraSettings, add_lora
from lineament.model.qwen_chat import is_qwen_vl, qwen_chat_from
from lineament.model.qwen_frames import cut_patches
from lineament.model.tokenizer import FRAME_TOKEN
from lineament.training.objectives import Answers
from lineament.training.qwen_start import TEMPLATE, load_qwen
from lineament.training.recipe import Mix, Model, Stage
from lineament.training.start import load_trained, save_trained, start_model
from lineament.training.stream import Drawn
from test_lora import disturb
from test_model_toys import (
    NUM_POINTS,
    NUM_SAMPLES,
    _one_thread,  # noqa: F401
    toy_config,
    toy_tokenizer,
    toy_visual,
)
from test_training_toys import ToySource, toy_example

KINDS = ("qwen2_5_vl", "qwen3_vl")
MARKS = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
ASKED = [{"role": "user", "content": "Is the person in the clip smiling?"}]


def write_toy_qwen(folder: Path, kind: str, **text_changes: Any) -> Path:
    """Save a small random Qwen-VL as `transformers` saves it, with tokenizer and pixel scale."""
    tokenizer = toy_tokenizer()
    tokenizer.add_tokens(MARKS, special_tokens=True)
    start, end, image, video = tokenizer.convert_tokens_to_ids(MARKS)
    text = {
        "vocab_size": len(tokenizer) + 3, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
        "max_position_embeddings": 1024, "initializer_range": 0.2,
    } | text_changes  # fmt: skip
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": 1e4}
    vision = {
        "depth": 3, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
        "out_hidden_size": 32, "initializer_range": 0.2,
    }  # fmt: skip
    ids = {
        "image_token_id": image, "video_token_id": video,
        "vision_start_token_id": start, "vision_end_token_id": end,
    }  # fmt: skip
    torch.manual_seed(0)
    if kind == "qwen2_5_vl":
        vision |= {"window_size": 16, "fullatt_block_indexes": [1]}
        text["rope_parameters"] = rope | {"mrope_section": [2, 3, 3]}
        config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
        model: Any = Qwen2_5_VLForConditionalGeneration(config)
    else:
        vision |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0, 2]}
        text["rope_parameters"] = rope | {"mrope_section": [3, 3, 2], "mrope_interleaved": True}
        text["head_dim"] = 16
        config = Qwen3VLConfig(text_config=text, vision_config=vision, **ids)
        model = Qwen3VLForConditionalGeneration(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    colors = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(colors))
    return folder


def toy_changes(grid: tuple[int, int] = (3, 2)) -> dict[str, Any]:
    return {
        "token_grid": list(grid),
        "face_config": toy_config().face_config.to_dict(),
        "num_landmarks": NUM_POINTS,
        "landmark_samples": NUM_SAMPLES,
        "landmark_dim": 16,
    }


@pytest.fixture(scope="module", params=KINDS)
def base(request, tmp_path_factory) -> Path:
    return write_toy_qwen(tmp_path_factory.mktemp(request.param), request.param)


def start(base: Path) -> tuple[Any, Any]:
    model, processor = start_model(Model(start=str(base), changes=toy_changes()), [], seed=0)
    return model.eval(), processor


def ask_base(qwen: Any, batch: Any, frame_id: int) -> dict[str, torch.Tensor]:
    """Return a batch of ours as the base takes it: each frame is one of its pictures."""
    ids = batch["input_ids"].clone()
    ids[ids == frame_id] = qwen.config.image_token_id
    pixels = batch["pixel_values"][batch["frame_mask"]]
    return {
        "input_ids": ids,
        "attention_mask": batch["attention_mask"],
        "mm_token_type_ids": (ids == qwen.config.image_token_id).int(),
        "pixel_values": cut_patches(pixels, qwen.config.vision_config),
        "image_grid_thw": torch.tensor([[1, 6, 4]] * len(pixels)),
    }


@torch.no_grad()
def test_first_logits_are_the_bases_own_with_faces_and_landmarks_given(base):
    model, processor = start(base)
    qwen = load_qwen(str(base)).eval()
    longer = [{"role": "user", "content": "Yes, she is smiling. " * 3}]
    batch = processor([ASKED, longer], [toy_visual(2, 1), toy_visual(3, 2)])
    assert batch["face_mask"].any()
    expected = qwen(**ask_base(qwen, batch, processor.frame_token_id)).logits
    found = model(**batch).logits
    real = batch["attention_mask"].bool()
    assert expected.abs().max() > 0.5
    torch.testing.assert_close(found[real], expected[real], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_an_open_gain_lets_the_face_in(base):
    model, processor = start(base)
    batch = processor([ASKED], [toy_visual(2, 1)])
    before = model(**batch).logits
    model.media.adapter.start.gain.fill_(1.0)
    model.media.landmark_tokens.gain.fill_(1.0)
    opened = model(**batch).logits
    assert not torch.allclose(opened, before, atol=1e-3)
    for stream in ("use_face", "use_landmarks"):
        assert not torch.allclose(model(**batch, **{stream: False}).logits, opened, atol=1e-4)


@torch.no_grad()
def test_answers_are_the_bases_own_word_by_word(base):
    model, processor = start(base)
    qwen = load_qwen(str(base)).eval()
    batch = processor([ASKED], [toy_visual(3, 1)])
    shown = processor.tokenizer.convert_tokens_to_ids([FRAME_TOKEN, *MARKS])
    rules = {
        "max_new_tokens": 8, "do_sample": False, "pad_token_id": 0, "eos_token_id": None,
        "suppress_tokens": shown,  # a random model would say placeholders
    }  # fmt: skip
    found = model.generate(**batch, **rules)
    expected = qwen.generate(**ask_base(qwen, batch, processor.frame_token_id), **rules)
    assert found[0, -8:].tolist() == expected[0, -8:].tolist()


def test_patches_are_cut_as_the_bases_image_processor_cuts_them(base):
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    model, processor = start(base)
    side = model.config.vision_config.patch_size
    rows, columns = model.config.token_grid
    pixels = np.random.default_rng(0).integers(0, 256, (rows * side, columns * side, 3))
    pixels = pixels.astype(np.uint8)
    theirs = Qwen2VLImageProcessorPil(
        patch_size=4, image_mean=processor.frame_mean, image_std=processor.frame_std,
        size={"shortest_edge": 1, "longest_edge": 10**6},
    )(images=[Image.fromarray(pixels)], return_tensors="pt")  # fmt: skip
    visual = toy_visual(1)
    object.__setattr__(visual, "frames", pixels[None])
    ours = processor.encode_visuals([visual])["pixel_values"][0]
    patches = cut_patches(ours, model.config.vision_config.encoder)
    assert theirs["image_grid_thw"].tolist() == [[1, 2 * rows, 2 * columns]]
    torch.testing.assert_close(patches, theirs["pixel_values"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("share_prefix", [True, False])
def test_packed_losses_are_those_of_single_rows(base, share_prefix):
    """Positions of pictures and what is added at other depths survive packing."""
    model, processor = start(base)
    torch.nn.init.ones_(model.media.adapter.start.gain)
    stage = Stage(
        name="toy", data=(Mix(source="-"),), num_steps=1, row_tokens=400, share_prefix=share_prefix
    )
    examples = [toy_example(number, 3) for number in range(3)]
    sums = {}
    for name, settings in (("packed", stage), ("single", stage.replace(row_tokens=0))):
        objective = Answers(model, processor, settings.replace(share_prefix=name == "packed"))
        drawn = [Drawn(objective.encode(example)) for example in examples]
        batches = [objective.collate(drawn)] if name == "packed" else [
            objective.collate([one]) for one in drawn
        ]  # fmt: skip
        sums[name] = torch.stack(
            [objective.learner().eval()(**_tensors(batch))["loss_sum"] for batch in batches]
        ).sum()
    assert sums["packed"] > 1
    torch.testing.assert_close(sums["packed"], sums["single"], atol=1e-4, rtol=1e-5)


def _tensors(batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in batch.items() if isinstance(value, torch.Tensor)}


@torch.no_grad()
def test_what_a_run_saves_is_loaded_with_its_adapters(base, tmp_path):
    model, processor = start(base)
    add_lora(model, LoraSettings(("language_model.*q_proj",), rank=2))
    disturb(model)
    batch = processor([ASKED], [toy_visual(2, 1)])
    save_trained(model, processor, tmp_path / "adapted")
    loaded, again = load_trained(tmp_path / "adapted")
    assert torch.equal(loaded.eval()(**batch).logits, model.eval()(**batch).logits)
    assert again.tokenizer.chat_template == TEMPLATE
    plain, _ = start(base)
    save_trained(plain, processor, tmp_path / "plain")
    restarted, _ = start_model(Model(start=str(tmp_path / "plain")), [], seed=0)
    assert torch.equal(restarted.eval()(**batch).logits, plain(**batch).logits)


def test_tied_embeddings_stay_tied(tmp_path):
    folder = write_toy_qwen(tmp_path / "tied", "qwen3_vl")
    row = json.loads((folder / "config.json").read_text())
    row["tie_word_embeddings"] = True
    (folder / "config.json").write_text(json.dumps(row))
    model, processor = start(folder)
    head = model.get_output_embeddings().weight
    assert head is model.get_input_embeddings().weight
    save_trained(model, processor, tmp_path / "saved")
    loaded, _ = load_trained(tmp_path / "saved")
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


def test_a_run_fits_landmarks_on_a_base_too(base):
    settings = Model(start=str(base), changes=toy_changes(), fit_landmarks=4)
    model, _ = start_model(settings, [ToySource()], seed=0)
    assert model.media.landmark_stream.mean.abs().sum() > 0


def test_what_does_not_fit_a_base_is_refused(base, tmp_path):
    assert is_qwen_vl(str(base))
    assert is_qwen_vl("Qwen/Qwen2.5-VL-7B-Instruct")
    assert not is_qwen_vl("chat-tiny")
    qwen = load_qwen(str(base))
    with pytest.raises(BadInput, match="text_gate"):
        qwen_chat_from(qwen, **toy_changes(), text_gate=True)
    with pytest.raises(BadInput, match="face_starts_at_zero"):
        qwen_chat_from(qwen, **toy_changes(), face_starts_at_zero=False)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
    with pytest.raises(BadModel, match="expected one of qwen2_5_vl, qwen3_vl, got qwen2"):
        load_qwen(str(tmp_path))
    with pytest.raises(BadModel, match="cannot be loaded"):
        start_model(Model(start=str(tmp_path / "Qwen3-VL-none")), [], seed=0)
