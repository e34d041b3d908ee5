"""The attribute reader's training, and what it reads from crops.

It sees a wide aligned crop, hair and hat included, and is trained on labels alone: those of the
real training parts and of rendered frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.nn import functional

from lineament.model.attributes import UNKNOWN, AttributeReader, AttributeReaderConfig, age_loss
from lineament.training.augment import STRONG, Change, change_pictures, gray_pictures
from lineament.training.labels import AGE_EDGES_YEARS
from lineament.training.wide_crops import NAMES, SIZE_PX, Crops

SMOOTHING, MAX_WEIGHT, AGE_WEIGHT = 0.02, 8.0, 0.5


@dataclass(frozen=True, slots=True)
class Variation:
    """How crops are changed, so that a reader learns what they show and not how.

    Attributes:
        change: Of framing, light, colour and sharpness.
        gray_share: How many lose their colours.
        hidden_share: How many have something in front of a part.
    """

    change: Change = STRONG
    gray_share: float = 0.1
    hidden_share: float = 0.3


def train_reader(
    crops: Crops,
    *,
    epochs: float = 5.0,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    widths: Sequence[int] = (32, 64, 128, 224),
    variation: Variation | None = None,
    seed: int = 0,
    on_step: Callable[[int, int, float], None] | None = None,
) -> AttributeReader:
    """Train a reader; true and false count alike for every name.

    Args:
        crops: What it learns from.
        epochs: Passes, counted in shares.
        batch_size: Crops of a step.
        learning_rate: Its peak.
        widths: Channels of the stages; (16, 32, 64, 112) makes the 0.6M reader of the tables.
        variation: How crops are changed.
        seed: Decides everything.
        on_step: Told step, number of steps and loss.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    config = AttributeReaderConfig(
        names=NAMES, widths=tuple(widths), age_edges_years=AGE_EDGES_YEARS, dropout=0.3
    )
    reader = AttributeReader(config)
    reader.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - it is wrapped
    reader.train()
    num_steps = max(2, int(epochs * crops.shares.sum() / batch_size))
    optimizer = torch.optim.AdamW(reader.parameters(), lr=learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=num_steps, pct_start=0.15
    )
    average = {name: value.clone() for name, value in reader.state_dict().items()}
    chances = crops.shares / crops.shares.sum()
    weights = _balance(crops)
    for step in range(num_steps):
        chosen = rng.choice(len(crops.pixels), batch_size, p=chances)
        loss = _reader_loss(reader, crops, chosen, weights, variation or Variation(), rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        _average(average, reader, min(0.998, (1 + step) / (10 + step)))
        if on_step is not None:
            on_step(step + 1, num_steps, loss.item())
    reader.load_state_dict(average)
    return reader.eval()


def _balance(crops: Crops) -> tuple[torch.Tensor, torch.Tensor]:
    true = ((crops.states == 1) * crops.shares[:, None]).sum(0)
    false = ((crops.states == 0) * crops.shares[:, None]).sum(0)
    half = (true + false) / 2
    return tuple(  # type: ignore[return-value]
        torch.tensor((half / np.maximum(count, 1)).clip(0.2, MAX_WEIGHT)).float()
        for count in (true, false)
    )


def _reader_loss(
    reader: AttributeReader,
    crops: Crops,
    chosen: np.ndarray,
    weights: tuple[torch.Tensor, torch.Tensor],
    variation: Variation,
    rng: np.random.Generator,
) -> torch.Tensor:
    pixels = np.stack([_varied(crops.pixels[index], variation, rng) for index in chosen])
    states = torch.from_numpy(crops.states[chosen])
    spans = torch.from_numpy(crops.age_spans[chosen])
    with torch.autocast("cpu", torch.bfloat16):
        output = reader(pixel_values_of(pixels))
    assert output.logits is not None
    assert output.age_logits is not None
    known = (states != UNKNOWN).float()
    true = states.clamp(min=0).float()
    losses = functional.binary_cross_entropy_with_logits(
        output.logits.float(), true * (1 - 2 * SMOOTHING) + SMOOTHING, reduction="none"
    )
    losses = losses * torch.where(true > 0, weights[0], weights[1]) * known
    counts = known.sum(0)
    loss = (losses.sum(0) / counts.clamp(min=1)).sum() / (counts > 0).sum().clamp(min=1)
    if bool((spans[:, 0] != UNKNOWN).any()):
        loss = loss + AGE_WEIGHT * age_loss(output.age_logits.float(), spans)
    return loss


def _varied(
    crop: UInt8[np.ndarray, "size size 3"], variation: Variation, rng: np.random.Generator
) -> UInt8[np.ndarray, "size size 3"]:
    changed = change_pictures(crop[None], variation.change, rng)
    if rng.random() < 0.5:
        changed = changed[:, :, ::-1]
    if rng.random() < variation.gray_share:
        changed = gray_pictures(changed)
    changed = np.ascontiguousarray(changed[0])
    if rng.random() < variation.hidden_share:  # something in front of a part of it
        side = int(rng.integers(16, 40))
        top, left = rng.integers(0, SIZE_PX - side, 2)
        changed[top : top + side, left : left + side] = rng.integers(0, 255)
    return changed


def pixel_values_of(
    pixels: UInt8[np.ndarray, "pictures size size 3"],
) -> Float[torch.Tensor, "pictures 3 size size"]:
    """Scale crops to -1..1."""
    values = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return values.contiguous(memory_format=torch.channels_last)


def _average(average: dict[str, torch.Tensor], reader: AttributeReader, memory: float) -> None:
    with torch.no_grad():
        for name, value in reader.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value, 1 - memory)
            else:
                average[name].copy_(value)


@torch.no_grad()
def read_probabilities(
    reader: AttributeReader, pixels: UInt8[np.ndarray, "pictures size size 3"]
) -> tuple[Float[np.ndarray, "pictures names"], Float[np.ndarray, "pictures ages"]]:
    """Return the chance of every name and age class: the mean of a crop and its mirror."""
    reader.eval()
    flags, ages = [], []
    for start in range(0, len(pixels), 128):
        values = pixel_values_of(pixels[start : start + 128])
        one, mirrored = reader(values), reader(values.flip(-1))
        flags.append((one.logits + mirrored.logits).div(2).sigmoid())
        ages.append((one.age_logits.softmax(-1) + mirrored.age_logits.softmax(-1)).div(2))
    return torch.cat(flags).numpy(), torch.cat(ages).numpy()
