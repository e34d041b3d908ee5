"""Expressions: what each muscle moves, on the head's grid and on single points."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from lineament.render.head import STOMION_Y, HeadGrid, Shape, ease, find_front_depth

Expression = Mapping[str, float]  # strength by channel, 0 to 1; what is missing is 0

JAW_DROP_CM = 4.0

# channel: hills of motion on the right side of the picture (x > 0), mirrored for the left:
# centre x, y; spread x, y; motion x, y, z in centimetres at full strength.
MUSCLES: dict[str, tuple[tuple[float, ...], ...]] = {
    "smile": (
        (2.6, 6.7, 1.15, 0.95, 0.62, -0.72, -0.35),
        (3.9, 3.0, 1.5, 1.2, 0.1, -0.3, 0.45),
        (3.3, 5.4, 0.55, 1.2, 0.15, -0.2, -0.22),
        (1.2, 6.3, 0.9, 0.7, 0.12, -0.12, -0.2),
    ),
    "corners_down": ((2.5, 6.9, 0.95, 0.8, -0.05, 0.5, -0.1), (1.4, 7.3, 0.9, 0.5, 0, -0.08, 0.1)),
    "wide": ((2.5, 6.8, 1.2, 1.2, 0.5, 0.05, -0.35),),
    "pucker": (
        (2.3, 6.7, 1.1, 1.4, -1.05, 0.0, 0.35),
        (0.6, 6.0, 1.1, 0.45, 0.0, -0.25, 0.55),
        (0.6, 7.3, 1.1, 0.5, 0.0, 0.25, 0.55),
    ),
    "upper_lip_up": ((0.9, 6.1, 1.6, 0.8, 0.0, -0.55, 0.0), (2.1, 4.4, 0.7, 0.8, 0.05, -0.2, 0.1)),
    "lower_lip_down": ((0.8, 7.3, 1.5, 0.7, 0.0, 0.6, 0.0),),
    "press": ((0.8, 6.1, 1.8, 0.45, 0, 0.18, -0.25), (0.8, 7.3, 1.8, 0.5, 0, -0.28, -0.25)),
    "sneer": (
        (1.6, 4.1, 0.7, 0.7, 0.15, -0.42, 0.2),
        (1.5, 6.1, 0.9, 0.7, 0.1, -0.55, 0.1),
        (1.0, 1.0, 0.5, 0.8, -0.05, -0.15, 0.2),
        (2.7, 4.6, 0.5, 1.0, 0.1, -0.2, -0.28),
    ),
    "brow_inner_up": ((1.5, -1.8, 1.3, 1.5, 0.0, -0.8, 0.0),),
    "brow_outer_up": ((4.1, -2.0, 1.9, 1.6, 0.0, -0.75, 0.0),),
    "brow_down": (
        (1.5, -1.7, 1.3, 1.3, -0.32, 0.62, 0.25),
        (3.9, -1.8, 1.5, 1.2, 0.0, 0.35, 0.1),
    ),
    "brow_knit": (
        (1.5, -1.7, 0.9, 1.2, -0.4, 0.1, 0.3),
        (0.62, -1.6, 0.22, 0.9, 0.0, 0.0, -0.25),
    ),
    "chin_drop": ((0.0, 9.6, 3.4, 1.7, 0.0, 0.4, 0.0), (3.9, 7.0, 1.6, 1.8, 0.12, 0.25, 0.25)),
    "cheek_puff": ((4.0, 6.4, 1.5, 1.5, 0.45, 0.0, 1.1), (2.4, 6.0, 1.4, 1.4, 0.0, 0.0, 0.4)),
}
SIDED = ("smile", "sneer", "brow_outer_up")  # these have channels of their own for each side
EYE_CHANNELS = ("blink_left", "blink_right", "squint", "widen", "gaze_x", "gaze_y", "tears")


def list_channels() -> tuple[str, ...]:
    """List all channels of an expression; sides are sides of the picture."""
    names = ["jaw", "tongue", *EYE_CHANNELS]
    for name in MUSCLES:
        names += [f"{name}_left", f"{name}_right"] if name in SIDED else [name]
    return tuple(names)


def weigh_jaw(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how far each point follows the falling jaw, 0 to 1."""
    side = np.clip(np.abs(x) / 6.0, 0, 1)
    corner = np.clip(np.abs(x) / 2.6, 0, 1)
    start = (STOMION_Y - 0.05) * (1 - side**2) + 4.0 * side**2
    length = 0.12 + 1.6 * corner**2 + 4.0 * side**2
    reach = np.clip((y - start) / length, 0, 1)
    return reach * reach * (3 - 2 * reach) * (1 - 0.35 * side)


