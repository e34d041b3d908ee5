"""The ground: grass, bare land, fields, water and trees as textures under the objects."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from lineament.render.brush import load_skia, make_image, make_paint, make_path
from lineament.render.scenes.geometry import Points
from lineament.render.streams import open_stream, sample_noise

COARSENESS = 2  # canvas pixels to a texture's pixel: as fine as the finished picture
Texture = Float[np.ndarray, "height width 3"]
_GRASS = ((108, 128, 78), (92, 118, 66), (124, 132, 84), (84, 110, 70))
_BARE = ((168, 154, 130), (154, 144, 126), (178, 160, 128), (150, 148, 140))
_WATER = ((50, 84, 100), (44, 74, 92), (58, 98, 104), (40, 66, 82))
_CROPS = (
    (134, 148, 78), (92, 122, 60), (176, 160, 104), (150, 124, 88), (112, 138, 74), (190, 176, 120),
    (124, 104, 76),
)  # fmt: skip
_LEAVES = ((46, 72, 40), (58, 84, 46), (40, 64, 38), (66, 88, 52))


def paint_cover(
    canvas: Any, name: str, area: Points, size: float, meter_px: float, rng: np.random.Generator
) -> None:
    """Paint one area of land cover.

    Args:
        canvas: What is drawn on.
        name: Which cover.
        area: Corners in canvas pixels.
        size: Side of the canvas.
        meter_px: Canvas pixels to a metre.
        rng: Colours and texture of this area.
    """
    if name == "trees":
        _paint_trees(canvas, area, meter_px, rng)
        return
    if name == "fields":
        canvas.drawPath(
            make_path(area), make_paint((98, 104, 66), 0.7, width_px=max(1.4 * meter_px, 1.5))
        )
    skia = load_skia()
    fine = int(size) // COARSENESS
    texture = _TEXTURES[name](fine, area / COARSENESS, meter_px / COARSENESS, rng)
    image = make_image(to_pixels(texture))
    canvas.save()
    canvas.clipPath(make_path(area), skia.ClipOp.kIntersect, True)
    smooth = skia.SamplingOptions(skia.FilterMode.kLinear)
    canvas.drawImageRect(image, skia.Rect.MakeWH(fine, fine), skia.Rect.MakeWH(size, size), smooth)
    canvas.restore()
    if name == "water":
        shore = make_paint((196, 188, 162), 0.8, width_px=max(1.6 * meter_px, 2.0))
        canvas.drawPath(make_path(area), shore)


def to_pixels(texture: Texture) -> UInt8[np.ndarray, "height width 4"]:
    """Return an opaque picture of a texture in 0 to 255."""
    pixels = np.full((*texture.shape[:2], 4), 255, np.uint8)
    np.clip(texture, 0, 255, out=texture)
    pixels[..., :3] = texture
    return pixels


def _grain(size: int, rng: np.random.Generator, cells: int) -> Float[np.ndarray, "height width"]:
    return sample_noise(rng, (size, size), (cells, cells))


def _grass(size: int, _: Points, meter_px: float, rng: np.random.Generator) -> Texture:
    color = np.array(_GRASS[int(rng.integers(len(_GRASS)))], np.float32)
    patches = _grain(size, rng, 6)[..., None] * np.array([14, 9, 8], np.float32)
    tufts = _grain(size, rng, max(int(size / max(meter_px, 1) / 2), 24))[..., None] * 7
    return color + patches + tufts


def _bare(size: int, _: Points, meter_px: float, rng: np.random.Generator) -> Texture:
    color = np.array(_BARE[int(rng.integers(len(_BARE)))], np.float32)
    patches = _grain(size, rng, 5)[..., None] * np.array([10, 10, 10], np.float32)
    return color + patches + _grain(size, rng, max(int(size / max(meter_px, 1)), 30))[..., None] * 6


def _water(size: int, _: Points, __: float, rng: np.random.Generator) -> Texture:
    color = np.array(_WATER[int(rng.integers(len(_WATER)))], np.float32)
    swell = _grain(size, rng, 4)[..., None] * np.array([6, 8, 8], np.float32)
    return color + swell + _grain(size, rng, 56)[..., None] * 3.0


def _fields(size: int, area: Points, meter_px: float, rng: np.random.Generator) -> Texture:
    color = np.array(_CROPS[int(rng.integers(len(_CROPS)))], np.float32)
    side = area[1] - area[0]
    if rng.random() < 0.5:
        side = np.array([-side[1], side[0]])
    normal = side / (np.linalg.norm(side) + 1e-6)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    period = max(float(rng.uniform(2.2, 4.0)) * meter_px, 4.0)
    rows = np.sin((x * normal[0] + y * normal[1]) * (2 * np.pi / period))[..., None]
    return color + rows * float(rng.uniform(3, 11)) + _grain(size, rng, 9)[..., None] * 8


_TEXTURES: Mapping[str, Callable[[int, Points, float, np.random.Generator], Texture]] = {
    "grass": _grass,
    "bare_land": _bare,
    "water": _water,
    "fields": _fields,
}


def _paint_trees(canvas: Any, area: Points, meter_px: float, rng: np.random.Generator) -> None:
    """Paint round crowns that keep within their area, shadows first."""
    low, high = area.min(0), area.max(0)
    color = _LEAVES[int(rng.integers(len(_LEAVES)))]
    crowns = []
    for _ in range(max(int((high - low).prod() / (22 * meter_px**2)), 3)):
        radius = float(rng.uniform(1.6, 3.0)) * meter_px
        if np.any(high - low <= 2 * radius):
            continue
        x, y = rng.uniform(low + radius, high - radius)
        crowns.append((float(x), float(y), radius))
    for x, y, radius in crowns:
        canvas.drawCircle(x + 0.4 * radius, y + 0.4 * radius, radius, make_paint((0, 0, 0), 0.25))
    for x, y, radius in crowns:
        shade = float(rng.uniform(0.85, 1.2))
        tone = tuple(part * shade for part in color)
        canvas.drawCircle(x, y, radius, make_paint(tone))
        light = tuple(min(part * 1.35, 255.0) for part in tone)
        canvas.drawCircle(
            x - 0.25 * radius, y - 0.25 * radius, 0.5 * radius, make_paint(light, 0.55, blur_px=1.5)
        )


def open_ground_stream(seed: int, number: int) -> np.random.Generator:
    """Open the random stream of one area."""
    return open_stream(seed, "ground", number)
