"""Skin: its colour, blemishes, stubble and make-up on the head's grid, and its shading."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from lineament.render.brush import Color
from lineament.render.head import EYE_X, HeadGrid, both_sides, bump, ease, find_normals
from lineament.render.light import Light
from lineament.render.look import Look
from lineament.render.streams import open_stream, sample_noise

WRAP = np.array([0.42, 0.26, 0.2], np.float32)  # red light travels furthest under the skin


@dataclass
class SkinLayer:
    """What of the skin does not change within a clip.

    Attributes:
        albedo: Linear colour.
        shade: Light that reaches a point at all, 0 to 1: folds and hollows are darker.
        gloss: Strength of the shine.
    """

    albedo: Float[np.ndarray, "height width 3"]
    shade: Float[np.ndarray, "height width"]
    gloss: Float[np.ndarray, "height width"]


def paint_skin(grid: HeadGrid, look: Look, seed: int, *, is_flat: bool) -> SkinLayer:
    """Paint the resting skin: tone, blush, freckles, mole, scar, stubble, beard and make-up."""
    x, y = grid.points[..., 0], grid.points[..., 1]
    front = grid.front_mask
    skin = look.skin
    height, width = x.shape
    color = np.ones((height, width, 3), np.float32) * np.asarray(skin.color, np.float32) / 255
    if not is_flat:
        color = _vary_tone(color, x, y, seed)
    for strength, tint, mask in _list_tints(x, y, look):
        color = _blend(color, tint, strength * mask * front)
    if skin.freckles:
        color = _dot_freckles(color, x, y, front, look, seed)
    for spot in skin.moles:
        mask = bump(x, y, spot[0], spot[1], spot[2], spot[2]) ** 2
        color = _blend(color, (70, 40, 32), np.clip(1.6 * mask, 0, 0.95) * front)
    if skin.scar:
        color = _draw_scar(color, x, y, front, skin.scar)
    shade = _find_hollows(x, y, look)
    gloss = 0.25 + 0.5 * bump(x, y, 0, 2.8, 0.8, 2.0) + 0.3 * bump(x, y, 0, -4.5, 3.5, 2)
    gloss = gloss + 0.3 * both_sides(x, y, 4.3, 2.3, 1.4, 1.0) + 0.2 * bump(x, y, 0, 9.9, 1.2, 0.8)
    gloss = gloss * (1 + 0.25 * skin.is_bald) * skin.shine
    if not is_flat:
        rng = open_stream(seed, "pores")
        gloss = gloss * (1 + 0.5 * rng.uniform(-1, 1, x.shape).astype(np.float32))
    return SkinLayer(
        (np.clip(color, 0, 1) ** 2).astype(np.float32),
        shade.astype(np.float32),
        (np.maximum(gloss, 0) * front).astype(np.float32),
    )


def _vary_tone(color: np.ndarray, x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Add patches, warmth at nose, cheeks and ears, and a cooler jaw."""
    rng = open_stream(seed, "tone")
    patches = sample_noise(rng, x.shape, (26, 22)) * 0.022
    grain = rng.uniform(-0.022, 0.022, x.shape).astype(np.float32)
    color = color * (1 + (patches + grain)[..., None])
    warm = both_sides(x, y, 4.2, 3.6, 1.8, 1.5) + bump(x, y, 0, 3.5, 1.2, 0.9)
    warm = warm + 0.5 * bump(x, y, 0, 9.9, 1.3, 0.8)
    color[..., 0] *= 1 + 0.035 * warm
    color[..., 1:] *= (1 - 0.045 * warm)[..., None]
    return color


def _blend(color: np.ndarray, tint: Color, mask: np.ndarray) -> np.ndarray:
    mask = np.clip(mask, 0, 1)[..., None].astype(np.float32)
    return color * (1 - mask) + np.asarray(tint, np.float32) / 255 * mask


