"""Tokenizer objective: pictures to codes and back, judged by pixels and by a frozen encoder."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from lineament.config import require_known
from lineament.errors import BadInput
from lineament.model.image_tokenizer import ImageTokenizer
from lineament.model.image_tokenizer_training import (
    PatchDiscriminator,
    Seen,
    TokenizerTraining,
    TokenizerWeights,
)
from lineament.model.portrait_eyes import PortraitEyes, pixel_values_of
from lineament.training.label_objective import (
    NUM_AGES,
    encoder_logits,
    find_table,
    label_directions,
)
from lineament.training.recipe import Stage
from lineament.training.stream import Drawn
from lineament.training.unified_examples import PixelExample

PARTS = ("reconstruction", "perceptual", "labels", "commitment", "entropy")
ADVERSARIAL_PARTS = ("adversarial", "discriminator")
SHOWN_PARTS = PARTS + ADVERSARIAL_PARTS


@dataclass(frozen=True, slots=True)
class EncodedPixels:
    """One portrait on its way into a batch."""

    id: str
    pixels: UInt8[np.ndarray, "side side 3"]


@dataclass
class TokenizerProcessor:
    """What the image tokenizer is trained with, and how; saved beside it is nothing.

    Attributes:
        eyes: Whose features the perceptual loss compares; None leaves it out.
        weights: Of the losses.
        is_adversarial: Whether a discriminator judges in every stage; `PaintingObjective` has
            one in any case.
        is_entropy_joint: Whether the batch's entropy is that of whole codes; see `entropy_loss`.
    """

    eyes: PortraitEyes | None = None
    weights: TokenizerWeights = field(default_factory=TokenizerWeights)
    is_adversarial: bool = False
    is_entropy_joint: bool = False

    def save_pretrained(self, folder: Any) -> None:
        """Keep nothing: the tokenizer is whole without."""


class EyeFeatures(nn.Module):
    """What both towers make of portraits: maps of several depths, and labels at the end.

    Args:
        eyes: The towers, which learned labels as `LabelLearner` teaches them.
        num_labels: How many they learned; 0 leaves labels out.
        num_stages: How many stages of a tower give maps.
    """

    def __init__(self, eyes: PortraitEyes, *, num_labels: int = 0, num_stages: int = 5) -> None:
        super().__init__()
        self.eyes, self.num_stages = eyes, num_stages
        self.directions = [
            label_directions(num_labels, 2 * tower.config.hidden_size)
            for tower in (eyes.face, eyes.whole)
            if num_labels
        ]

    def forward(self, pixel_values: Float[Tensor, "batch 3 side side"]) -> Seen:
        """Return maps from shallow to deep, the face's first, and each tower's label logits."""
        maps, grids = [], []
        for tower, placed in (
            (self.eyes.face, self.eyes.place_face(pixel_values)),
            (self.eyes.whole, self.eyes.place_whole(pixel_values)),
        ):
            grid = tower.stem(placed.contiguous(memory_format=torch.channels_last))
            maps.append(grid)
            for number, stage in enumerate(tower.stages, start=1):
                if number > self.num_stages and not self.directions:
                    break
                grid = stage(grid)
                if number <= self.num_stages:
                    maps.append(grid)
            grids.append(grid)
        logits = [
            encoder_logits(grid.flatten(2).transpose(1, 2), directions.to(grid.device))
            for grid, directions in zip(grids, self.directions, strict=False)
        ]
        return Seen(maps, logits)


class TokenizerLearner(nn.Module):
    """One round trip; the result has the keys of `AnswerLearner`'s."""

    def __init__(
        self, model: ImageTokenizer, processor: TokenizerProcessor, num_labels: int = 0
    ) -> None:
        super().__init__()
        self.model = model
        discriminator = _new_discriminator() if processor.is_adversarial else None
        eyes = processor.eyes
        self.round_trip = TokenizerTraining(
            model,
            features=None if eyes is None else EyeFeatures(eyes, num_labels=num_labels),
            discriminator=discriminator,
            weights=processor.weights,
            is_entropy_joint=processor.is_entropy_joint,
        )

    @property
    def critic(self) -> nn.Module | None:
        """What learns beside the model and is kept in checkpoints alone: the discriminator."""
        return self.round_trip.discriminator

    def forward(self, **batch: Any) -> dict[str, Tensor | None]:
        """Read one batch of `TokenizerObjective`."""
        # A tenth faster on CPUs.
        values = batch["pixel_values"].contiguous(memory_format=torch.channels_last)
        losses = self.round_trip(values)
        names = [name for name in SHOWN_PARTS if getattr(losses, name) is not None]
        assert losses.loss is not None
        shown = torch.stack([getattr(losses, name).detach().float() for name in names])
        group_ids = torch.tensor([SHOWN_PARTS.index(name) for name in names], device=shown.device)
        return {
            "loss_sum": losses.loss * len(values),
            "extra": losses.loss.new_zeros(()),
            "losses": shown,
            "group_ids": group_ids,
            "expert_ids": None,
        }


def _new_discriminator() -> PatchDiscriminator:
    """Make the same one every time, whatever was drawn by chance before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PatchDiscriminator()


class TokenizerObjective:
    """Reconstruction, perceptual, commitment and entropy terms over portraits."""

    def __init__(self, model: ImageTokenizer, processor: TokenizerProcessor, stage: Stage) -> None:
        self.model, self.processor, self.stage = model, processor, stage

    def encode(self, example: PixelExample) -> EncodedPixels:
        """Take one portrait as it is."""
        return EncodedPixels(example.id, example.pixels)

    def collate(self, drawn: list[Drawn]) -> dict[str, Any]:
        """Stack portraits."""
        pixels = np.stack([sample.encoded.pixels for sample in drawn])
        return {
            "pixel_values": pixel_values_of(pixels),
            "groups": [(name, 0) for name in SHOWN_PARTS],
            "skipped": [note for sample in drawn for note in sample.skipped],
            "num_samples": len(drawn),
            "num_items": torch.tensor(float(len(drawn))),
        }

    def learner(self) -> TokenizerLearner:
        """Return the network around the tokenizer.

        Raises:
            BadInput: The stage weighs a loss that there is not, or labels without eyes.
        """
        return self._learner(self.processor)

    def _learner(self, processor: TokenizerProcessor) -> TokenizerLearner:
        place, losses = f"stages.{self.stage.name}.losses", self.stage.losses
        for name in losses:
            require_known(name, [field.name for field in fields(TokenizerWeights)], place)
        weights = replace(processor.weights, **losses)
        num_labels = 0
        if weights.labels:
            if processor.eyes is None:
                raise BadInput(
                    f"{place}.labels: nothing can tell labels", hint="set model.parts.eyes"
                )
            num_labels = len(find_table(self.stage).labels.names) + NUM_AGES
        return TokenizerLearner(self.model, replace(processor, weights=weights), num_labels)


class PaintingObjective(TokenizerObjective):
    """The same with a discriminator, for a stage that trains the decoder to paint sharply.

    With the encoder frozen all codes stay, so that a network which draws them need not learn anew.
    """

    def learner(self) -> TokenizerLearner:
        """Return the network around the tokenizer, with a discriminator.

        Raises:
            BadInput: The stage weighs a loss that there is not, or labels without eyes.
        """
        return self._learner(replace(self.processor, is_adversarial=True))
