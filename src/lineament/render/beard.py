"""Hair of the face: beard, goatee, moustache, stubble, sideburns, on the head's grid."""

import numpy as np
from jaxtyping import Float

from lineament.render.head import HeadGrid, bump, ease
from lineament.render.look import Look
from lineament.render.skin import SkinLayer, cover_with_hair
from lineament.render.streams import open_stream, sample_noise


def find_beard(grid: HeadGrid, look: Look) -> Float[np.ndarray, "height width"]:
    """Return how thick hair covers each point of the face, 0 to 1; stubble stays below 0.45."""
    x, y = np.abs(grid.points[..., 0]), grid.points[..., 1]
    hair = look.hair
    total = np.zeros_like(x)
    cheek_line = np.interp(x, [0, 2.9, 4.0, 5.2, 6.2, 7.2], [8.0, 7.0, 6.2, 4.9, 2.6, 1.2])
    full = ease(y, cheek_line - 0.2, cheek_line + 0.7)
    below = full * (1 - _lip_zone(x, y))
    lip = _find_mustache(x, y)
    joint = np.exp(-(((x - 2.75) / 0.55) ** 2)) * ease(y, 5.4, 6.2) * (1 - ease(y, 9, 11))
    if hair.beard == "full":
        total = np.maximum(np.maximum(below, lip), joint)
    if hair.beard == "goatee":
        chin = (1 - ease(x, 1.9, 2.5)) * ease(y, 8.0, 8.7) * (1 - _lip_zone(x, y))
        total = np.maximum.reduce([total, chin, 0.95 * (joint * (x < 3.4)), lip])
    if hair.has_mustache:
        total = np.maximum(total, lip)
    if hair.has_sideburns:
        side = ease(x, 6.1, 6.6) * ease(y, -1, 1) * (1 - ease(y, 5.4, 6.0))
        total = np.maximum(total, side)
    if hair.has_stubble:
        total = np.maximum(total, 0.42 * np.maximum.reduce([below, lip, joint]))
    return (total * grid.front_mask).astype(np.float32)


def _lip_zone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (1 - ease(x, 2.2, 2.7)) * ease(y, 5.6, 6.0) * (1 - ease(y, 7.7, 8.1))


def _find_mustache(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    top = np.interp(x, [0, 1.4, 2.6, 3.2], [4.95, 4.85, 5.6, 6.4])
    low = np.interp(x, [0, 0.7, 1.6, 2.6, 3.2], [5.95, 5.85, 6.05, 6.7, 7.1])
    inside = ease(y, top - 0.1, top + 0.35) * (1 - ease(y, low - 0.2, low + 0.15))
    return inside * (1 - ease(x, 2.7, 3.1)) * (1 - 0.4 * bump(x, y, 0, 5.2, 0.22, 0.6))


def grow_beard(layer: SkinLayer, grid: HeadGrid, look: Look, *, is_flat: bool) -> None:
    """Paint the beard on the skin and raise the surface under it, both in place."""
    mask = find_beard(grid, look)
    if not mask.any():
        return
    rng = open_stream(look.seed, "beard")
    shape = mask.shape
    strands = sample_noise(rng, shape, (shape[0] // 5, shape[1])) + 0.5 * sample_noise(
        rng, shape, (shape[0] // 3, shape[1] // 2)
    )
    thick = np.clip((mask - 0.45) / 0.55, 0, 1)
    if is_flat:
        color = look.hair.beard_color
        cover_with_hair(layer, np.where(mask > 0.5, 1.0, np.where(mask > 0.2, 0.3, 0.0)), color)
    else:
        cover = np.clip(mask * (0.92 + 0.22 * strands) + 0.1 * strands * (mask > 0.1), 0, 0.97)
        stubble = mask * (0.55 + 0.5 * rng.uniform(-1, 1, shape).astype(np.float32))
        cover = np.where(mask > 0.45, cover, np.clip(stubble, 0, 1) * 1.35)
        cover_with_hair(layer, cover, look.hair.beard_color)
        layer.albedo *= np.maximum(1 + 0.4 * thick * strands, 0.2)[..., None]
    jaw = ease(grid.points[..., 1], 8, 11)
    full = 1.0 if look.hair.beard == "full" else 0.4
    lift = thick * (0.15 + 0.4 * full * jaw + 0.05 * strands)
    grid.points[..., 2] += lift
    grid.points[..., 1] += 0.9 * lift * jaw
    grid.points[..., 0] += (
        0.5 * lift * np.sign(grid.points[..., 0]) * ease(np.abs(grid.points[..., 0]), 2, 5)
    )