def _list_tints(x: np.ndarray, y: np.ndarray, look: Look) -> list[tuple[float, Color, np.ndarray]]:
    """List the soft patches of colour: strength, colour, where."""
    skin, makeup = look.skin, look.makeup
    blush = skin.blush_color
    under = both_sides(x, y, EYE_X, 1.0, 1.25, 0.38)
    lid = both_sides(x, y, EYE_X + 0.1, -0.75, 1.55, 0.6)
    shadow = tuple(0.55 * part for part in skin.color)
    hollow = both_sides(x, y, 1.9, 0.2, 0.5, 0.9)
    return [
        (0.1, tuple(0.6 * part for part in skin.color), lid + 0.8 * hollow),
        (0.55 * skin.rosy, blush, both_sides(x, y, 4.1, 3.4, 1.5, 1.1)),
        (0.25 * skin.rosy, blush, bump(x, y, 0, 3.4, 0.9, 0.7)),
        (0.5 * skin.eye_bags, (shadow[0], shadow[1] * 0.86, shadow[2] * 0.95), under),
        (0.62 * makeup.eye_shadow, makeup.eye_color, lid),
        (0.5 * makeup.blush, makeup.blush_color, both_sides(x, y, 4.6, 2.9, 1.5, 0.8)),
    ]


def _dot_freckles(
    color: np.ndarray, x: np.ndarray, y: np.ndarray, front: np.ndarray, look: Look, seed: int
) -> np.ndarray:
    rng = open_stream(seed, "freckle")
    zone = both_sides(x, y, 3.4, 2.6, 2.2, 1.5) + 0.8 * bump(x, y, 0, 1.9, 1.5, 1.4)
    mask = np.zeros_like(x)
    for _ in range(95):
        px, py = rng.uniform(-5.6, 5.6), rng.uniform(0.9, 5.0)
        size = rng.uniform(0.1, 0.17)
        mask += rng.uniform(0.5, 1.0) * bump(x, y, px, py, size, size)
    tint = tuple(
        part * factor for part, factor in zip(look.skin.color, (0.66, 0.5, 0.4), strict=True)
    )
    return _blend(color, tint, np.clip(mask, 0, 1) * np.clip(zone, 0, 1) * front * 0.95)


def _draw_scar(
    color: np.ndarray, x: np.ndarray, y: np.ndarray, front: np.ndarray, scar: tuple[float, ...]
) -> np.ndarray:
    px, py, angle, length = scar
    along = (x - px) * np.cos(angle) + (y - py) * np.sin(angle)
    across = -(x - px) * np.sin(angle) + (y - py) * np.cos(angle) + 0.06 * along**2
    ends = 1 - ease(np.abs(along), length * 0.8, length)
    line = np.exp(-((across / 0.12) ** 2)) * ends
    edge = np.exp(-((across / 0.28) ** 2)) * ends
    color = _blend(color, (150, 70, 62), 0.5 * edge * front)
    return _blend(color, (240, 196, 180), 0.75 * line * front)


def _find_hollows(x: np.ndarray, y: np.ndarray, look: Look) -> np.ndarray:
    """Return the share of light from all around that reaches each point."""
    age, skin = look.shape.age, look.skin
    dark = 0.3 * both_sides(x, y, 1.7, -0.1, 0.75, 1.1) + 0.12 * both_sides(
        x, y, 3.0, -0.6, 1.7, 0.5
    )
    dark = (
        dark + 0.3 * both_sides(x, y, 2.15, 4.1, 0.35, 0.55) + 0.2 * bump(x, y, 0, 4.85, 1.5, 0.4)
    )
    dark = dark + 0.28 * bump(x, y, 0, 8.3, 1.5, 0.4) + 0.2 * both_sides(x, y, 2.85, 6.8, 0.4, 0.5)
    dark = dark + 0.22 * ease(y, 10.9, 11.7) + 0.1 * ease(np.abs(x), 6.2, 7.2) * ease(y, 0, 6)
    if skin.wrinkles:
        dark = dark + skin.wrinkles * _draw_wrinkles(x, y)
    if skin.dimples:
        dark = dark + 0.42 * skin.dimples * both_sides(x, y, 3.75, 6.2, 0.3, 0.42)
    if skin.eye_bags:
        dark = dark + 0.34 * skin.eye_bags * _draw_eye_bag(x, y)
    if skin.double_chin:
        line = 11.05 - 0.055 * x**2
        fold = np.exp(-(((y - line) / 0.2) ** 2)) * (1 - ease(np.abs(x), 2.2, 3.4))
        dark = dark + 0.45 * skin.double_chin * fold
    return np.clip(1 - dark * (1 + 0.2 * age), 0.2, 1)


