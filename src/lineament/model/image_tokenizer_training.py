"""What the image tokenizer learns from: losses as pure functions, and one training step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from transformers.utils.generic import ModelOutput

from lineament.model.attributes import AttributeReader
from lineament.model.image_tokenizer import ImageTokenizer, round_to_signs

Features = Callable[[Tensor], Sequence[Tensor]]
_SHARPNESS = 4.0  # the difference of squared distances to -1 and 1 is 4 times the number


@dataclass(frozen=True, slots=True)
class TokenizerWeights:
    """How much each loss counts; the adversarial one only where there is a discriminator."""

    reconstruction: float = 1.0
    perceptual: float = 0.5
    commitment: float = 0.1
    entropy: float = 0.1
    adversarial: float = 0.1
    labels: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What a frozen encoder makes of pictures.

    Attributes:
        maps: Features ``batch channels height width``, shallow to deep.
        logits: Of labels, ``batch labels`` each; empty where it tells none.
    """

    maps: Sequence[Tensor]
    logits: Sequence[Tensor] = ()


@dataclass
class TokenizerLosses(ModelOutput):
    """The weighted sum, its parts unweighted, and what was painted.

    Attributes:
        loss: To be minimised over tokenizer and discriminator together.
        reconstruction: Mean absolute plus mean squared difference.
        perceptual: See `perceptual_loss`.
        labels: See `label_loss`.
        commitment: See `commitment_loss`.
        entropy: See `entropy_loss`.
        adversarial: What the discriminator says against the pictures.
        discriminator: What it gets wrong.
        pixel_values: The pictures after one round trip.
    """

    loss: Float[Tensor, ""] | None = None
    reconstruction: Float[Tensor, ""] | None = None
    perceptual: Float[Tensor, ""] | None = None
    labels: Float[Tensor, ""] | None = None
    commitment: Float[Tensor, ""] | None = None
    entropy: Float[Tensor, ""] | None = None
    adversarial: Float[Tensor, ""] | None = None
    discriminator: Float[Tensor, ""] | None = None
    pixel_values: Float[Tensor, "batch 3 height width"] | None = None


def reconstruction_loss(
    painted: Float[Tensor, "batch 3 height width"], wanted: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, ""]:
    """Compare pixels: the mean absolute difference plus the mean squared one."""
    return functional.l1_loss(painted, wanted) + functional.mse_loss(painted, wanted)


