"""Augmentation: one change of light, colour, sharpness and framing for all frames of a clip."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFilter


@dataclass(frozen=True, slots=True)
class Change:
    """How far pictures are changed; every number is a limit.

    Attributes:
        light: Relative brightness and contrast.
        color: Relative saturation, and half of it as a tint.
        shift: Of the framing, in parts of the side.
        zoom: Relative change of size.
        turn_degrees: Of the framing.
        blur_share: How often pictures are softened or compressed.
    """

    light: float = 0.25
    color: float = 0.2
    shift: float = 0.06
    zoom: float = 0.12
    turn_degrees: float = 6.0
    blur_share: float = 0.35


STRONG = Change()
# Framing alone: what is told by faint marks of skin, as apparent sex and age are.
GENTLE = Change(light=0.0, color=0.0, shift=0.06, zoom=0.08, turn_degrees=4.0, blur_share=0.0)
# Drawn pictures say how bright and how warm their light is.
MILD = Change(light=0.08, color=0.06, shift=0.05, zoom=0.1)


def change_pictures(
    pixels: UInt8[np.ndarray, "frames height width 3"], change: Change, rng: np.random.Generator
) -> UInt8[np.ndarray, "frames height width 3"]:
    """Change all frames alike."""
    size = pixels.shape[2], pixels.shape[1]
    framing = _framing(size, change, rng)
    colors = _colors(float(pixels.mean()), change, rng)
    blur = float(rng.uniform(0.3, 1.2)) if rng.random() < change.blur_share / 2 else 0.0
    quality = int(rng.integers(35, 90)) if rng.random() < change.blur_share else 0
    changed = []
    for frame in pixels:
        image = Image.fromarray(frame).transform(
            size, Image.Transform.AFFINE, framing, resample=Image.Resampling.BILINEAR
        )
        image = image.convert("RGB", colors)
        if blur:
            image = image.filter(ImageFilter.GaussianBlur(blur))
        if quality:
            image = _compressed(image, quality)
        changed.append(np.asarray(image))
    return np.stack(changed)


def shrink_pictures(
    pixels: UInt8[np.ndarray, "frames height width 3"], size_px: int
) -> UInt8[np.ndarray, "frames new_height new_width 3"]:
    """Resize to a square; 0 leaves pictures as they are."""
    if not size_px or pixels.shape[1:3] == (size_px, size_px):
        return pixels
    size = (size_px, size_px)
    shrunk = [
        Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        for frame in pixels
    ]
    return np.stack([np.asarray(image) for image in shrunk])


def _colors(level: float, change: Change, rng: np.random.Generator) -> tuple[float, ...]:
    """Return brightness, contrast about the mean level, saturation and tint as one matrix."""
    brightness, contrast = 1 + rng.uniform(-change.light, change.light, 2)
    saturation = 1 + float(rng.uniform(-change.color, change.color))
    tint = 1 + rng.uniform(-change.color / 2, change.color / 2, 3)
    gray = np.array([0.299, 0.587, 0.114])
    matrix = saturation * np.eye(3) + (1 - saturation) * gray
    matrix = brightness * contrast * tint[:, None] * matrix
    offset = np.full((3, 1), level * brightness * (1 - contrast))
    return tuple(np.concatenate([matrix, offset], axis=1).ravel().tolist())


def gray_pictures(
    pixels: UInt8[np.ndarray, "frames height width 3"],
) -> UInt8[np.ndarray, "frames height width 3"]:
    """Take all colour out."""
    gray = (pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


def _framing(
    size: tuple[int, int], change: Change, rng: np.random.Generator
) -> tuple[float, float, float, float, float, float]:
    """Return the map from new to old pixels."""
    turn = np.radians(rng.uniform(-change.turn_degrees, change.turn_degrees))
    zoom = 1 + rng.uniform(-change.zoom, change.zoom)
    shift = rng.uniform(-change.shift, change.shift, 2) * size
    a, b = np.cos(turn) * zoom, np.sin(turn) * zoom
    middle = np.array(size) / 2
    x0, y0 = middle + shift - (a * middle[0] - b * middle[1], b * middle[0] + a * middle[1])
    return float(a), float(-b), float(x0), float(b), float(a), float(y0)


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)
