"""Light: where it comes from, how bright and how warm, and how surfaces take it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

TEMPERATURE_GAIN = {
    "warm": (1.12, 0.99, 0.80),
    "neutral": (1.0, 1.0, 1.0),
    "cold": (0.86, 0.98, 1.15),
}
LEVEL_GAIN = {"bright": 1.2, "normal": 1.0, "dim": 0.58}


@dataclass(frozen=True, slots=True)
class Light:
    """One key light, its sky, and the picture's overall exposure.

    Attributes:
        direction: Unit vector from the face to the light, in camera axes.
        key: Strength of the key light.
        ambient: Strength of the light from all around.
        rim: Strength of a light from behind.
        gain: Exposure of each colour channel of the finished picture.
    """

    direction: tuple[float, float, float]
    key: float
    ambient: float
    rim: float
    gain: tuple[float, float, float]

    def turned_into(self, rotation: Float[np.ndarray, "3 3"]) -> np.ndarray:
        """Return the direction in head axes under the head's rotation."""
        return (np.asarray(self.direction, np.float32) @ rotation).astype(np.float32)


def make_light(direction: str, level: str, temperature: str, sway: tuple[float, float]) -> Light:
    """Make the light that the facts name.

    Args:
        direction: Side of the picture, ``frontal`` or ``back``.
        level: ``bright``, ``normal`` or ``dim``.
        temperature: ``warm``, ``neutral`` or ``cold``.
        sway: Two numbers in -1 to 1 that vary the direction a little.
    """
    a, b = sway
    vector, key, ambient, rim = {
        "frontal": ((0.28 * a, -0.5 + 0.12 * b, 0.9), 0.84, 0.36, 0.0),
        "left": ((-0.95, -0.4 + 0.15 * b, 0.5 + 0.1 * a), 1.05, 0.2, 0.0),
        "right": ((0.95, -0.4 + 0.15 * b, 0.5 + 0.1 * a), 1.05, 0.2, 0.0),
        "back": ((0.35 * a, -0.7, 0.5), 0.25, 0.34, 0.85),
    }[direction]
    unit = np.asarray(vector) / np.linalg.norm(vector)
    gain = np.asarray(TEMPERATURE_GAIN[temperature]) * LEVEL_GAIN[level]
    x, y, z = (float(part) for part in unit)
    red, green, blue = (float(part) for part in gain)
    return Light((x, y, z), key, ambient, rim, (red, green, blue))


def shade_simply(color: np.ndarray, normals: np.ndarray, light: Light) -> np.ndarray:
    """Shade a matt surface: colours and normals of one shape, colours in 0 to 1."""
    facing = normals @ np.asarray(light.direction, np.float32)
    lit = light.key * np.clip(0.25 + 0.75 * facing, 0, None) + light.ambient * (
        0.75 - 0.25 * normals[..., 1]
    )
    edge = light.rim * np.clip(1 - np.abs(normals[..., 2]), 0, 1) ** 2
    return np.clip(color**2 * (lit + edge)[..., None], 0, 1) ** 0.5