def _draw_eye_bag(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    part = (np.abs(x) - EYE_X) / 1.35
    line = 1.42 - 0.5 * part**2
    return np.exp(-(((y - line) / 0.17) ** 2)) * (1 - ease(np.abs(part), 0.7, 1.1))


def _draw_wrinkles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Draw lines on the forehead, between the brows, at the eyes and about the mouth."""
    dark = np.zeros_like(x)
    for row, level in enumerate((-3.1, -3.95, -4.8)):
        line = level - 0.02 * x**2 + 0.07 * np.sin(1.9 * x + row)
        dark += 0.3 * np.exp(-(((y - line) / 0.13) ** 2)) * (1 - ease(np.abs(x), 2.8, 4.6))
    dark += 0.3 * both_sides(x, y, 0.5, -1.5, 0.13, 0.8)
    for slope in (-0.42, 0.02, 0.45):
        line = 0.2 + slope * (np.abs(x) - 4.4)
        ends = ease(np.abs(x), 4.65, 5.0) * (1 - ease(np.abs(x), 5.7, 6.3))
        dark += 0.3 * np.exp(-(((y - line) / 0.12) ** 2)) * ends
    fold = 2.2 + 0.42 * (y - 4.0)
    ends = ease(y, 3.6, 4.6) * (1 - ease(y, 6.8, 8.4))
    dark += 0.42 * np.exp(-(((np.abs(x) - fold) / 0.2) ** 2)) * ends
    marionette = np.exp(-(((np.abs(x) - 2.9) / 0.2) ** 2))
    dark += 0.28 * marionette * ease(y, 7.0, 7.5) * (1 - ease(y, 8.3, 9.3))
    under = 1.35 - 0.22 * (np.abs(x) - EYE_X) ** 2
    return dark + 0.24 * np.exp(-(((y - under) / 0.13) ** 2)) * both_sides(x, y, EYE_X, 1.3, 1.3, 1)


def cover_with_hair(layer: SkinLayer, mask: np.ndarray, color: Color) -> None:
    """Cover skin with stubble, beard or shaved scalp, in place; the mask is 0 to 1."""
    mask = np.clip(mask, 0, 1).astype(np.float32)[..., None]
    tint = (np.asarray(color, np.float32) / 255) ** 2
    layer.albedo[:] = layer.albedo * (1 - mask) + tint * mask
    layer.gloss[:] = layer.gloss * (1 - 0.8 * mask[..., 0])


def shade_skin(
    layer: SkinLayer,
    points: Float[np.ndarray, "height width 3"],
    light: Light,
    rotation: Float[np.ndarray, "3 3"],
    creases: np.ndarray | None,
    *,
    is_flat: bool,
) -> UInt8[np.ndarray, "height width 4"]:
    """Shade the skin for one frame.

    Args:
        layer: The resting skin.
        points: Where the grid is now, in head axes.
        light: The light.
        rotation: The head's rotation.
        creases: Extra folds of the expression, to take from the light, 0 to 1.
        is_flat: Draw in a few clean tones.
    """
    normals = find_normals(points)
    direction = light.turned_into(rotation)
    viewer = rotation[2]
    shade = layer.shade if creases is None else layer.shade * (1 - creases)
    facing = normals @ direction
    up = normals @ (-rotation[1])
    pixels = np.full((*facing.shape, 4), 255, np.uint8)
    if is_flat:
        tone = ease(facing * 0.8 + up * 0.2, 0.0, 0.14)
        lit = (0.62 + 0.38 * tone) * (0.55 + 0.45 * ease(shade, 0.45, 0.75))
        lit = lit * (0.7 + 0.3 * min(light.key + light.ambient * 0.5, 1.1))
        color = np.sqrt(layer.albedo) * np.sqrt(lit)[..., None] * 255
        pixels[..., :3] = np.minimum(color, 255)
        return pixels
    around = light.ambient * (0.8 + 0.2 * up) * shade
    edge = 1 - np.clip(normals @ viewer, 0, 1)
    around += light.rim * edge**3
    shadow = 0.45 + 0.55 * shade
    half = direction + viewer
    half /= np.linalg.norm(half) + 1e-6
    shine = np.clip(normals @ half, 0, 1) ** 2
    shine = shine * shine
    shine = shine * shine
    shine = (0.6 * shine * shine + 0.12 * shine) * layer.gloss * light.key * 0.42
    for channel in range(3):
        wrap = WRAP[channel]
        diffuse = np.maximum(facing + wrap, 0) * (light.key * 1.12 / (1 + wrap))
        value = layer.albedo[..., channel] * (diffuse * shadow + around) + shine * shadow
        np.sqrt(value, out=value)
        value *= 255
        pixels[..., channel] = np.minimum(value, 255)
    return pixels
