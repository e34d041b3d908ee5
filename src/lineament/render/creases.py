"""Creases: the folds that an expression adds to the skin."""

import numpy as np
from jaxtyping import Float

from lineament.render.expression import Expression
from lineament.render.head import HeadGrid, both_sides, ease


def _line(distance: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((distance / width) ** 2))


def draw_creases(grid: HeadGrid, age: float) -> dict[str, Float[np.ndarray, "height width"]]:
    """Draw the folds of each channel on the resting grid, 0 to 1."""
    x, y = grid.points[..., 0], grid.points[..., 1]
    side = np.abs(x)
    fold_x = 2.25 + 0.5 * (y - 4.0)
    ends = ease(y, 3.7, 4.6) * (1 - ease(y, 6.6, 7.6))
    smile = 0.34 * _line(side - fold_x, 0.2) * ends
    smile = smile + 0.1 * both_sides(x, y, 3.3, 1.5, 1.3, 0.2)
    crow = sum(_line(y - 0.2 - slope * (side - 4.4), 0.12) for slope in (-0.4, 0.05, 0.45)) * (
        ease(side, 4.7, 5.1) * (1 - ease(side, 5.6, 6.2))
    )
    smile = smile + (0.08 + 0.16 * age) * crow
    forehead = sum(_line(y - level + 0.02 * x**2, 0.13) for level in (-3.4, -4.3, -5.1)) * (
        1 - ease(side, 2.8, 4.4)
    )
    frown = 0.42 * _line(side - 0.5, 0.15) * ease(y, -3.0, -2.2) * (1 - ease(y, -1.0, -0.3))
    frown = frown + 0.12 * _line(y - 0.15, 0.15) * (1 - ease(side, 0.7, 1.2))
    sneer = (
        0.3 * _line(side - 0.85 - 0.1 * (y - 1), 0.15) * ease(y, 0.3, 0.8) * (1 - ease(y, 1.8, 2.4))
    )
    sneer = sneer + 0.34 * _line(side - fold_x, 0.2) * ends
    squint = 0.16 * crow + 0.15 * _line(y - 1.05 - 0.1 * (side - 3) ** 2, 0.13) * (
        1 - ease(side, 4, 4.8)
    ) * ease(side, 1.8, 2.4)
    right = x > 0
    masks = {
        "smile_left": smile * ~right,
        "smile_right": smile * right,
        "sneer_left": sneer * ~right,
        "sneer_right": sneer * right,
        "brow_inner_up": 0.22 * forehead,
        "brow_down": 0.6 * frown,
        "brow_knit": frown,
        "squint": squint,
    }
    return {key: (mask * grid.front_mask).astype(np.float32) for key, mask in masks.items()}


def sum_creases(
    masks: dict[str, Float[np.ndarray, "height width"]], expression: Expression
) -> Float[np.ndarray, "height width"] | None:
    """Return how much light the folds of an expression take, 0 to 0.7; None without any."""
    total = None
    for channel, mask in masks.items():
        strength = expression.get(channel, 0.0)
        if strength > 0.02:
            part = mask * min(strength, 1.2)
            total = part if total is None else total + part
    return None if total is None else np.minimum(total, 0.7)
