"""The image tokenizer: parity with the public one, codes and bits, what is refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lineament.errors import BadInput, BadModel
from lineament.model.hub import load_magvitv2
from lineament.model.image_tokenizer import (
    ImageTokenizer,
    ImageTokenizerConfig,
    bits_from_codes,
    codes_from_bits,
    image_tokenizer_tiny_config,
    round_to_signs,
)
from test_model_toys import _one_thread  # noqa: F401

PARITY = Path(__file__).resolve().parents[2] / "shared" / "data" / "parity"


def toy_tokenizer_config(**changes) -> ImageTokenizerConfig:
    settings = {
        "channels": 8,
        "encoder_multipliers": (1, 2, 2),
        "decoder_multipliers": (1, 1, 2),
        "encoder_blocks": (1, 2, 1),
        "decoder_blocks": (1, 1, 2),
        "code_bits": 5,
        "norm_groups": 4,
        "image_size_px": 16,
    }
    return ImageTokenizerConfig(**(settings | changes))


def toy_image_tokenizer(**changes) -> ImageTokenizer:
    torch.manual_seed(0)
    return ImageTokenizer(toy_tokenizer_config(**changes)).eval()


@pytest.fixture
def parity() -> Path:
    if not PARITY.is_dir():
        pytest.skip(f"the parity files are not here: {PARITY}")
    return PARITY


@pytest.mark.shared
def test_codes_and_pixels_equal_those_of_the_public_implementation(parity):
    tokenizer = load_magvitv2(parity)
    expected = load_file(parity / "magvitv2_expected.safetensors")
    bits = tokenizer.find_bits(expected["pixel_values"])
    torch.testing.assert_close(bits, expected["hidden"], atol=1e-4, rtol=0)
    assert torch.equal(tokenizer.encode(expected["pixel_values"]), expected["codes"])
    decoded = tokenizer.decode(expected["codes"])
    torch.testing.assert_close(decoded, expected["decoded"], atol=1e-4, rtol=0)


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """Write a toy in the public key layout, the quantiser's buffers included."""
    tokenizer = toy_image_tokenizer(norm_groups=32, channels=32)
    weights = dict(tokenizer.state_dict())
    shifts = torch.arange(4, -1, -1)
    weights["quantize.power_vals"] = 2**shifts
    weights["quantize.embedding"] = (((torch.arange(32)[:, None] >> shifts) & 1) * 2 - 1).float()
    save_file({k: v.contiguous() for k, v in weights.items()}, tmp_path / "model.safetensors")
    return tmp_path


def test_sizes_are_read_from_the_weights(checkpoint):
    loaded = load_magvitv2(checkpoint)
    assert list(loaded.config.encoder_blocks) == [1, 2, 1]
    assert list(loaded.config.decoder_multipliers) == [1, 1, 2]
    assert loaded.config.code_bits == 5
    assert not loaded.training


def change_order(weights):
    weights["quantize.power_vals"] = weights["quantize.power_vals"].flip(0)


def drop_encoder(weights):
    del weights["encoder.conv_in.weight"]


def drop_level(weights):
    for name in [n for n in weights if n.startswith("encoder.down.1.block")]:
        del weights[name]


def add_attention(weights):
    weights["encoder.down.0.attn.0.q.weight"] = torch.zeros(2)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_order, "power_vals is not the binary code"),
        (drop_encoder, r"no MAGVIT-v2 weights in it \('encoder\.conv_in\.weight'"),
        (drop_level, r"encoder\.down\.1\.block"),
        (add_attention, "weights do not fit"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(checkpoint, damage, message):
    weights = load_file(checkpoint / "model.safetensors")
    damage(weights)
    save_file(weights, checkpoint / "model.safetensors")
    with pytest.raises(BadModel, match=message) as caught:
        load_magvitv2(checkpoint)
    assert "\n" not in caught.value.message


def test_a_folder_without_weights_and_a_cut_file_are_refused(tmp_path, checkpoint):
    with pytest.raises(BadModel, match=r"none of magvitv2\.safetensors"):
        load_magvitv2(tmp_path / "nothing")
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadModel, match="cannot be read as weights"):
        load_magvitv2(checkpoint)


def test_every_code_is_its_own_bits():
    codes = torch.arange(32).view(1, 4, 8)
    signs = bits_from_codes(codes, 5) * 2.0 - 1
    assert torch.equal(codes_from_bits(signs), codes)
    assert signs[0, :, 2, 0].tolist() == [1, -1, -1, -1, -1]  # 16: the highest bit comes first


def test_zero_counts_as_bit_zero_when_encoding_and_when_rounding():
    zeros = torch.zeros(1, 3, 1, 1)
    assert codes_from_bits(zeros).item() == 0
    assert round_to_signs(zeros).flatten().tolist() == [-1, -1, -1]


def test_rounding_passes_its_gradient_on():
    bits = torch.tensor([0.3, -2.0]).view(1, 2, 1, 1).requires_grad_()
    rounded = round_to_signs(bits)
    (rounded * torch.tensor([2.0, 5.0]).view(1, 2, 1, 1)).sum().backward()
    assert rounded.flatten().tolist() == [1, -1]
    assert bits.grad.flatten().tolist() == [2, 5]


def test_painting_rounded_bits_is_decoding_their_codes():
    tokenizer = toy_image_tokenizer()
    pixels = torch.rand(2, 3, 16, 24) * 2 - 1
    bits = tokenizer.find_bits(pixels)
    codes = tokenizer.encode(pixels)
    assert codes.shape == (2, 24)
    painted = tokenizer.paint(round_to_signs(bits))
    torch.testing.assert_close(tokenizer.decode(codes, (4, 6)), painted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.encode(torch.zeros(1, 3, 15, 16)), "multiples of 4 px, got 16x15"),
        (lambda t: t.decode(torch.zeros(1, 7, dtype=torch.long)), "7 do not fill"),
        (lambda t: t.decode(torch.full((1, 4), 32)), "expected 0 to 31, got 32"),
        (lambda t: t.decode(torch.full((1, 4), -1)), "expected 0 to 31, got -1"),
    ],
)
def test_bad_pictures_and_codes_are_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call(toy_image_tokenizer())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder_blocks": (1, 1)}, "decoder_blocks: expected 3 levels"),
        ({"code_bits": 0}, "code_bits: expected 1 to 20"),
        ({"channels": 6}, "channels: expected a multiple of norm_groups"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        toy_tokenizer_config(**changes)


def test_saving_and_loading_keeps_every_pixel(tmp_path):
    tokenizer = toy_image_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    loaded = ImageTokenizer.from_pretrained(tmp_path)
    codes = torch.randint(0, 32, (2, 16))
    assert torch.equal(loaded.decode(codes), tokenizer.decode(codes))


def test_full_size_is_show_os():
    with torch.device("meta"):
        tokenizer = ImageTokenizer(ImageTokenizerConfig())
    assert tokenizer.config.grid_side == 16
    assert tokenizer.config.num_code_ids == 8192
    assert len(tokenizer.encoder.down[0].block) == 4
    assert tokenizer.num_parameters() == 95_387_004  # counted from the architecture as published


def test_tiny_size_draws_128_px_from_256_codes():
    tokenizer = ImageTokenizer(image_tokenizer_tiny_config()).eval()
    assert tokenizer.num_parameters() <= 6e6
    codes = tokenizer.encode(torch.rand(1, 3, 128, 128))
    assert codes.shape == (1, 256)
    assert tokenizer.decode(codes).shape == (1, 3, 128, 128)
