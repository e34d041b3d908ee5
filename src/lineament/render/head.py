"""The head as a surface: rings of a skull, sculpted features, in centimetres about the eyes."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

# Axes: x to the right side of the picture, y down, z towards the viewer. The origin lies between
# the pupils. Proportions follow means measured on portraits scaled to 6.3 cm between the pupils.
TOP, CHIN = -12.4, 11.7
DOME_Y, DOME_HEIGHT = -4.0, 8.4
MAX_TURN_DEGREES = 180.0
STOMION_Y = 6.65
EYE_X = 3.05

JAW_Y = (-4.0, -1.0, 2.0, 4.0, 6.0, 7.0, 8.2, 9.1, 9.9, 10.5, 11.1, 11.5, 11.7)
JAW_HALF_WIDTH = (7.5, 7.3, 7.1, 6.95, 6.55, 6.2, 5.4, 4.7, 3.85, 3.05, 2.1, 1.25, 0.0)
JAW_CENTRE_Z = (-8.5, -8.5, -8.5, -8.4, -8.1, -7.5, -5.9, -4.5, -3.2, -2.2, -1.4, -1.0, -1.0)
PROFILE_Z = (1.35, 1.5, 1.35, 1.4, 1.5, 1.45, 1.2, 1.15, 1.1, 0.95, 0.55, 0.1, -0.4)
NOSE_Y = (-2.2, -1.2, -0.4, 0.3, 1.0, 1.6, 2.3, 3.1, 3.7, 4.15, 4.5, 4.9)
NOSE_Z = (0.0, 0.12, 0.22, 0.55, 1.1, 1.6, 2.1, 2.55, 2.45, 1.7, 0.75, 0.0)
NOSE_HALF_WIDTH = (0.9, 0.7, 0.62, 0.62, 0.68, 0.76, 0.86, 1.0, 1.08, 1.08, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Shape:
    """Proportions of one head; 0 is the mean, most lie in -1 to 1.

    Attributes:
        square: Angular jaw.
        round: Wide, short face.
        oval: Slim face that tapers to the chin.
        chubby: Full cheeks and jaw.
        double_chin: A second fold under the chin.
        cheekbones: How far they stand out.
        jaw: Strong (male) to slight (female).
        brow_ridge: Strong (male) to slight (female).
        nose_size: Width and height of the nose.
        nose_point: How sharp its tip is.
        lips: Fullness of the lips.
        age: 0 young to 1 old: grooves and sagging.
        length: How long the lower face is.
    """

    square: float = 0.0
    round: float = 0.0
    oval: float = 0.0
    chubby: float = 0.0
    double_chin: float = 0.0
    cheekbones: float = 0.0
    jaw: float = 0.0
    brow_ridge: float = 0.0
    nose_size: float = 0.0
    nose_point: float = 0.0
    lips: float = 0.0
    age: float = 0.0
    length: float = 0.0


@dataclass(frozen=True, slots=True)
class HeadGrid:
    """The head's surface on a grid of rows (top to chin) and columns (turn about the head).

    Attributes:
        points: Positions in centimetres.
        turn_degrees: Angle about the head of each column; 0 is the front.
        front_mask: How much a point belongs to the front, 0 to 1.
    """

    points: Float[np.ndarray, "height width 3"]
    turn_degrees: Float[np.ndarray, "width"]
    front_mask: Float[np.ndarray, "height width"]


def bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """Return a Gaussian hill of height 1."""
    return np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)


def both_sides(
    x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float
) -> np.ndarray:
    """Return the same hill on both sides of the face."""
    return np.exp(-(((np.abs(x) - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)


def ease(
    value: np.ndarray | float, start: np.ndarray | float, stop: np.ndarray | float
) -> np.ndarray:
    """Rise smoothly from 0 at `start` to 1 at `stop`."""
    part = np.clip((np.asarray(value, dtype=np.float32) - start) / (stop - start), 0, 1)
    return part * part * (3 - 2 * part)


def rise(value: float, start: float, stop: float) -> float:
    """Rise smoothly from 0 at `start` to 1 at `stop`, for one number."""
    part = min(max((value - start) / (stop - start), 0.0), 1.0)
    return part * part * (3 - 2 * part)


def interpolate_smoothly(
    place: np.ndarray, knots: tuple[float, ...], values: np.ndarray | tuple[float, ...]
) -> np.ndarray:
    """Interpolate with a piecewise cubic whose slopes never overshoot much."""
    x, y = np.asarray(knots, np.float32), np.asarray(values, np.float32)
    slopes = np.gradient(y, x)
    place = np.clip(place, x[0], x[-1])
    index = np.clip(np.searchsorted(x, place, side="right") - 1, 0, len(x) - 2)
    step = x[index + 1] - x[index]
    s = (place - x[index]) / step
    return (
        (2 * s**3 - 3 * s**2 + 1) * y[index]
        + (s**3 - 2 * s**2 + s) * step * slopes[index]
        + (-2 * s**3 + 3 * s**2) * y[index + 1]
        + (s**3 - s**2) * step * slopes[index + 1]
    )


def half_width(y: np.ndarray, shape: Shape) -> np.ndarray:
    """Return the half width of the head at each height."""
    low = ease(y, 2, 9)
    knots = np.asarray(JAW_HALF_WIDTH, np.float32)
    jaw = np.asarray(JAW_Y, np.float32)
    chin_zone = np.where(jaw >= 11.6, 0.0, np.clip((jaw - 5) / 4, 0, 1))
    corner = chin_zone * np.exp(-(((jaw - 9.9) / 2.2) ** 2))
    knots = knots + corner * (0.75 * shape.square + 0.5 * shape.jaw + 0.35 * shape.round)
    knots = knots - corner * 0.45 * shape.oval
    lower = interpolate_smoothly(y, JAW_Y, knots)
    dome = np.clip((DOME_Y - y) / DOME_HEIGHT, 0, 1)
    width = np.where(y < DOME_Y, knots[0] * (1 - dome**2.3) ** (1 / 2.3), lower)
    fullness = 0.03 * shape.round - 0.025 * shape.oval + low * 0.05 * shape.chubby
    fullness = fullness + both_sides(y * 0, y, 0, 3.0, 1, 2.2) * 0.018 * shape.cheekbones
    return np.maximum(width, 0) * (1 + fullness)


def build_rings(y: np.ndarray, turn_degrees: np.ndarray, shape: Shape) -> np.ndarray:
    """Build the bare skull: one superellipse ring per height."""
    column = y[:, None]
    dome = np.clip((DOME_Y - column) / DOME_HEIGHT, 0, 1)
    lift = (1 - dome**2.6) ** (1 / 2.6)
    centre = interpolate_smoothly(column, JAW_Y, JAW_CENTRE_Z)
    profile = interpolate_smoothly(column, JAW_Y, PROFILE_Z)
    front = np.where(column < DOME_Y, lift * (PROFILE_Z[0] - JAW_CENTRE_Z[0]), profile - centre)
    nape = ease(column, 3, 9)
    back = (9.8 * (1 - nape) + 1.5 * nape) * np.where(column < DOME_Y, lift, 1)
    turn = np.radians(turn_degrees)[None, :]
    sine, cosine = np.sin(turn), np.cos(turn)
    x = half_width(column, shape) * np.sign(sine) * np.abs(sine) ** (2 / 2.2)
    depth = np.where(cosine > 0, front, back) * np.sign(cosine) * np.abs(cosine) ** (2 / 2.2)
    points = np.stack(np.broadcast_arrays(x, column, centre + depth), -1)
    return points.astype(np.float32)


def find_front_depth(x: np.ndarray, y: np.ndarray, shape: Shape) -> np.ndarray:
    """Return z of the sculpted front surface under points of the frontal plane."""
    width = np.maximum(half_width(y, shape), 0.2)
    centre = interpolate_smoothly(y, JAW_Y, JAW_CENTRE_Z)
    front = interpolate_smoothly(y, JAW_Y, PROFILE_Z) - centre
    dome = np.clip((DOME_Y - y) / DOME_HEIGHT, 0, 1)
    front = np.where(
        y < DOME_Y, (1 - dome**2.6) ** (1 / 2.6) * (PROFILE_Z[0] - JAW_CENTRE_Z[0]), front
    )
    ratio = np.clip(np.abs(x) / width, 0, 0.999)
    return centre + front * (1 - ratio**2.2) ** (1 / 2.2) + sculpt_features(x, y, shape)


def sculpt_features(x: np.ndarray, y: np.ndarray, shape: Shape) -> np.ndarray:
    """Return how far brows, eyes, nose, cheeks, lips and chin stand out of the bare skull."""
    size = 1 + 0.22 * shape.nose_size
    height = interpolate_smoothly(y, NOSE_Y, NOSE_Z) * (
        1 + 0.16 * shape.nose_size + 0.06 * shape.nose_point
    )
    width = interpolate_smoothly(y, NOSE_Y, NOSE_HALF_WIDTH) * size
    width = width * (1 - 0.2 * shape.nose_point * ease(y, 1, 3.6))
    z = height * np.exp(-(np.abs(x / width) ** 2.2))
    wing = 1.38 * size * (1 - 0.12 * shape.nose_point)
    z = z + 0.85 * size * both_sides(x, y, wing, 3.85, 0.48 * size, 0.55)
    z = z - 0.25 * both_sides(x, y, wing + 0.75, 4.1, 0.4, 0.7)
    ridge = 0.45 + 0.3 * shape.brow_ridge
    z = z + ridge * both_sides(x, y, 2.9, -1.75, 2.2, 0.7)
    z = z - 0.8 * both_sides(x, y, 3.0, -0.15, 1.6, 0.95)
    z = z - 0.75 * both_sides(x, y, 1.55, 0.1, 0.6, 1.0)
    z = z + 0.78 * both_sides(x, y, 3.1, 0.02, 1.15, 0.72)
    z = z + (0.55 + 0.4 * shape.cheekbones) * both_sides(x, y, 4.7, 2.7, 1.5, 1.2)
    z = z - 0.5 * shape.cheekbones * both_sides(x, y, 5.0, 6.2, 1.1, 1.6)
    z = z + 0.7 * shape.chubby * both_sides(x, y, 4.2, 6.0, 1.7, 2.2)
    z = z + 0.45 * np.exp(-((x / 2.3) ** 4)) * np.exp(-(((y - 6.15) / 0.5) ** 2))
    z = z + 0.5 * np.exp(-((x / 1.9) ** 4)) * np.exp(-(((y - 7.2) / 0.5) ** 2))
    z = z - 0.22 * np.exp(-((x / 2.3) ** 2)) * np.exp(-(((y - 6.66) / 0.16) ** 2))
    z = z - 0.4 * bump(x, y, 0, 8.35, 1.7, 0.5) + 0.5 * bump(x, y, 0, 9.9, 1.5, 0.95)
    z = z - 0.12 * bump(x, y, 0, 5.25, 0.28, 0.5) - 0.25 * both_sides(x, y, 2.75, 6.75, 0.4, 0.5)
    z = z - (0.04 + 0.22 * shape.age) * _nasolabial_groove(x, y)
    return z - 0.12 * shape.age * both_sides(x, y, 3.0, 1.25, 1.2, 0.25)


def _nasolabial_groove(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the fold from the wing of the nose to the corner of the mouth."""
    line = 2.15 + 0.42 * (y - 4.0) - 0.02 * (y - 4.0) ** 2
    along = ease(y, 3.4, 4.6) * (1 - ease(y, 6.6, 8.2))
    return along * np.exp(-(((np.abs(x) - line) / 0.26) ** 2))


