"""What the image tokenizer learns from: each loss where it is known, and a step that learns."""

import math

import pytest
import torch

from lineament.model.attributes import AttributeReader, AttributeReaderConfig
from lineament.model.image_tokenizer_training import (
    PatchDiscriminator,
    ReaderFeatures,
    TokenizerTraining,
    TokenizerWeights,
    code_probs,
    commitment_loss,
    entropy_loss,
    hinge_loss,
    perceptual_loss,
    reconstruction_loss,
)
from test_image_tokenizer import toy_image_tokenizer
from test_model_toys import _one_thread  # noqa: F401


def toy_reader() -> AttributeReader:
    torch.manual_seed(1)
    return AttributeReader(AttributeReaderConfig(widths=(8, 16), blocks=(1, 1), image_size_px=16))


def training(**kwargs) -> TokenizerTraining:
    return TokenizerTraining(toy_image_tokenizer().train(), **kwargs)


def test_equal_pictures_have_no_reconstruction_loss():
    pixels = torch.rand(1, 3, 4, 4)
    assert reconstruction_loss(pixels, pixels).item() == 0
    assert reconstruction_loss(pixels + 1, pixels).item() == pytest.approx(2.0)


def test_perceptual_loss_sees_directions_not_lengths():
    features = [torch.randn(2, 4, 3, 3), torch.randn(2, 8, 2, 2)]
    scaled = [3 * one for one in features]
    assert perceptual_loss(scaled, features).item() == pytest.approx(0, abs=1e-6)
    opposite = [-one for one in features]
    assert perceptual_loss(opposite, features).item() == pytest.approx(4.0, rel=1e-4)


def test_commitment_is_zero_only_at_the_signs():
    assert commitment_loss(torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)).item() == 0
    assert commitment_loss(torch.tensor([0.5, -1.0]).view(1, 2, 1, 1)).item() == 0.125


@pytest.mark.parametrize("is_joint", [False, True])
def test_entropy_is_best_when_sure_and_even(is_joint):
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).float()
    sure = 10 * signs.T.reshape(1, 2, 2, 2)
    assert entropy_loss(sure, is_joint=is_joint).item() == pytest.approx(-math.log(2), abs=1e-4)
    assert entropy_loss(torch.zeros(1, 2, 2, 2), is_joint=is_joint).item() == pytest.approx(0)
    collapsed = torch.full((1, 2, 2, 2), 10.0)
    assert entropy_loss(collapsed, is_joint=is_joint).item() == pytest.approx(0, abs=1e-4)


def test_only_the_joint_entropy_sees_bits_that_say_the_same():
    bits = torch.tensor([10.0, -10.0]).view(1, 1, 1, 2).expand(1, 2, 1, 2)
    assert entropy_loss(bits).item() == pytest.approx(-math.log(2), abs=1e-4)
    assert entropy_loss(bits, is_joint=True).item() == pytest.approx(-math.log(2) / 2, abs=1e-4)


def test_code_probs_are_in_the_order_of_the_codes():
    probs = code_probs(torch.tensor([[0.9, 0.2]]))
    torch.testing.assert_close(probs, torch.tensor([[0.08, 0.02, 0.72, 0.18]]))


def test_hinge_loss_is_zero_when_both_are_told_apart():
    assert hinge_loss(torch.tensor([1.5]), torch.tensor([-2.0])).item() == 0
    assert hinge_loss(torch.tensor([0.0]), torch.tensor([0.0])).item() == 1


def test_a_step_without_discriminator_reaches_every_weight_of_the_tokenizer():
    step = training(features=ReaderFeatures(toy_reader()))
    losses = step(torch.rand(2, 3, 16, 16) * 2 - 1)
    losses["loss"].backward()
    for name, weight in step.tokenizer.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0 or name.endswith("k.bias"), name
    assert all(weight.grad is None for weight in step.features.parameters())
    assert losses.discriminator is None


def test_the_sum_is_weighted_as_asked():
    weights = TokenizerWeights(2.0, 0.0, 3.0, 5.0, 0.0)
    losses = training(weights=weights)(torch.rand(1, 3, 16, 16))
    parts = 2 * losses.reconstruction + 3 * losses.commitment + 5 * losses.entropy
    torch.testing.assert_close(losses.loss, parts)


def test_the_discriminator_learns_only_from_its_own_loss():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(channels=8, num_halvings=2)
    pixels = torch.rand(2, 3, 16, 16) * 2 - 1
    gradients = []
    for adversarial in (0.0, 9.0):
        step = training(
            discriminator=discriminator, weights=TokenizerWeights(adversarial=adversarial)
        )
        discriminator.zero_grad()
        step.tokenizer.zero_grad()
        step(pixels).loss.backward()
        mine = [weight.grad.clone() for weight in discriminator.parameters()]
        theirs = [weight.grad.clone() for weight in step.tokenizer.decoder.parameters()]
        gradients.append((mine, theirs))
    for before, after in zip(gradients[0][0], gradients[1][0], strict=True):
        torch.testing.assert_close(before, after)
    assert not torch.allclose(gradients[0][1][0], gradients[1][1][0])


def test_reader_features_stay_in_their_own_mode():
    features = ReaderFeatures(toy_reader())
    features.train()
    assert not features.reader.training
    before = features.reader.stem[1].running_mean.clone()
    maps = features(torch.rand(2, 3, 20, 20)).maps
    assert torch.equal(before, features.reader.stem[1].running_mean)
    assert [len(m.shape) for m in maps] == [4, 4, 4]


def test_a_few_steps_make_the_painting_better():
    step = training(discriminator=PatchDiscriminator(channels=8, num_halvings=2))
    pixels = torch.rand(4, 3, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3) * 2 - 1
    optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
    first = step(pixels).reconstruction.item()
    for _ in range(30):
        optimizer.zero_grad()
        step(pixels).loss.backward()
        optimizer.step()
    assert step(pixels).reconstruction.item() < 0.7 * first
