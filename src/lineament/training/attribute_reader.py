"""The attribute reader's training, and its guesses about pictures that have few labels.

It sees a wide aligned crop, hair and hat included, and is trained on labels alone: those of the
real training parts and of rendered frames. Its guesses are training material, never a score.
"""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch.nn import functional

from lineament.faces.landmarks import POINTS
from lineament.model.attributes import UNKNOWN, AttributeReader, AttributeReaderConfig, age_loss
from lineament.training.augment import STRONG, change_pictures, gray_pictures
from lineament.training.gallery import Gallery
from lineament.training.labels import AGE_EDGES_YEARS, age_span, read_states
from lineament.training.windows import freeze_annotation

SIZE_PX = 112
EYES_APART, EYES_AT = 0.30, 0.46  # of a wide crop's side: room for hair and hats
NAMES = (
    "male", "smile", "eyeglasses", "sunglasses", "beard", "mustache", "goatee", "sideburns",
    "black_hair", "brown_hair", "blonde_hair", "gray_hair", "red_hair", "bald",
    "wearing_lipstick", "eye_makeup", "wearing_hat", "happy", "neutral", "surprise", "anger",
    "sadness", "forehead_occluded", "wearing_mask", "bangs", "long_hair", "curly_hair",
    "wearing_earrings", "wearing_necktie", "open_mouth",
)  # fmt: skip
GUESSED = (
    "smile", "eyeglasses", "sunglasses", "beard", "mustache", "black_hair", "brown_hair",
    "blonde_hair", "gray_hair", "bald", "wearing_lipstick", "eye_makeup", "wearing_hat",
    "sideburns", "male",
)  # fmt: skip
COLOR_GUESSES = frozenset(
    ("black_hair", "brown_hair", "blonde_hair", "gray_hair", "wearing_lipstick", "eye_makeup")
)
SURE = 0.8  # a guess below this is none
# How often a data set's pictures come up against FairFace's.
SHARES = {"ffhq-train": 6.0, "fairface-train": 1.0, "lfw-train": 0.6, "rendered": 1.0}
FRAMES_A_CLIP = 6
SMOOTHING, MAX_WEIGHT, AGE_WEIGHT = 0.02, 8.0, 0.5
# FFHQ's hair scores overlap: the leading colour counts from here, any other one is denied below.
HAIR_COLUMNS = {
    "black_hair": ("hair_black", 0.7), "brown_hair": ("hair_brown", 0.8),
    "blonde_hair": ("hair_blond", 0.6), "gray_hair": ("hair_gray", 0.6),
    "red_hair": ("hair_red", 0.6),
}  # fmt: skip
HAIR_DENIED = 0.35
_EYES = [POINTS.index(point) for point in (33, 133, 362, 263)]


@dataclass(frozen=True)
class Crops:
    """Labelled wide crops."""

    pixels: UInt8[np.ndarray, "pictures size size 3"]
    states: Int[np.ndarray, "pictures names"]
    age_spans: Int[np.ndarray, "pictures 2"]
    shares: Float[np.ndarray, " pictures"]