def perceptual_loss(painted: Sequence[Tensor], wanted: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Compare features of several depths, each position scaled to length 1 over its channels.

    Args:
        painted: Feature maps ``batch channels height width``, shallow to deep.
        wanted: The same of the true pictures; they get no gradient.
    """
    parts = [
        (_unit(one) - _unit(other.detach())).square().sum(dim=1).mean()
        for one, other in zip(painted, wanted, strict=True)
    ]
    return torch.stack(parts).mean()


def label_loss(painted: Sequence[Tensor], wanted: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Compare how likely labels are, painted and true: Kullback and Leibler's, a mean a label.

    Args:
        painted: Logits ``batch labels`` of each encoder.
        wanted: The same of the true pictures; they get no gradient.
    """
    parts = []
    for one, other in zip(painted, wanted, strict=True):
        probs = other.detach().sigmoid()
        cross = functional.binary_cross_entropy_with_logits(one, probs)
        parts.append(cross - _binary_entropy(probs).mean())
    return torch.stack(parts).mean()


def commitment_loss(bits: Float[Tensor, "batch bits rows columns"]) -> Float[Tensor, ""]:
    """Pull every number towards the sign it is rounded to."""
    return (bits - torch.where(bits > 0, 1.0, -1.0)).square().mean()


def entropy_loss(
    bits: Float[Tensor, "batch bits rows columns"], *, is_joint: bool = False
) -> Float[Tensor, ""]:
    """Make each place sure of its code and the batch use all codes: E[H] - H[E], in nats a bit.

    Each number is read as the logit of its bit (MAGVIT-v2, section 3.1, on distances to -1
    and 1). At its best, -log 2.

    Args:
        bits: Before rounding.
        is_joint: Take the batch's entropy over whole codes, which also punishes bits that say
            the same; costs memory for 2 to the number of bits per place. Otherwise bit by bit.
    """
    num_bits = bits.shape[1]
    probs = (bits.float() * _SHARPNESS).sigmoid().movedim(1, -1).reshape(-1, num_bits)
    sure = _binary_entropy(probs).sum(dim=1).mean()
    if is_joint:
        mean = code_probs(probs).mean(dim=0)
        spread = -(mean * mean.clamp(min=1e-12).log()).sum()
    else:
        spread = _binary_entropy(probs.mean(dim=0)).sum()
    return (sure - spread) / num_bits


def code_probs(bit_probs: Float[Tensor, "places bits"]) -> Float[Tensor, "places code_ids"]:
    """Return each code's probability from those of its bits, the highest bit first."""
    probs = torch.ones_like(bit_probs[:, :1])
    for one in bit_probs.unbind(dim=1):
        both = torch.stack([1 - one, one], dim=-1)
        probs = (probs.unsqueeze(-1) * both.unsqueeze(1)).flatten(1)
    return probs


def hinge_loss(
    real: Float[Tensor, "*places"], painted: Float[Tensor, "*places"]
) -> Float[Tensor, ""]:
    """Return the discriminator's hinge loss."""
    return 0.5 * (functional.relu(1 - real).mean() + functional.relu(1 + painted).mean())


class PatchDiscriminator(nn.Module):
    """Say of every patch whether it looks real; positive means real."""

    def __init__(self, channels: int = 32, num_halvings: int = 3, norm_groups: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, stride=2, padding=1)]
        layers.append(nn.LeakyReLU(0.2))
        for _ in range(num_halvings - 1):
            layers += [
                nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
                nn.GroupNorm(norm_groups, 2 * channels),
                nn.LeakyReLU(0.2),
            ]
            channels *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(
        self, pixel_values: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 rows columns"]:
        """Judge pictures in -1..1."""
        return self.layers(pixel_values)


class ReaderFeatures(nn.Module):
    """Feature maps of an attribute reader, for the perceptual loss; its weights stay fixed.

    Take another reader than the one that scores drawings.
    """

    def __init__(self, reader: AttributeReader) -> None:
        super().__init__()
        self.reader = reader.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "ReaderFeatures":
        """Stay as it is: batch statistics of paintings must not leak into the reader."""
        del mode
        return super().train(False)

    def forward(self, pixel_values: Float[Tensor, "batch 3 height width"]) -> Seen:
        """Return the maps after the stem and each block, shallow to deep."""
        side = self.reader.config.image_size_px
        hidden = functional.interpolate(
            pixel_values, (side, side), mode="bilinear", antialias=True, align_corners=False
        )
        maps = [self.reader.stem(hidden)]
        for block in self.reader.stages:
            maps.append(block(maps[-1]))
        return Seen(maps)


class TokenizerTraining(nn.Module):
    """One round trip with all its losses; its `forward` is what a ``Trainer`` calls.

    Tokenizer and discriminator learn in one step from one sum: the discriminator judges the
    painting with its own weights held fixed, and learns from a painting held fixed. So one
    optimiser serves both.
    """

    def __init__(
        self,
        tokenizer: ImageTokenizer,
        *,
        features: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        weights: TokenizerWeights | None = None,
        is_entropy_joint: bool = False,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.features = features
        self.discriminator = discriminator
        self.weights = weights or TokenizerWeights()
        self.is_entropy_joint = is_entropy_joint

    def forward(self, pixel_values: Float[Tensor, "batch 3 height width"]) -> TokenizerLosses:
        """Encode, round, paint and compare pictures in -1..1."""
        bits = self.tokenizer.find_bits(pixel_values)
        painted = self.tokenizer.paint(round_to_signs(bits))
        parts = {
            "reconstruction": reconstruction_loss(painted, pixel_values),
            "commitment": commitment_loss(bits),
            "entropy": entropy_loss(bits, is_joint=self.is_entropy_joint),
        }
        if self.features is not None:
            with torch.no_grad():
                wanted = self.features(pixel_values)
            seen = self.features(painted)
            parts["perceptual"] = perceptual_loss(seen.maps, wanted.maps)
            if seen.logits:
                parts["labels"] = label_loss(seen.logits, wanted.logits)
        if self.discriminator is not None:
            parts |= _judge(self.discriminator, pixel_values, painted)
        weighted = [getattr(self.weights, name, 1.0) * part for name, part in parts.items()]
        total = torch.stack(weighted).sum()
        return TokenizerLosses(loss=total, pixel_values=painted, **parts)


def _judge(discriminator: nn.Module, real: Tensor, painted: Tensor) -> dict[str, Tensor]:
    fixed = {name: value.detach() for name, value in discriminator.named_parameters()}
    return {
        "adversarial": -functional_call(discriminator, fixed, (painted,)).mean(),
        "discriminator": hinge_loss(discriminator(real), discriminator(painted.detach())),
    }


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True) + 1e-8).sqrt()


def _binary_entropy(probs: Tensor) -> Tensor:
    inside = probs.clamp(1e-7, 1 - 1e-7)
    return -(inside * inside.log() + (1 - inside) * torch.log1p(-inside))
