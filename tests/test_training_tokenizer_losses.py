"""Losses of an image tokenizer: weights of one stage, and labels that must read alike."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from lineament.errors import BadInput
from lineament.model.convnet import ConvVisionConfig, ConvVisionModel
from lineament.model.image_tokenizer_training import TokenizerWeights, label_loss
from lineament.model.portrait_eyes import PortraitEyes
from lineament.training.chat_tiny_labels import LABEL_TABLE
from lineament.training.label_objective import NUM_AGES, encoder_logits, label_directions
from lineament.training.recipe import Mix, Stage
from lineament.training.tokenizer_objective import (
    SHOWN_PARTS,
    EyeFeatures,
    PaintingObjective,
    TokenizerObjective,
    TokenizerProcessor,
)
from test_image_tokenizer import toy_image_tokenizer

SIZE_PX = 48
NUM_LABELS = len(LABEL_TABLE.labels.names) + NUM_AGES


def toy_eyes() -> PortraitEyes:
    torch.manual_seed(5)
    config = {"hidden_size": 128, "depths": [1, 1, 1, 1], "patch_size": 16}
    face, whole = (
        ConvVisionModel(ConvVisionConfig(image_size=side, **config)) for side in (32, 64)
    )
    half = {"face": [0.5] * 3, "whole": [0.5] * 3}
    return PortraitEyes(face, whole, half, half)


def stage(**losses: float) -> Stage:
    return Stage(name="polish", objective="tokenizer", data=(Mix(source="none"),), losses=losses)


def learner(processor: TokenizerProcessor, **losses: float):
    tokenizer = toy_image_tokenizer(image_size_px=SIZE_PX)
    return TokenizerObjective(tokenizer, processor, stage(**losses)).learner()


def test_labels_that_read_alike_cost_nothing_and_others_their_divergence():
    wanted, painted = torch.tensor([[0.3, -2.0]]), torch.tensor([[1.0, 1.0]])
    assert label_loss([wanted], [wanted]).item() == pytest.approx(0, abs=1e-6)
    two = [torch.stack([one.sigmoid(), (-one).sigmoid()], -1) for one in (painted, wanted)]
    divergence = functional.kl_div(two[0].log(), two[1], reduction="sum") / 2
    torch.testing.assert_close(label_loss([painted], [wanted]), divergence)


def test_a_stage_weighs_losses_in_its_own_way():
    processor = TokenizerProcessor(weights=TokenizerWeights(entropy=0.4, commitment=0.2))
    assert learner(processor, entropy=0.1).round_trip.weights == replace(
        processor.weights, entropy=0.1
    )
    assert learner(processor).round_trip.weights == processor.weights


@pytest.mark.parametrize("objective", [TokenizerObjective, PaintingObjective])
def test_a_loss_that_there_is_not_is_refused(objective):
    tokenizer = toy_image_tokenizer(image_size_px=SIZE_PX)
    with pytest.raises(BadInput, match=r"stages\.polish\.losses.*'entropi'") as caught:
        objective(tokenizer, TokenizerProcessor(), stage(entropi=1.0)).learner()
    assert "entropy" in str(caught.value.hint)


def test_labels_without_anything_that_tells_them_are_refused():
    with pytest.raises(BadInput, match=r"stages\.polish\.losses\.labels"):
        learner(TokenizerProcessor(), labels=1.0)


def test_labels_are_those_that_the_towers_learned():
    eyes = toy_eyes()
    pixels = torch.rand(2, 3, SIZE_PX, SIZE_PX) * 2 - 1
    seen = EyeFeatures(eyes, num_labels=NUM_LABELS)(pixels)
    for tower, placed, logits in zip(
        (eyes.face, eyes.whole), (eyes.place_face, eyes.place_whole), seen.logits, strict=True
    ):
        patches = tower(placed(pixels)).last_hidden_state
        directions = label_directions(NUM_LABELS, 2 * patches.shape[-1])
        torch.testing.assert_close(logits, encoder_logits(patches, directions))
    without = EyeFeatures(eyes)(pixels)
    assert not without.logits
    assert all(map(torch.equal, without.maps, seen.maps))


def test_labels_teach_the_tokenizer_alone():
    processor = TokenizerProcessor(
        eyes=toy_eyes(), weights=TokenizerWeights(0.0, 0.0, 0.0, 0.0, 0.0)
    )
    network = learner(processor, labels=2.0)
    pixels = torch.rand(2, 3, SIZE_PX, SIZE_PX) * 2 - 1
    output = network(pixel_values=pixels)
    place = [SHOWN_PARTS[number] for number in output["group_ids"]].index("labels")
    torch.testing.assert_close(output["loss_sum"], 2 * 2.0 * output["losses"][place])
    output["loss_sum"].backward()
    assert any(weight.grad.abs().sum() > 0 for weight in network.model.decoder.parameters())
    assert all(weight.grad is None for weight in processor.eyes.parameters())