def find_motion(channel: str, x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "... 3"]:
    """Return the motion in centimetres of surface points at full strength of one channel."""
    motion = np.zeros((*np.shape(x), 3), np.float32)
    if channel == "jaw":
        weight = weigh_jaw(x, y)
        motion[..., 1] = JAW_DROP_CM * weight
        motion[..., 2] = -0.3 * JAW_DROP_CM * weight
        motion[..., 0] = -0.12 * x * weight * ease(y, 5, 8)
        return motion
    stem, _, side = channel.rpartition("_")
    if stem not in MUSCLES:
        stem, side = channel, ""
    if stem not in MUSCLES:
        return motion
    for sign in (-1.0, 1.0):
        if (side == "left" and sign > 0) or (side == "right" and sign < 0):
            continue
        for cx, cy, sx, sy, mx, my, mz in MUSCLES[stem]:
            hill = np.exp(-(((x * sign - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)
            motion[..., 0] += hill * mx * sign
            motion[..., 1] += hill * my
            motion[..., 2] += hill * mz
    return motion


@dataclass
class MovingHead:
    """A head's grid with the motion of each channel worked out once."""

    shape: Shape
    grid: HeadGrid

    def __post_init__(self) -> None:
        self._motions: dict[str, np.ndarray] = {}
        self._points: dict[bytes, tuple[np.ndarray, dict[str, np.ndarray]]] = {}

    def move_grid(self, expression: Expression) -> Float[np.ndarray, "height width 3"]:
        """Return the grid's points under an expression."""
        points = self.grid.points.copy()
        for channel, strength in expression.items():
            if not strength or channel in EYE_CHANNELS:
                continue
            if channel not in self._motions:
                rest = self.grid.points
                motion = find_motion(channel, rest[..., 0], rest[..., 1])
                self._motions[channel] = motion * self.grid.front_mask[..., None]
            points += strength * self._motions[channel]
        return points

    def move_points(
        self, places: Float[np.ndarray, "points 2"], expression: Expression, lift: float = 0.0
    ) -> Float[np.ndarray, "points 3"]:
        """Return surface points, given by their resting x and y, under an expression.

        Args:
            places: Resting positions in the frontal plane, in centimetres.
            expression: Strength of each channel.
            lift: How far above the surface, in centimetres.
        """
        key = places.tobytes()
        if key not in self._points:
            x, y = places[:, 0], places[:, 1]
            z = find_front_depth(x, y, self.shape)
            drop = 0.35 * self.shape.length * ease(y, 4, 10)
            self._points[key] = (np.stack([x, y + drop, z], -1).astype(np.float32), {})
        rest, motions = self._points[key]
        points = rest.copy()
        points[:, 2] += lift
        for channel, strength in expression.items():
            if not strength or channel in EYE_CHANNELS:
                continue
            if channel not in motions:
                motions[channel] = find_motion(channel, places[:, 0], places[:, 1])
            points += strength * motions[channel]
        return points


@cache
def _channel_set() -> frozenset[str]:
    return frozenset(list_channels())


def add_expression(total: dict[str, float], other: Expression, strength: float = 1.0) -> None:
    """Add an expression to another in place.

    Raises:
        KeyError: A channel does not exist.
    """
    for channel, value in other.items():
        if channel not in _channel_set():
            raise KeyError(channel)
        total[channel] = total.get(channel, 0.0) + strength * value