def crop_wide(
    frame: UInt8[np.ndarray, "height width 3"], row: Float[np.ndarray, "rows 3"]
) -> UInt8[np.ndarray, "size size 3"]:
    """Cut an upright crop with room around the face.

    Args:
        frame: A square frame.
        row: The frame's landmark rows, which tell place, size and axes of the head.
    """
    side = frame.shape[0]
    nose = (row[-1, :2] + 1) / 2 * side
    size = float(np.exp(row[-1, 2])) * side
    eyes = row[_EYES] @ row[-4:-1] * size  # out of the head's own axes
    left, right = eyes[:2].mean(axis=0), eyes[2:].mean(axis=0)
    across = (right - left)[:2]
    direction = across / max(float(np.linalg.norm(across)), 1e-6)
    scale = float(np.linalg.norm(right - left)) / (EYES_APART * SIZE_PX)
    turn = scale * np.array([[direction[0], -direction[1]], [direction[1], direction[0]]])
    at = np.array([SIZE_PX / 2, EYES_AT * SIZE_PX])
    matrix = np.concatenate([turn, ((left + right)[:2] / 2 + nose - turn @ at)[:, None]], axis=1)
    image = Image.fromarray(np.asarray(frame)).transform(
        (SIZE_PX, SIZE_PX),
        Image.Transform.AFFINE,
        tuple(matrix.ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(image)


def read_crops(folders: Sequence[Path]) -> Crops:
    """Cut the labelled crops of some galleries; items without landmarks are left out."""
    pixels, states, spans, shares = [], [], [], []
    for folder in folders:
        gallery = Gallery(folder)
        relaxed = read_hair_guesses(folder)
        for index in range(len(gallery)):
            look, annotation = gallery.look(index), gallery.annotation(index)
            if not len(look.rows):
                continue
            for place in _places(index, len(look.frames), look.face_mask):
                time = float(look.frame_seconds[place])
                nearest = int(np.abs(look.row_seconds - time).argmin())
                pixels.append(crop_wide(look.frames[place], np.asarray(look.rows[nearest])))
                shown = freeze_annotation(annotation, time) if len(look.frames) > 1 else annotation
                known = read_states(shown) | (relaxed[index] if relaxed else {})
                states.append([int(known[n]) if n in known else UNKNOWN for n in NAMES])
                span = age_span(shown)
                spans.append(span if span[0] >= 0 else (UNKNOWN, UNKNOWN))
                shares.append(SHARES[gallery.origin])
    return Crops(np.stack(pixels), np.array(states), np.array(spans), np.array(shares))


def _places(index: int, num_frames: int, face_mask: np.ndarray) -> list[int]:
    if num_frames == 1:
        return [0] if face_mask[0] else []
    count = min(FRAMES_A_CLIP, num_frames)
    chosen = np.random.default_rng(index).choice(num_frames, count, replace=False)
    return [int(place) for place in chosen if face_mask[place]]


def read_hair_guesses(folder: Path) -> list[dict[str, bool]]:
    """Read what was written beside a gallery before any reader was trained."""
    path = folder / "hair.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_hair(folder: Path, labels: Path) -> None:
    """Write which hair colour leads FFHQ's scores, for training alone.

    Instruction data name a colour only where the scores leave no doubt, which would leave
    eighteen black-haired people to learn from.
    """
    with labels.open(encoding="utf-8") as file:
        rows = {int(row["image"]): row for row in csv.DictReader(file)}
    gallery = Gallery(folder)
    lines = []
    for item in gallery.items:
        row = rows[int(Path(item["annotation"]["media"]).stem)]
        lines.append(json.dumps(_leading_hair(row)))
    (folder / "hair.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "guesses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _leading_hair(row: dict[str, str]) -> dict[str, bool]:
    if not row["hair_black"]:
        return {}
    scores = {name: float(row[column]) for name, (column, _) in HAIR_COLUMNS.items()}
    top = max(scores, key=lambda name: scores[name])
    states = {name: False for name, score in scores.items() if score < HAIR_DENIED}
    if scores[top] >= HAIR_COLUMNS[top][1]:
        states[top] = True
    return states


def train_reader(
    crops: Crops,
    *,
    epochs: float = 5.0,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    widths: Sequence[int] = (32, 64, 128, 224),
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
        loss = _reader_loss(reader, crops, chosen, weights, rng)
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
    rng: np.random.Generator,
) -> torch.Tensor:
    pixels = np.stack([_varied(crops.pixels[index], rng) for index in chosen])
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
    crop: UInt8[np.ndarray, "size size 3"], rng: np.random.Generator
) -> UInt8[np.ndarray, "size size 3"]:
    changed = change_pictures(crop[None], STRONG, rng)
    if rng.random() < 0.5:
        changed = changed[:, :, ::-1]
    if rng.random() < 0.1:
        changed = gray_pictures(changed)
    changed = np.ascontiguousarray(changed[0])
    if rng.random() < 0.3:  # something in front of a part of it
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


def write_guesses(reader: AttributeReader, folder: Path) -> None:
    """Write what the reader is sure of beside a gallery, one line for each item."""
    gallery = Gallery(folder)
    kept = [index for index in range(len(gallery)) if len(gallery.look(index).rows)]
    looks = [gallery.look(index) for index in kept]
    crops = np.stack([crop_wide(look.frames[0], np.asarray(look.rows[0])) for look in looks])
    chances, _ = read_probabilities(reader, crops)
    guesses: list[dict[str, bool]] = [{} for _ in range(len(gallery))]
    is_gray = gallery.origin == "lfw-train"
    for index, row in zip(kept, chances, strict=True):
        for name in GUESSED:
            chance = float(row[NAMES.index(name)])
            if max(chance, 1 - chance) > SURE and not (is_gray and name in COLOR_GUESSES):
                guesses[index][name] = chance > 0.5
    text = "\n".join(map(json.dumps, guesses)) + "\n"
    (folder / "guesses.jsonl").write_text(text, encoding="utf-8")
