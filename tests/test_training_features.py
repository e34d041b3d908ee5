"""Kept features: the same numbers, computed once, and never those of other weights."""

import pytest
import torch

from lineament.errors import BadInput
from lineament.training.features import drop_features, hash_weights, keep_features
from test_model_toys import _one_thread, toy_batch, toy_model  # noqa: F401

PIXELS = ("pixel_values", "face_pixel_values", "landmarks")


def frozen_toy(seed: int = 0):
    model = toy_model(seed)
    model.media.general_encoder.requires_grad_(False)
    return model


def media_inputs(model):
    batch = toy_batch(model.config)
    return {name: batch[name] for name in PIXELS}


def test_kept_features_give_the_same_tokens_and_encode_nothing_twice(tmp_path):
    model = frozen_toy()
    inputs = media_inputs(model)
    before = model.encode_media(**inputs).visual_tokens
    assert keep_features(model, str(tmp_path), limit_gib=0.01) == ["general_encoder"]
    calls = []
    model.media.general_encoder.tower.register_forward_pre_hook(lambda *_: calls.append(1))
    for _ in range(2):
        assert torch.equal(model.encode_media(**inputs).visual_tokens, before)
    assert len(calls) == 1
    drop_features(model)
    model.encode_media(**inputs)
    assert len(calls) == 2


def test_the_rest_of_the_model_still_learns(tmp_path):
    model = frozen_toy()
    keep_features(model, str(tmp_path), limit_gib=0.01)
    model.encode_media(**media_inputs(model)).visual_tokens.sum().backward()
    assert model.media.face_encoder.merge.weight.grad is not None
    assert all(p.grad is None for p in model.media.general_encoder.parameters())


def test_other_weights_find_nothing(tmp_path):
    first, second = frozen_toy(0), frozen_toy(1)
    assert hash_weights(first.media.general_encoder) != hash_weights(second.media.general_encoder)
    expected = second.encode_media(**media_inputs(second)).visual_tokens
    for model in (first, second):
        keep_features(model, str(tmp_path), limit_gib=0.01)
        model.encode_media(**media_inputs(model))
    assert torch.equal(second.encode_media(**media_inputs(second)).visual_tokens, expected)


def test_features_in_16_bits_come_back_bit_by_bit(tmp_path):
    model = frozen_toy()
    keep_features(model, str(tmp_path), limit_gib=0.01)
    pixels = media_inputs(model)["pixel_values"][0]
    with torch.autocast("cpu", torch.bfloat16):
        computed = model.media.general_encoder(pixels)
        kept = model.media.general_encoder(pixels)
    assert torch.equal(computed, kept)
    assert computed.dtype == kept.dtype


def test_an_encoder_that_trains_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no encoder is frozen"):
        keep_features(toy_model(), str(tmp_path), limit_gib=0.01)