def build_head(shape: Shape, height: int, width: int) -> HeadGrid:
    """Build the sculpted head on a grid that is finest around the middle of the face."""
    y = (_row_places(height) * (CHIN - TOP) + TOP).astype(np.float32)
    u = np.linspace(-1, 1, width, dtype=np.float32)
    turn = MAX_TURN_DEGREES * (0.4 * u + 0.6 * u**3)
    points = build_rings(y, turn, shape)
    x, rows = points[..., 0], points[..., 1]
    front = ease(np.cos(np.radians(turn)), 0.0, 0.35)[None, :] * np.ones_like(x)
    points[..., 2] += front * sculpt_features(x, rows, shape)
    points[..., 1] += front * 0.35 * shape.length * ease(rows, 4, 10)
    return HeadGrid(points=points, turn_degrees=turn, front_mask=front.astype(np.float32))


@cache
def _row_places(height: int) -> np.ndarray:
    """Return row positions from 0 to 1, closer together at the crown and the chin."""
    v = np.linspace(0, 1, height)
    return v - 0.06 * np.sin(2 * np.pi * v) / np.pi


def find_normals(
    points: Float[np.ndarray, "height width 3"],
) -> Float[np.ndarray, "height width 3"]:
    """Return unit normals that point outwards, by finite differences on the grid."""
    across = np.empty_like(points)
    across[:, 1:-1] = points[:, 2:] - points[:, :-2]
    across[:, 0], across[:, -1] = across[:, 1], across[:, -2]
    down = np.empty_like(points)
    down[1:-1] = points[2:] - points[:-2]
    down[0], down[-1] = down[1], down[-2]
    ax, ay, az = across[..., 0], across[..., 1], across[..., 2]
    dx, dy, dz = down[..., 0], down[..., 1], down[..., 2]
    normals = np.empty_like(points)
    normals[..., 0] = ay * dz - az * dy
    normals[..., 1] = az * dx - ax * dz
    normals[..., 2] = ax * dy - ay * dx
    length = np.sqrt(np.einsum("...i,...i->...", normals, normals)) + 1e-6
    normals /= length[..., None]
    return normals
