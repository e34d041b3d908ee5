"""Encoders, taps, landmark stream and adapter."""

import pytest
import torch
from transformers import (
    AutoModel,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    Siglip2VisionConfig,
    SiglipVisionConfig,
)

from lineament.errors import BadInput
from lineament.model.adapter import FusionAdapter, make_positions
from lineament.model.convnet import ConvVisionConfig, ConvVisionModel
from lineament.model.vision import (
    FaceEncoder,
    GeneralEncoder,
    LandmarkStream,
    pool_grid,
    run_tower,
    tap_levels,
    tower_grid,
)
from lineament.training.guard import WeightAverage
from test_model_toys import _one_thread, toy_config  # noqa: F401

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
}
TOWERS = {
    "siglip": SiglipVisionConfig(**SIZES, image_size=32, patch_size=8, vision_use_head=False),
    "siglip2": Siglip2VisionConfig(**SIZES, num_patches=16, patch_size=8, vision_use_head=False),
    "clip": CLIPVisionConfig(**SIZES, image_size=32, patch_size=8),
    "dinov2": Dinov2Config(**SIZES, image_size=32, patch_size=8),
    "registers": Dinov2WithRegistersConfig(
        **SIZES, image_size=32, patch_size=8, num_register_tokens=3
    ),
    "convnet": ConvVisionConfig(hidden_size=32, image_size=32, patch_size=8),
}


@pytest.mark.parametrize(
    ("num_layers", "levels"),
    [(12, (3, 6, 9, 12)), (24, (6, 12, 18, 24)), (6, (2, 3, 5, 6)), (2, (1, 2)), (1, (1,))],
)
def test_quarters_are_tapped_and_never_the_embeddings(num_layers, levels):
    assert tap_levels(num_layers, (0.25, 0.5, 0.75, 1.0)) == levels


@pytest.mark.parametrize("name", TOWERS)
def test_any_tower_serves_both_encoders(name):
    config = TOWERS[name]
    pixels = torch.randn(2, 3, 32, 32)
    assert tower_grid(config) == (4, 4)
    for encoder in (GeneralEncoder(config), FaceEncoder(config, (0.5, 1.0))):
        patches = encoder.eval()(pixels)
        assert patches.shape == (2, 16, 32)
        patches.square().sum().backward()
        assert next(encoder.tower.parameters()).grad is not None


@pytest.mark.parametrize("name", TOWERS)
def test_hidden_states_count_the_embeddings_and_every_block(name):
    tower = AutoModel.from_config(TOWERS[name]).eval()
    output = run_tower(tower, torch.randn(1, 3, 32, 32), output_hidden_states=True)
    assert len(output.hidden_states) == 5


def test_wrong_picture_size_says_expected_and_received():
    with pytest.raises(BadInput, match="expected 32x32 pixels, got 16x32"):
        GeneralEncoder(TOWERS["clip"])(torch.zeros(1, 3, 16, 32))


def test_siglip2_patches_stand_in_the_towers_order():
    tower = AutoModel.from_config(TOWERS["siglip2"])
    seen = {}
    tower.embeddings.register_forward_pre_hook(lambda _, args: seen.update(patches=args[0]))
    picture = torch.randn(1, 3, 32, 32)
    run_tower(tower, picture, output_hidden_states=False)
    corner = picture[0, :, 8:16, 24:32].permute(1, 2, 0).flatten()  # row 1, column 3
    torch.testing.assert_close(seen["patches"][0, 1 * 4 + 3], corner)


