"""Shells: closed surfaces about the skull, on which hair, hats and scarves are painted."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lineament.render.head import ease, find_normals

CROWN = np.array([0.0, -3.6, -8.5], np.float32)
RADII = np.array([7.55, 8.85, 9.85], np.float32)


@dataclass(frozen=True)
class Shell:
    """A surface from the crown downwards, all around the head.

    Attributes:
        points: Head axes, centimetres; rows run down, columns turn about the head.
        turn_degrees: Angle of each column; 0 is the front, -180 and 180 the back.
    """

    points: Float[np.ndarray, "height width 3"]
    turn_degrees: Float[np.ndarray, "width"]

    def find_normals(self) -> Float[np.ndarray, "height width 3"]:
        """Return normals that point outwards."""
        return find_normals(self.points)


def build_shell(
    height: int,
    width: int,
    *,
    bottom_y: float,
    top_cm: float,
    side_cm: float,
    nape: float = 1.0,
    flare: float = 0.0,
) -> Shell:
    """Build a dome that goes on straight down from the widest part of the skull.

    Args:
        height: Rows.
        width: Columns.
        bottom_y: Where it ends.
        top_cm: Thickness over the crown.
        side_cm: Thickness at the sides.
        nape: How far it draws in towards the neck, 0 to 1.
        flare: How far it widens towards the bottom, in centimetres.
    """
    radius_y = RADII[1] + top_cm
    arc = radius_y * np.pi / 2
    along = np.linspace(0.02, arc + bottom_y - CROWN[1], height, dtype=np.float32)
    angle = np.minimum(along / radius_y, np.pi / 2)
    y = CROWN[1] - radius_y * np.cos(angle) + np.maximum(along - arc, 0)
    reach = np.sin(angle) ** 0.8
    turn = np.linspace(-180, 180, width, dtype=np.float32)
    sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    low = ease(y, -1, 7)
    wide = flare * ease(y, 2, 16)
    radius_x = (RADII[0] + side_cm) * reach * (1 - 0.13 * nape * low) + wide
    radius_front = (RADII[2] + side_cm * 0.5 + 0.2 * top_cm) * reach + wide
    radius_back = radius_front * (1 - 0.45 * nape * low)
    shape = 2 / 2.15
    x = radius_x[:, None] * (np.sign(sine) * np.abs(sine) ** shape)[None]
    depth = np.where(cosine > 0, radius_front[:, None], radius_back[:, None])
    z = CROWN[2] + depth * (np.sign(cosine) * np.abs(cosine) ** shape)[None]
    points = np.stack([x, np.broadcast_to(y[:, None], x.shape), z], -1)
    return Shell(points.astype(np.float32), turn)


def swell(shell: Shell, amount: np.ndarray) -> Shell:
    """Move a shell's points outwards by so many centimetres each."""
    return Shell(shell.points + shell.find_normals() * amount[..., None], shell.turn_degrees)