def test_merged_levels_start_as_the_last_level_only():
    encoder = FaceEncoder(TOWERS["clip"], (0.25, 0.5, 0.75, 1.0)).eval()
    pixels = torch.randn(2, 3, 32, 32)
    last = run_tower(encoder.tower, pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
    expected = torch.nn.functional.layer_norm(last, (32,))
    torch.testing.assert_close(encoder(pixels), expected)


def test_shallow_levels_get_a_gradient_from_the_first_step():
    encoder = FaceEncoder(TOWERS["clip"], (0.25, 1.0))
    encoder(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert encoder.merge.weight.grad[:, :32].abs().sum() > 0


def test_convolution_net_is_found_by_its_configuration():
    assert isinstance(AutoModel.from_config(TOWERS["convnet"]), ConvVisionModel)


def test_gradient_checkpointing_taps_the_same_levels():
    encoder = FaceEncoder(TOWERS["clip"], (0.5, 1.0)).train()
    pixels = torch.randn(2, 3, 32, 32)
    gradients = []
    for is_on in (False, True):
        if is_on:
            encoder.tower.activation_checkpointing_enable()
        encoder.zero_grad()
        encoder(pixels).square().sum().backward()
        gradients.append([p.grad.clone() for p in encoder.parameters() if p.grad is not None])
    for plain, checkpointed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, checkpointed)


def test_invalid_landmarks_reach_nothing_even_as_nan():
    stream = LandmarkStream(5, 2, 8).eval()
    points = torch.randn(1, 4, 2, 5, 3)
    valid = torch.ones(1, 4, 2, dtype=torch.bool)
    valid[:, 2] = False
    spoiled = points.clone()
    spoiled[:, 2] = float("nan")
    torch.testing.assert_close(stream(points, valid), stream(spoiled, valid))
    assert (stream(spoiled, valid)[:, 2] == 0).all()


def test_landmarks_padded_in_time_change_nothing():
    stream = LandmarkStream(5, 2, 8).eval()
    points = torch.randn(1, 3, 2, 5, 3)
    valid = torch.ones(1, 3, 2, dtype=torch.bool)
    padded = torch.cat([points, torch.randn(1, 2, 2, 5, 3)], dim=1)
    padded_valid = torch.tensor([[True, True, True, False, False]])[:, :, None].expand(1, 5, 2)
    torch.testing.assert_close(stream(padded, padded_valid)[:, :3], stream(points, valid))


def test_landmark_stream_sees_motion_between_frames_and_within_one():
    stream = LandmarkStream(5, 2, 8).eval()
    points = torch.randn(1, 3, 2, 5, 3)
    valid = torch.ones(1, 3, 2, dtype=torch.bool)
    for frame, sample in ((2, 0), (1, 1)):
        moved = points.clone()
        moved[:, frame, sample] += 1.0
        assert not torch.allclose(stream(points, valid)[:, 1], stream(moved, valid)[:, 1])


def test_pooling_averages_and_keeps_an_equal_grid():
    patches = torch.arange(16.0).view(1, 16, 1)
    assert pool_grid(patches, (4, 4), (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert pool_grid(patches, (4, 4), (4, 4)) is patches


@pytest.mark.parametrize("face_match", ["positions", "queries"])
@pytest.mark.parametrize("fusion", ["moe", "add", "concat", "general_only", "face_only"])
def test_every_fusion_gives_language_width(fusion, face_match):
    adapter = FusionAdapter(toy_config(fusion=fusion, face_match=face_match))
    mask = torch.tensor([True, False])
    fused = adapter(torch.randn(2, 16, 24), torch.randn(2, 9, 16), mask)
    assert fused.tokens.shape == (2, 4, 32)
    assert (fused.routing is None) == (fusion != "moe")
    fused.tokens.square().sum().backward()
    assert all(p.grad is not None for p in adapter.parameters())


@pytest.mark.parametrize("face_match", ["positions", "queries"])
@pytest.mark.parametrize("fusion", ["moe", "add", "concat", "face_only"])
def test_a_masked_face_equals_a_face_stream_switched_off(fusion, face_match):
    adapter = FusionAdapter(toy_config(fusion=fusion, face_match=face_match)).eval()
    general, face = torch.randn(2, 16, 24), torch.randn(2, 9, 16)
    masked = adapter(general, face, torch.tensor([False, False]))
    off = adapter(general, None, torch.tensor([True, True]))
    torch.testing.assert_close(masked.tokens, off.tokens)


def test_text_gate_moves_the_routing():
    adapter = FusionAdapter(toy_config(text_gate=True)).eval()
    mask = torch.ones(2, dtype=torch.bool)
    general, face = torch.randn(2, 16, 24), torch.randn(2, 9, 16)
    routings = [
        adapter(general, face, mask, prompt).routing
        for prompt in (torch.randn(2, 32), torch.randn(2, 32))
    ]
    assert not torch.allclose(routings[0].logits, routings[1].logits)


def test_convolution_net_shrinks_to_its_patches_and_keeps_the_rest():
    tower = AutoModel.from_config(ConvVisionConfig(hidden_size=32, image_size=64)).eval()
    output = tower(torch.randn(2, 3, 64, 64), output_hidden_states=True)
    assert output.last_hidden_state.shape == (2, 4, 32)
    assert [state.shape for state in output.hidden_states] == [(2, 4, 32)] * 5
    stem = output.hidden_states[0]
    assert stem[..., 8:].abs().sum() == 0  # its own eight channels, then nothing
    assert stem[..., :8].abs().sum() > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depths": (1, 2)}, "depths: expected 4 numbers"),
        ({"patch_size": 24}, "power of two"),
        ({"patch_size": 256, "image_size": 256}, "cannot shrink"),
    ],
)
def test_convolution_net_names_a_wrong_setting(settings, message):
    with pytest.raises((BadInput, ValueError), match=message):
        ConvVisionConfig(**settings)


def test_averaged_weights_bring_their_statistics():
    tower = AutoModel.from_config(ConvVisionConfig(hidden_size=32, image_size=64)).train()
    frozen = AutoModel.from_config(ConvVisionConfig(hidden_size=32, image_size=64)).train()
    frozen.requires_grad_(False)
    model = torch.nn.ModuleDict({"tower": tower, "frozen": frozen})
    average = WeightAverage(model, memory=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for part in (tower, frozen):
        part(torch.randn(4, 3, 64, 64) * 3 + 2)
    average.update(model, step=1000)
    after = {name: value.clone() for name, value in model.state_dict().items()}
    average.put_into(model)
    name = "tower.stem.1.running_mean"
    assert not torch.equal(before[name], after[name])
    halfway = (before[name] + after[name]) / 2
    torch.testing.assert_close(model.state_dict()[name], halfway)
    still = "frozen.stem.1.running_mean"
    assert torch.equal(model.state_dict()[still], after[still])


@pytest.mark.parametrize("has_positions", [True, False])
def test_a_token_tells_where_it_lies_with_grid_positions_alone(has_positions, tmp_path):
    """To a convolution a grey picture looks the same everywhere, but for the border."""
    config = toy_config(fusion="general_only", grid_positions=has_positions, token_grid=(2, 2))
    adapter = FusionAdapter(config)
    same = torch.ones(1, 1, config.vision_config.hidden_size).expand(1, 16, -1)
    face_mask = torch.zeros(1, dtype=torch.bool)
    tokens = adapter(same, None, face_mask).tokens[0]
    gaps = torch.cdist(tokens, tokens) + torch.eye(4)
    assert bool((gaps > 1e-4).all()) is has_positions
    off = adapter(None, None, face_mask).tokens[0]
    assert bool((off == off[0]).all())  # what is switched off says nothing of places either


@pytest.mark.parametrize(("grid", "dim"), [((9, 9), 192), ((1, 3), 10), ((2, 1), 7)])
def test_every_cell_has_a_place_of_its_own(grid, dim):
    places = make_positions(grid, dim)
    assert places.shape == (grid[0] * grid[1], dim)
    assert len({tuple(row.tolist()) for row in places}) == len(places)
    assert places.abs().max() <= 1
